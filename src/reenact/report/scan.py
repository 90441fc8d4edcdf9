"""Findings of a scan, as text: grouped by file, then each rule once with why and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from types import ModuleType

from rich.console import Console
from rich.text import Text

from ..static.finding import SEVERITIES, Finding
from ..static.scan import Scan
from .lines import LABEL, Lines
from .quantities import plain

STYLES = {"error": "red", "warning": "yellow", "note": "cyan"}


def render_scan(found: Scan, out: Console) -> None:
    """Print what a scan found."""
    lines = Lines(out.width)
    for path, findings in groupby(found.findings, key=lambda finding: finding.path):
        lines.heading(plain(path))
        lines.table([_row(finding) for finding in findings], indent=2, right=(0,))
    for problem in found.problems:
        lines.heading(plain(problem.path))
        lines.sentence(plain(problem.what), indent=2, lead=Text("not looked at: ", style="red"))
    _explain(found.findings, lines)
    lines.blank()
    lines.add(_summary(found))
    out.print(lines.text())


def render_rules(rules: Sequence[ModuleType], out: Console) -> None:
    """Print all rules."""
    lines = Lines(out.width)
    for rule in rules:
        lines.heading(rule.ID, rule.SEVERITY)
        lines.field("what", rule.WHAT, indent=2, label_width=5)
        lines.field("why", rule.WHY, indent=2, label_width=5)
        lines.field("fix", rule.FIX, indent=2, label_width=5)
    out.print(lines.text())


def _row(finding: Finding) -> list[Text]:
    return [
        Text(f"{finding.line}:{finding.column}", style=LABEL),
        Text(finding.severity, style=STYLES[finding.severity]),
        Text(finding.rule),
        Text(plain(finding.what)),
    ]


def _explain(findings: Sequence[Finding], lines: Lines) -> None:
    """Why, and what to do, once for each rule; the worst first."""
    ranked = sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
    rules = {finding.rule: finding for finding in reversed(ranked)}
    for finding in sorted(rules.values(), key=lambda one: SEVERITIES.index(one.severity)):
        lines.heading(finding.rule, finding.severity)
        lines.field("why", finding.why, indent=2, label_width=4)
        for fix in dict.fromkeys(one.fix for one in findings if one.rule == finding.rule):
            lines.field("fix", fix, indent=2, label_width=4)


def _summary(found: Scan) -> str:
    counts = [_counted(found.count(severity), severity) for severity in SEVERITIES if found.count(severity)]
    told = ", ".join(counts) or "nothing found"
    told += f" in {_counted(found.files, 'file')}"
    if found.ignored:
        told += f"; {found.ignored} silenced by comments"
    if found.problems:
        told += f"; {_counted(len(found.problems), 'file')} could not be looked at"
    return told


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
