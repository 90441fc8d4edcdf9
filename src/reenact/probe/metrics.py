"""Metrics that the program logs: fixed-size records in a mapped file, so that a kill at any instant loses none.

No thread, no queue, and no system call but one for every 4096 points. ``metrics/<process>.points`` holds records
``<Iidd``: number of the name (from 1; 0 is a record that was never written), step, value, seconds since the process began. The names
are in ``metrics/<process>.names``, ``[number, name]`` a line.
"""

from __future__ import annotations

import json
import os
import time

# Not `struct`: this is imported late, when a file of the program's own may be called like that.
from _struct import Struct
from _thread import RLock
from itertools import count
from typing import Any

from .journal import complain, move_up, open_unique
from .state import Probe

RECORD = Struct("<Iidd")
SIZE = RECORD.size
BITS = 12
MASK = (1 << BITS) - 1
WINDOW = SIZE << BITS
"""Bytes that are mapped at a time: a multiple of the page size, for pages of up to 16 KiB."""

_pack = RECORD.pack_into
_clock = time.monotonic

NAMES = 65_536
"""Distinct names that a process may log; more is a mistake, such as a name with the step in it."""


class Points:
    """Append-only writer of one process's points. Never raises; what it could not write is a gap.

    A signal handler may log while this is in the midst of it, and so may other threads: what decides where something goes is a
    counter that gives every number once.

    Args:
        probe: this process's probe.
    """

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self.process = probe.process
        self._journal = probe.journal
        self._start: float = probe.journal.start
        self._numbers: dict[Any, int] = {}
        self._free = count(1)
        self._steps: dict[Any, Any] = {}
        self._slots = count()
        self._maps: dict[int, Any] = {}
        # Reentrant, for signal handlers.
        self._lock = RLock()
        self._fd = -1
        self._names = -1
        self._failed = False
        self._making = False
        self._waiting: list[Any] = []
        self._media: Any = None

    def add(self, values: Any, step: Any) -> None:
        """Adds the numbers of a mapping, all at one step; None: of each name the next."""
        now = _clock() - self._start
        for name, value in values.items():
            try:
                if type(value) is not float:
                    value = self._float(name, value, step)
                number = self._numbers.get(name) or self._number(name)
                at_step = step if type(step) is int else self._step(name, step)
                slot = next(self._slots)
                window = self._maps.get(slot >> BITS) or self._window(slot >> BITS)
                _pack(window, (slot & MASK) * SIZE, number, at_step, value, now)
            except _NotKept:
                continue
            except _Later:
                self._waiting.append((number, at_step, value, now))
            except Exception as problem:
                complain("metrics", problem)
                self._journal.gap("metric-not-kept", f"{str(name)[:200]}: {problem}")

    def refuse(self, values: Any) -> None:
        """What is not values by name is a gap."""
        try:
            named = isinstance(values, str) and values.isidentifier()
            way = f"reenact.log({values[:100]}=…)" if named else 'reenact.log({"name": …})'
            self._journal.gap("metric-without-name", f"{_shown(values)} is not values by name: say {way}")
        except Exception as problem:
            complain("metrics", problem)
            self._journal.gap("metric-without-name", f"{type(values).__name__} is not values by name")

    def _step(self, name: Any, step: Any) -> int:
        """The step that was meant: a number of another type, or the next of that name."""
        if step is not None:
            return int(step)
        steps = self._steps.get(name)
        if steps is None:
            steps = self._steps.setdefault(name, count())
        return next(steps)

    def _float(self, name: Any, value: Any, step: Any) -> float:
        try:
            return number(value)
        except (TypeError, ValueError, RuntimeError):
            if not self._is_media(name, value, step):
                self._journal.gap("metric-not-a-number", f"{str(name)[:200]}: {_shown(value)}")
            raise _NotKept from None

    def _is_media(self, name: Any, value: Any, step: Any) -> bool:
        """Keeps an image, a figure, a table …; False for what is none of these."""
        from .media import kind_of

        kind = getattr(value, "_reenact_kind", None)
        if isinstance(kind, str):
            self.show(name, kind, step, value.data, value.caption, value.options)
            return True
        kind = kind_of(value)
        if kind is None:
            return False
        self.show(name, kind, step, value)
        return True

    def show(
        self, name: Any, kind: str, step: Any, value: Any, caption: Any = None, options: dict[str, Any] | None = None
    ) -> None:
        """Keeps what is no number (see :meth:`.media.Media.add`)."""
        if self._media is None:
            from .media import Media

            with self._lock:
                if self._media is None:
                    self._media = Media(self._probe, self.process, self._start)
        self._media.add(name, kind, step if type(step) is int else self._step(name, step), value, caption, options)

    def _number(self, name: Any) -> int:
        """The number of a name that is new."""
        with self._lock:
            if len(self._numbers) >= NAMES:
                self._journal.gap("metric-names", f"more than {NAMES} names of metrics, such as {str(name)[:200]}")
                raise _NotKept
            self._open()
            number = self._numbers.get(name) or next(self._free)
            line = json.dumps([number, str(name)]).encode("utf-8", "surrogatepass") + b"\n"
            os.write(self._names, line)
            self._numbers[name] = number
            return number

    def _open(self) -> None:
        if self._failed:
            raise _NotKept
        if self._names >= 0:
            return
        folder = os.path.join(self._probe.run_dir, "metrics")
        os.makedirs(folder, exist_ok=True)
        file, self._names = open_unique(folder, self.process, ".names")
        path = os.path.join(folder, file + ".points")
        self._fd = move_up(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o644))

    def _window(self, number: int) -> Any:
        """The part of the file that a slot is in."""
        import mmap

        with self._lock:
            if self._failed:
                raise _NotKept
            found = self._maps.get(number)
            if found is not None:
                return found
            if self._making:
                raise _Later
            self._making = True
            try:
                # Written, not left as a hole: with a hole, a full disk would kill the program when it is filled.
                done = 0
                while done < WINDOW:
                    done += os.pwrite(self._fd, bytes(WINDOW - done), number * WINDOW + done)
                found = mmap.mmap(self._fd, WINDOW, offset=number * WINDOW)
            except OSError as problem:
                self._failed = True
                self._journal.gap("metrics", f"the metrics from now on could not be written: {problem.strerror}")
                raise _NotKept from None
            finally:
                self._making = False
            self._maps[number] = found
            # Another thread may still be writing to the one before.
            self._maps.pop(number - 2, None)
            while self._waiting:
                slot = next(self._slots)
                _pack(self._maps.get(slot >> BITS) or found, (slot & MASK) * SIZE, *self._waiting.pop(0))
            return found

    def close(self) -> None:
        """Cut off what was not used, and close."""
        with self._lock:
            if self._media is not None:
                self._media.close()
            if self._fd < 0:
                return
            windows = max(self._maps, default=-1) + 1
            try:
                self._maps = {}
                os.ftruncate(self._fd, min(next(self._slots) * SIZE, windows * WINDOW))
                os.close(self._fd)
                os.close(self._names)
            except OSError as problem:
                complain("metrics", problem)
            self._fd = self._names = -1
            self._failed = True


class _NotKept(Exception):
    """A value that is passed over; the gap says why."""


class _Later(Exception):
    """A signal handler logs while a window is being made: it is written when that is there."""


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
            try:
                more = {**values, **more}
            except Exception:
                self._points.refuse(values)
        if self._probe.process is not self._process:
            self._switch()
        self._points.add(more, step)

    def show(
        self, name: Any, kind: str, step: Any, value: Any, caption: Any = None, options: dict[str, Any] | None = None
    ) -> None:
        """What is no number, from the hooks of libraries that log."""
        if self._probe.process is not self._process:
            self._switch()
        self._points.show(name, kind, step, value, caption, options)

    def _switch(self) -> None:
        """A job of a sweep has begun or ended: it has metrics of its own."""
        if self._points is not self._own:
            self._points.close()
        self._process = self._probe.process
        self._points = self._own if self._process == self._own.process else Points(self._probe)

    def _forked(self, probe: Probe) -> None:
        self._points = self._own = Points(probe)
        self._process = probe.process

    def _ended(self, _: Probe) -> None:
        for points in {self._own, self._points}:
            points.close()


def number(value: Any) -> float:
    """What a program means by a number: also an array or a tensor of one.

    Raises:
        TypeError, ValueError, RuntimeError: it is none.
    """
    # Not float() of these: NumPy and torch may warn of that, which a program would see.
    return float(value.item() if hasattr(value, "dtype") and hasattr(value, "item") else value)


def _shown(value: Any) -> str:
    if getattr(value, "shape", ()) != ():
        shape = " x ".join(map(str, value.shape))
        return f"{type(value).__name__} of {shape}: say what it is with reenact.image, histogram or table"
    return f"{type(value).__name__} {str(value)[:100]!r}"
