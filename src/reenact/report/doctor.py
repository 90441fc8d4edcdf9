"""What ``reenact doctor`` saw, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from ..doctor.row import Row, Status
from .lines import LABEL, Lines
from .quantities import plain

_MARKS: dict[Status, tuple[str, str]] = {
    "ok": ("✓", "green"),
    "warning": ("●", "yellow"),
    "missing": ("✗", "red"),
    "not checked": ("◌", "dim"),
}


def render_doctor(rows: Sequence[Row], out: Console) -> None:
    """Print each row, what mends it below it, and how many there are of each status."""
    lines = Lines(out.width)
    width = max((len(row.check) for row in rows), default=0)
    for row in rows:
        mark, style = _MARKS[row.status]
        # Words beside the marks, but for what is well.
        told = plain(row.seen if row.status == "ok" else f"{row.status}: {row.seen}")
        lines.sentence(told, lead=Text.assemble((mark, style), f" {row.check.ljust(width)}  "))
        if row.fix:
            lines.sentence(plain(row.fix), indent=width + 4, lead=Text("fix: ", style=LABEL))
    lines.blank()
    counts = Counter(row.status for row in rows)
    lines.add(", ".join(f"{counts[status]} {status}" for status in _MARKS if counts[status]))
    out.print(lines.text())
