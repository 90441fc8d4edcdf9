"""Reading journals: whole, or while they grow. Nothing in a journal can make a reader fail."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from . import layout
from .schema import Gap

_JOB = re.compile(r"job(\d+)(?![^.~])")
_decode = msgspec.json.Decoder().decode


class JournalRead(NamedTuple):
    """A journal's events in the order written, and what could not be read."""

    events: list[dict[str, Any]]
    gaps: list[Gap]


def process_name(path: str | os.PathLike[str]) -> str:
    """``rank0.1`` of ``journal/rank0.1.jsonl``."""
    return Path(path).name.removesuffix(".jsonl")


def process_order(name: str) -> tuple[bool, tuple[int, ...], str]:
    """Key that sorts processes as a person would: rank0, rank0.1, rank0.2, rank2, rank10, job0, job1."""
    return job_of(name) is not None, tuple(int(number) for number in re.findall(r"\d+", name)), name


def job_of(process: str) -> int | None:
    """3 of ``job3`` and of its children (``job3.1``): the job of a sweep that a process is; None for any other."""
    match = _JOB.match(process)
    return int(match[1]) if match else None


def decode_line(line: bytes) -> dict[str, Any] | None:
    """The event on one line; None when the line is not an event."""
    try:
        event = _decode(line)
    except RecursionError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:  # slower, but takes NaN and the lone surrogates of odd file names
            event = json.loads(line)
        except (ValueError, RecursionError):
            return None
    return event if isinstance(event, dict) and isinstance(event.get("e"), str) else None


def read_journals(run_dir: Path) -> tuple[dict[str, list[dict[str, Any]]], list[Gap]]:
    """The events of every process of a run, in the order of the processes; and what could not be read."""
    journals: dict[str, list[dict[str, Any]]] = {}
    gaps: list[Gap] = []
    for path in sorted((run_dir / layout.JOURNAL).glob("*.jsonl"), key=lambda path: process_order(path.stem)):
        read = read_journal(path)
        journals[process_name(path)] = read.events
        gaps.extend(read.gaps)
    return journals, gaps


def read_journal(path: str | os.PathLike[str]) -> JournalRead:
    """Read a journal to its end.

    A corrupt line becomes a gap ``corrupt-journal-line`` that names it, and the rest is read. A torn last line (the
    process died in mid-write) is dropped; it is a gap ``torn-journal-line`` only when no ``end`` event was written.
    An unreadable file is a gap ``unreadable-journal``.
    """
    process = process_name(path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        return JournalRead([], [Gap("unreadable-journal", f"{os.fspath(path)}: {error.strerror}", process, True)])
    events: list[dict[str, Any]] = []
    gaps: list[Gap] = []
    lines = data.split(b"\n")
    torn = lines.pop()
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        event = decode_line(line)
        if event is None:
            gaps.append(_corrupt_line(path, number, process))
        else:
            events.append(event)
    if torn:
        # All of an event but its newline is still the whole event: no proper prefix of a JSON object is one.
        event = decode_line(torn)
        if event is not None:
            events.append(event)
        elif not any(event["e"] == "end" for event in events):
            detail = f"{Path(path).name}: the last line ({len(lines) + 1}) was cut off and is left out"
            gaps.append(Gap("torn-journal-line", detail, process))
    return JournalRead(events, gaps)


class JournalTail:
    """Follows a journal that is being written.

    Args:
        path: the journal; it need not exist yet.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.process = process_name(path)
        self.gaps: list[Gap] = []
        self._offset = 0
        self._rest = b""
        self._line = 0

    def poll(self) -> list[dict[str, Any]]:
        """The events completed since the last call; a corrupt line is added to ``gaps`` and skipped."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return []
        self._offset += len(data)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        events = []
        for line in lines:
            self._line += 1
            if not line:
                continue
            event = decode_line(line)
            if event is None:
                self.gaps.append(_corrupt_line(self.path, self._line, self.process))
            else:
                events.append(event)
        return events

    def finish(self) -> list[dict[str, Any]]:
        """As `poll`, with a last event that lacks only its newline; for a journal that no longer grows."""
        events = self.poll()
        event = decode_line(self._rest) if self._rest else None
        if event is not None:
            events.append(event)
            self._rest = b""
        return events


def _corrupt_line(path: str | os.PathLike[str], number: int, process: str) -> Gap:
    return Gap("corrupt-journal-line", f"{Path(path).name}: line {number} is not an event", process, True)
