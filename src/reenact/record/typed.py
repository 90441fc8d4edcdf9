"""Secrets that were typed behind an option whose name does not tell (``-k hunter2``): taken out once the program's parser has told.

The command line is written down when the run starts, by reenact and by the probe. What each option means is known only when the
program parses it: its ``args`` event then says which words must not stay.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from . import layout
from .atomic import write_atomic
from .journal import decode_line
from .schema import Start, write_struct

REDACTED = "<redacted>"
_LINES = ("argv", "orig_argv")


def hide_typed_secrets(
    folder: Path, start: Start, journals: dict[str, list[dict[str, Any]]], *, write: bool = True
) -> Start:
    """Replaces such words in start.json, in the journals, and in what was read of both.

    Args:
        folder: the run folder.
        start: content of its start.json.
        journals: events by process; changed in place.
        write: also in the files; False while the run goes on, when they are the program's to write.

    Returns:
        The start without them; the same when there are none.
    """
    hidden = [found for events in journals.values() for found in _told(events)]
    if not hidden:
        return start
    for process, events in journals.items():
        cleaned = [_cleaned(event, hidden) for event in events]
        if True in cleaned and write:
            _rewrite(folder / layout.JOURNAL / f"{process}.jsonl", hidden)
    argv = list(start.argv)
    names = {name for one in hidden for name in one.apply(argv)}
    if argv == start.argv:
        return start
    start = msgspec.structs.replace(start, argv=argv, redacted=sorted({*start.redacted, *names}))
    if write:
        write_struct(folder / layout.START, start)
    return start


class _Hidden:
    """One param of one process: the words of that process's command line, and which of them may not stay."""

    def __init__(self, name: str, line: list[str], places: dict[int, str]) -> None:
        self.name = name
        self.places = places
        self.tail = line[-max(places) :]
        self.words = {line[-place]: shown for place, shown in places.items() if line[-place] != shown}

    def apply(self, words: list[Any]) -> list[str]:
        """Replaces the words in a command line, in place; the name of the param when there were any."""
        before = list(words)
        if words[-len(self.tail) :] == self.tail:
            for place, shown in self.places.items():
                words[-place] = shown
        else:  # of another program: bash go.sh, a child
            words[:] = [self.words.get(word, word) for word in words]
        return [self.name] if words != before else []


def _told(events: list[dict[str, Any]]) -> list[_Hidden]:
    first = next((event for event in events if event["e"] == "start"), {})
    line = first.get("orig_argv") or first.get("argv") or []
    found: list[_Hidden] = []
    if not isinstance(line, list):
        return found
    for event in events:
        values = event.get("values") if event["e"] == "args" else None
        for name, told in values.items() if isinstance(values, dict) else ():
            places = told.get("hidden") if isinstance(told, dict) else None
            if not isinstance(places, dict):
                continue
            kept = {int(at): str(shown) for at, shown in places.items() if at.isdigit() and 0 < int(at) <= len(line)}
            if kept:
                option = max(map(str, told.get("options") or [name]), key=len)
                found.append(_Hidden(option, list(map(str, line)), kept))
    return found


def _cleaned(event: dict[str, Any], hidden: list[_Hidden]) -> bool:
    """Whether a journal's event had such words; they are replaced."""
    changed = False
    if event["e"] in ("start", "child"):
        for line in [event[key] for key in _LINES if isinstance(event.get(key), list)]:
            for one in hidden:
                changed = bool(one.apply(line)) or changed
    return changed


def _rewrite(path: Path, hidden: list[_Hidden]) -> None:
    """A journal is only ever appended to, but for this: its other lines stay as they are."""
    lines = []
    for line in path.read_bytes().split(b"\n"):
        event = decode_line(line) if line.startswith((b'{"e":"start"', b'{"e":"child"')) else None
        if event is not None and _cleaned(event, hidden):
            line = json.dumps(event, separators=(",", ":")).encode("utf-8", "surrogatepass")
        lines.append(line)
    write_atomic(path, b"\n".join(lines))
