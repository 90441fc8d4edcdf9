"""What two runs printed, for a run that left nothing else to compare."""

from __future__ import annotations

from pathlib import Path

from ..record import layout
from .outputs import OutputResult, compare_files, ignored
from .outputs.found import Found
from .prepare import Options

NAME = f"{layout.LOG} (terminal output)"
"""How the terminal output is called among the outputs."""

SORTED_AT_MOST = 16 << 20
"""Bytes; of longer logs the order of the lines counts too."""


def compare_logs(baseline: Path, candidate: Path, options: Options) -> OutputResult | None:
    """Compare the terminal outputs of two run folders; None when both are empty.

    The order of lines does not count: stdout and stderr are one file, and how they interleave depends on buffering,
    which is another at a terminal than in a pipe.
    """
    logs = baseline / layout.LOG, candidate / layout.LOG
    sizes = [log.stat().st_size if log.is_file() else 0 for log in logs]
    if not any(sizes):
        return None
    if ignored(layout.LOG, options.ignore):
        return OutputResult(NAME, NAME, False, "ignored")
    try:
        found = compare_files(layout.LOG, logs[0], logs[1], options.tolerance)
        if not found.equal and max(sizes) <= SORTED_AT_MOST and _lines(logs[0]) == _lines(logs[1]):
            found = Found(True, "text", "the same lines, in another order")
    except OSError as error:
        found = Found(False, "unavailable", f"a log cannot be read: {error}")
    return OutputResult(NAME, NAME, found.equal, found.how, found.detail)


def _lines(log: Path) -> list[bytes]:
    return sorted(log.read_bytes().splitlines())
