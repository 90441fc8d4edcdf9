"""A scan as SARIF 2.1.0 (OASIS), which editors and code hosts show beside the code."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePath
from types import ModuleType
from typing import Any
from urllib.parse import quote

from .. import __version__
from .finding import Finding
from .scan import Scan

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif_log(found: Scan, rules: Sequence[ModuleType]) -> dict[str, Any]:
    """The log of one scan; a file that could not be looked at is a notification of the tool."""
    ids = [rule.ID for rule in rules]
    problems = [
        {
            "level": "error",
            "message": {"text": problem.what},
            "locations": [{"physicalLocation": {"artifactLocation": _uri(problem.path)}}],
        }
        for problem in found.problems
    ]
    run = {
        "tool": {"driver": {"name": "reenact", "version": __version__, "rules": [_rule(rule) for rule in rules]}},
        "results": [_result(finding, ids.index(finding.rule)) for finding in found.findings],
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": problems}],
        "columnKind": "unicodeCodePoints",
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: ModuleType) -> dict[str, Any]:
    return {
        "id": rule.ID,
        "shortDescription": {"text": rule.WHAT},
        "fullDescription": {"text": rule.WHY},
        "help": {"text": rule.FIX},
        "defaultConfiguration": {"level": rule.SEVERITY},
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    where = {"startLine": finding.line, "startColumn": finding.column}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.severity,
        "message": {"text": f"{finding.what}. {finding.why}. Fix: {finding.fix}"},
        "locations": [{"physicalLocation": {"artifactLocation": _uri(finding.path), "region": where}}],
    }


def _uri(path: str) -> dict[str, str]:
    return {"uri": quote(os.fsencode(PurePath(path).as_posix()))}
