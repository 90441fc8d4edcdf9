"""What other runs of the same store wrote while a run ran: in a shared project it is no output of this one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import layout
from .ids import RUN_ID
from .journal import read_journal


def written_meanwhile(run_dir: Path, since: float) -> set[str]:
    """Absolute paths that the journals of other runs say they wrote.

    Args:
        run_dir: the run that asks.
        since: when it started, in seconds since 1970; what had ended by then is not read.
    """
    found: set[str] = set()
    try:
        entries = [entry for entry in os.scandir(run_dir.parent) if RUN_ID.fullmatch(entry.name)]
    except OSError:
        return found
    for entry in entries:
        try:
            # Sealing touches the folder, and comes after all that the run wrote.
            over = entry.stat().st_mtime < since and os.path.exists(os.path.join(entry.path, layout.MANIFEST))
        except OSError:
            continue
        if entry.name != run_dir.name and not over:
            for journal in Path(entry.path, layout.JOURNAL).glob("*.jsonl"):
                found.update(_writes(read_journal(journal).events))
    return found


def _writes(events: list[dict[str, Any]]) -> Iterator[str]:
    for event in events:
        path: Any = None
        if event["e"] == "save" or (event["e"] == "file" and event.get("op") in ("w", "a", "u")):
            path = event.get("path")
        elif event["e"] == "file" and event.get("op") == "rename":
            path = event.get("to")
        if isinstance(path, str) and os.path.isabs(path):
            yield os.path.normpath(path)
