"""``reenact scan``: what in the code stands in the way of reproducing it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..static.scan import Scan


@click.command(name="scan", short_help="Say what in the code stands in the way of reproducing it.")
@click.argument("target", metavar="[SCRIPT|DIR]", required=False)
@click.option(
    "--strict", is_flag=True, help="Exit with 1 when there are findings, or files that could not be looked at."
)
@click.option("--rules", "list_rules", is_flag=True, help="List the rules.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--sarif", is_flag=True, help="Print SARIF 2.1.0, for editors and code hosts.")
def command(target: str | None, strict: bool, list_rules: bool, as_json: bool, sarif: bool) -> int:
    """Say what in a Python file, or in those of a folder, stands in the way of reproducing it. Nothing is run.

    error: the result will differ; warning: it may; note: hygiene. A comment `# reenact: ignore[rule-id]` silences a line.
    Exit code 0, also with findings; with --strict 1; 2 when nothing could be looked at.
    """
    from ..errors import EXIT_USAGE, ReenactError
    from ..report.console import console
    from ..report.scan import render_rules, render_scan
    from ..static.rules import RULES
    from ..static.sarif import sarif_log
    from ..static.scan import scan

    if as_json and sarif:
        raise ReenactError("usage", "--json and --sarif are two outputs", fix="give one of them")
    if list_rules:
        if as_json:
            _print([{"id": r.ID, "severity": r.SEVERITY, "what": r.WHAT, "why": r.WHY, "fix": r.FIX} for r in RULES])
        else:
            render_rules(RULES, console(sys.stdout))
        return 0
    if target is None:
        raise ReenactError(
            "usage", "nothing to scan", valid="a Python file, or a folder", fix="`reenact scan .` scans this folder"
        )
    found = scan(Path(target))
    if sarif:
        _print(sarif_log(found, RULES))
    elif as_json:
        _print(_data(found))
    else:
        render_scan(found, console(sys.stdout))
    if found.problems and not found.files:
        return EXIT_USAGE  # there was nothing that could be looked at
    return 1 if strict and (found.findings or found.problems) else 0


def _data(found: Scan) -> dict[str, Any]:
    """The object of ``--json``."""
    parameters = [
        {
            "name": one.name,
            "value": one.value,
            "kind": one.kind,
            "path": one.path,
            "line": one.line,
            "column": one.column,
        }
        | {"score": one.score, "tied": list(one.tied)}
        for one in found.hyperparameters
    ]
    return {
        "findings": [asdict(finding) for finding in found.findings],
        "problems": [asdict(problem) for problem in found.problems],
        "hyperparameters": parameters,
        "files": found.files,
        "ignored": found.ignored,
    }


def _print(data: Any) -> None:
    sys.stdout.write(json.dumps(data, indent=1) + "\n")
