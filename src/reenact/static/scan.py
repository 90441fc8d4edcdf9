"""Runs the rules over a file or a folder."""

from __future__ import annotations

import fnmatch
import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from ..errors import ReenactError
from .finding import SEVERITIES, Finding, Hit, Problem
from .hyperparameters import Hyperparameter, hyperparameters
from .module import silenced
from .project import Project


@dataclass
class Scan:
    """What a scan found.

    Attributes:
        files: how many Python files were looked at.
        ignored: how many findings a comment silences.
    """

    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    hyperparameters: list[Hyperparameter] = field(default_factory=list)
    files: int = 0
    ignored: int = 0

    def count(self, severity: str) -> int:
        """How many findings have this severity."""
        return sum(finding.severity == severity for finding in self.findings)


def scan(target: Path) -> Scan:
    """Look at a Python file, or at all of a folder's.

    Raises:
        ReenactError: the target is not there.
    """
    from .rules import RULES

    if not target.exists():
        raise ReenactError("no-file", f"there is no {target}", valid="a Python file, or a folder")
    collecting = gc.isenabled()
    gc.disable()  # syntax trees are all kept to the end: looking for garbage among them takes as long as parsing
    try:
        return _scan(target, RULES)
    finally:
        if collecting:
            gc.enable()


def _scan(target: Path, rules: Sequence[ModuleType]) -> Scan:
    project = Project(target)
    found = Scan(files=len(project.modules))
    silent = _Silent(project)
    for rule in rules:
        for hit in _hits(rule, project):
            if silent.at(rule.ID, hit):
                found.ignored += 1
            else:
                found.findings.append(_finding(rule, hit))
    found.findings = sorted(dict.fromkeys(found.findings), key=_order)
    for module in project.modules.values():
        found.hyperparameters += hyperparameters(module, least=0)
    found.problems = project.problems
    return found


def _hits(rule: ModuleType, project: Project) -> Iterator[Hit]:
    if hasattr(rule, "check_project"):
        yield from rule.check_project(project)
    else:
        for module in project.modules.values():
            yield from rule.check(module)


def _finding(rule: ModuleType, hit: Hit) -> Finding:
    return Finding(
        rule.ID, hit.severity or rule.SEVERITY, hit.path, hit.line, hit.column, hit.what, rule.WHY, hit.fix or rule.FIX
    )


def _order(finding: Finding) -> tuple[str, int, int, int, str]:
    return finding.path, finding.line, finding.column, SEVERITIES.index(finding.severity), finding.rule


class _Silent:
    """What comments silence, in Python files and in others (``#`` to the end of the line)."""

    def __init__(self, project: Project) -> None:
        self._lines = {path: module.ignored for path, module in project.modules.items()}

    def at(self, rule: str, hit: Hit) -> bool:
        if hit.path not in self._lines:
            self._lines[hit.path] = _of_text(hit.path)
        lines = self._lines[hit.path]
        for line in range(hit.line, hit.end + 1) if lines else ():
            ids = lines.get(line, frozenset())
            if ids is None or any(fnmatch.fnmatch(rule, wanted) for wanted in ids):
                return True
        return False


def _of_text(path: str) -> dict[int, frozenset[str] | None]:
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    return silenced([(i, line[line.index("#") :], line) for i, line in enumerate(lines, 1) if "#" in line])
