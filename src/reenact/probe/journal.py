"""The journal: one JSON object a line, one ``os.write`` a line, one file a process.

An append of one line with O_APPEND is atomic on a local file system, so a kill at any instant leaves whole lines and
at most one torn last line. After a fork the child writes to a file of its own.
"""

from __future__ import annotations

import json
import os
import time
from _thread import RLock
from typing import Any

from .. import knobs

GAPS = 50
"""Gaps of one kind that are told one by one."""


class Journal:
    """Append-only writer of one process's journal; opened at the first event.

    Args:
        folder: the run folder.
        process: identity of this process (``rank0``, ``rank0.1``).
    """

    def __init__(self, folder: str, process: str) -> None:
        self.folder = folder
        self.process = process
        self.pid = os.getpid()
        self._fd = -1
        self._identity: tuple[int, int] = (-1, -1)
        # Reentrant: a signal handler of the program may open a file while this thread is in here.
        self._lock = RLock()
        self.start = time.monotonic()
        """Zero of the clock of its events."""
        self._gaps: set[str] = set()
        self._gap_counts: dict[str, int] = {}
        self.silent = True
        """Nothing has been written yet."""
        self.before_first: Any = None
        """Called once, before the first event."""
        self._encode = json.JSONEncoder(separators=(",", ":"), default=_as_text).encode

    def write(self, event: str, **fields: Any) -> None:
        """Appends one event. Never raises; a failure to write is kept for the end and costs that event."""
        try:
            if self.silent:
                self.silent = False
                if self.before_first is not None:
                    self.before_first()
            fields["t"] = round(time.monotonic() - self.start, 6)
            line = self._encode({"e": event, **fields}).encode("utf-8", "surrogatepass") + b"\n"
            with self._lock:
                if self._fd < 0 or not still_ours(self._fd, self._identity):
                    self._fd = -1
                    self._open()
                os.write(self._fd, line)
        except Exception as problem:
            complain("journal", problem)

    def gap(self, id: str, detail: str, replay: bool = False) -> None:
        """Notes something that the record misses; the same words are written once, and of one kind at most GAPS."""
        key = f"{id}\0{detail}"
        if key in self._gaps:
            return
        self._gaps.add(key)
        count = self._gap_counts.get(id, 0) + 1
        self._gap_counts[id] = count
        if count < GAPS:
            self.write("gap", id=id, detail=detail, replay=replay)
        elif count == GAPS:
            self.write("gap", id=id, detail="and more of these, which are not told one by one", replay=replay)
        else:
            self._gaps.discard(key)

    def _open(self) -> None:
        folder = os.path.join(self.folder, "journal")
        os.makedirs(folder, exist_ok=True)
        self.process, self._fd = open_unique(folder, self.process, ".jsonl")
        self._identity = identity(self._fd)

    def beside(self, process: str) -> Journal:
        """Another journal of the same operating system's process, on the same clock."""
        other = Journal(self.folder, process)
        other.start = self.start
        return other

    def close(self) -> None:
        """Nothing more is written."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def after_fork(self, process: str) -> None:
        """Called in a forked child: the next event goes to a file of its own."""
        self._lock = RLock()
        self.close()
        self._gaps = set()
        self._gap_counts = {}
        self.silent = True
        self.start = time.monotonic()
        self.process = process
        self.pid = os.getpid()


def open_unique(folder: str, name: str, suffix: str) -> tuple[str, int]:
    """Creates ``folder/name suffix``; when it is taken, ``name~2``, ``name~3``. Returns the name used and the descriptor.

    The descriptor is moved above 99 and is not inherited, so that the program gets the numbers it would get bare.
    """
    for attempt in range(1, 10000):
        unique = name if attempt == 1 else f"{name}~{attempt}"
        try:
            fd = os.open(
                os.path.join(folder, unique + suffix),
                os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0),
                0o644,
            )
        except FileExistsError:
            continue
        return unique, move_up(fd)
    raise OSError("no free name for " + name)


def identity(fd: int) -> tuple[int, int]:
    """Which file a descriptor is open on."""
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def still_ours(fd: int, file: tuple[int, int]) -> bool:
    """False when the program has closed our descriptor (``os.closerange``), and may have opened its own file as that."""
    try:
        return identity(fd) == file
    except OSError:
        return False


def move_up(fd: int) -> int:
    """The descriptor above 99, where it is in nobody's way."""
    try:
        import fcntl

        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100)
    except (ImportError, OSError):
        return fd
    os.close(fd)
    return high


def _as_text(value: Any) -> str:
    return str(value)


def complain(where: str, problem: BaseException) -> None:
    """Prints a failure of the probe when REENACT_DEBUG is set; otherwise nothing, ever."""
    if knobs.flag(knobs.DEBUG):
        import sys

        sys.stderr.write(f"reenact: probe: {where}: {problem!r}\n")
