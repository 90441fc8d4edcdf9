"""Metrics that the program logs: fixed-size records in a mapped file, so that a kill at any instant loses none.

No thread, no queue, and no system call but one for every 4096 points. ``metrics/<process>.points`` holds records
``<Iidd``: number of the name (from 1; 0 is a record that was never written), step, value, seconds since the process began. The names
are in ``metrics/<process>.names``, a JSON string a line.
"""

from __future__ import annotations

import json
import os
import struct
import time
from _thread import RLock
from typing import Any

from .journal import complain
from .state import Probe

RECORD = struct.Struct("<Iidd")
WINDOW = 4096 * RECORD.size
"""Bytes that are mapped at a time: a multiple of the page size."""

_pack = RECORD.pack_into
_clock = time.monotonic

NAMES = 65_536
"""Distinct names that a process may log; more is a mistake, such as a name with the step in it."""


class Points:
    """Append-only writer of one process's points. Never raises; what it could not write is a gap.

    Args:
        probe: this process's probe.
    """

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.probe_process = self.process = probe.process
        self._journal = probe.journal
        self._start: float = probe.journal.start
        self._numbers: dict[Any, int] = {}
        self._counts: dict[Any, int] = {}
        # Reentrant: a signal handler may log, while this thread is in here.
        self._lock = RLock()
        self._fd = -1
        self._names = -1
        self._map: Any = None
        self._at = WINDOW
        self._windows = 0
        self._failed = False

    def add(self, values: Any, step: Any) -> None:
        """Adds the numbers of a mapping, all at one step; None: of each name the next."""
        now = _clock() - self._start
        for name, value in values.items():
            try:
                if type(value) is not float:
                    value = self._float(name, value)
                with self._lock:
                    number = self._numbers.get(name) or self._number(name)
                    at_step = step
                    if type(step) is not int:
                        at_step = self._next_step(name, step)
                    at = self._at
                    if at == WINDOW:
                        self._next_window()
                        at = 0
                    self._at = at + 24
                    _pack(self._map, at, number, at_step, value, now)
            except _NotKept:
                continue
            except Exception as problem:
                complain("metrics", problem)
                self._journal.gap("metric-not-kept", f"{str(name)[:200]}: {problem}")

    def _next_step(self, name: Any, step: Any) -> int:
        """The step that was meant: a number of another type, or the next of that name."""
        if step is not None:
            return int(step)
        self._counts[name] = found = self._counts.get(name, -1) + 1
        return found

    def _float(self, name: Any, value: Any) -> float:
        try:
            return float(value)
        except (TypeError, ValueError, RuntimeError):
            self._journal.gap("metric-not-a-number", f"{str(name)[:200]}: {_shown(value)}")
            raise _NotKept from None

    def _number(self, name: Any) -> int:
        """The number of a name that is new."""
        if len(self._numbers) >= NAMES:
            self._journal.gap("metric-names", f"more than {NAMES} names of metrics, such as {str(name)[:200]}")
            raise _NotKept
        if self._names < 0:
            self._open()
        number = len(self._numbers) + 1
        os.write(self._names, json.dumps(str(name)).encode("utf-8", "surrogatepass") + b"\n")
        self._numbers[name] = number
        return number

    def _open(self) -> None:
        from .journal import open_unique

        if self._failed:
            raise _NotKept
        folder = os.path.join(self.probe.run_dir, "metrics")
        os.makedirs(folder, exist_ok=True)
        self.process, self._names = open_unique(folder, self.process, ".names")
        path = os.path.join(folder, self.process + ".points")
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o644)

    def _next_window(self) -> None:
        import mmap

        if self._failed:
            raise _NotKept
        try:
            # Written, not left as a hole: with a hole, a full disk would kill the program when it is filled.
            os.pwrite(self._fd, bytes(WINDOW), self._windows * WINDOW)
            self._map = mmap.mmap(self._fd, WINDOW, offset=self._windows * WINDOW)
        except OSError as problem:
            self._failed = True
            self._journal.gap("metrics", f"the metrics from now on could not be written: {problem.strerror}")
            raise _NotKept from None
        self._windows += 1
        self._at = 0

    def close(self) -> None:
        """Cut off what was not used, and close."""
        with self._lock:
            if self._fd < 0:
                return
            try:
                self._map = None
                os.ftruncate(self._fd, max(0, self._windows - 1) * WINDOW + self._at if self._windows else 0)
                os.close(self._fd)
                os.close(self._names)
            except OSError as problem:
                complain("metrics", problem)
            self._fd = self._names = -1
            self._failed = True


class _NotKept(Exception):
    """A value that is passed over; the gap says why."""


class Metrics:
    """What ``reenact.log`` calls, and the hooks of libraries that log.

    Args:
        probe: this process's probe.
    """

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._process = probe.process
        self._points = Points(probe)
        self._own = self._points
        """Those of the process, while a job of a sweep goes on in it."""
        probe.on_fork.append(self._forked)
        probe.on_end.append(self._ended)

    def log(self, values: Any = None, step: Any = None, **more: Any) -> None:
        """See ``reenact.log``."""
        if values is not None:
            more = {**values, **more}
        if self._probe.process is not self._process:
            self._switch()
        self._points.add(more, step)

    def _switch(self) -> None:
        """A job of a sweep has begun or ended: it has metrics of its own."""
        if self._points is not self._own:
            self._points.close()
        self._process = self._probe.process
        self._points = self._own if self._process == self._own.probe_process else Points(self._probe)

    def _forked(self, probe: Probe) -> None:
        self._points = self._own = Points(probe)
        self._process = probe.process

    def _ended(self, _: Probe) -> None:
        for points in {self._own, self._points}:
            points.close()


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {str(value)[:100]!r}"
