"""The trace of one process: fixed-size binary events, in the order in which they happened.

Events are queued as they are and packed and written together, at the end of a step and at most every INTERVAL: between the
steps of a training, every bit of code that runs costs several times what it does in a loop of its own. A value that is
still being computed on a device holds its place in the queue; nothing here waits for a device while the program runs.
"""

from __future__ import annotations

import json
import os
from collections import deque
from typing import Any

from ..fingerprint.weights import GOLDEN, finish, mix
from .journal import complain, identity, open_unique, still_ours
from .traceformat import MAGIC, NO_NAME, RECORD, float_bits

INTERVAL = 0.02
"""Seconds between two writes at least: what a kill may lose of a training whose steps are faster than that."""

QUEUE = 8192
"""Events held back at most for a device that has not caught up."""


class Trace:
    """Writer of one process's trace; opened at the first event.

    Args:
        folder: the run folder.
        process: identity of this process.
        pid: of the process that may write here; this one's when None.
    """

    def __init__(self, folder: str, process: str, pid: int | None = None) -> None:
        self._folder = os.path.join(folder, "trace")
        self._process = process
        self._fd = -1
        self._identity = (-1, -1)
        self._names_fd = -1
        self._names_identity = (-1, -1)
        self._names: dict[Any, int] = {}
        self._queue: deque[Any] = deque()
        self._written = 0
        self._due = 0.0
        self._pid = os.getpid() if pid is None else pid
        self.drain: Any = None
        """Gives the records that ``steps.c`` has written, as bytes; they follow those that are queued here."""
        self.before_event: Any = None
        """Called before an event is queued, while ``steps.c`` writes."""
        self.failed = False

    @property
    def events(self) -> int:
        """How many there have been."""
        return self._written + sum(len(one) // RECORD.size if type(one) is bytes else 1 for one in self._queue)

    def emit(self, kind: int, name: str, dtype: Any, shape: Any, step: int, value: Any, flags: int = 0) -> None:
        """Queues one event.

        Args:
            kind: see :mod:`.traceformat`.
            name: of the tensor or value; with ``dtype`` and ``shape`` it makes a row of the name table.
            step: optimizer steps completed, or -1 before training.
            value: an integer below 2**64; a float, whose bits count; a list of (weighted sum, bytes) to be combined; or an
                object with ``ready()`` and ``result()``.
        """
        if self.before_event is not None:
            self.before_event()
        self._queue.append((kind, name, dtype, shape, step, value, flags))
        if len(self._queue) > QUEUE:
            self.flush(wait=True)

    def tick(self, now: float) -> None:
        """A step is over, ``now`` in seconds of any one clock: writes what is due."""
        if now >= self._due:
            self._due = now + INTERVAL
            self.flush()

    def flush(self, wait: bool = False) -> None:
        """Writes the events whose values are known, in order; with ``wait`` all of them."""
        queue, names, out = self._queue, self._names, []
        while queue:
            event = queue.popleft()
            if type(event) is bytes:
                out.append(event)
                continue
            kind, name, dtype, shape, step, value, flags = event
            if type(value) is not int:
                if type(value) is float:
                    value = float_bits(value)
                elif type(value) is list:
                    value = combine(value)
                elif wait or value.ready():
                    try:
                        value = value.result()
                    except Exception as problem:
                        complain("trace", problem)
                        self.failed = True
                        continue
                else:
                    queue.appendleft(event)
                    break
            key = (kind, name, dtype, shape)
            row = names.get(key)
            if row is None:
                row = self._add_name(key)
            out.append(RECORD.pack(kind, flags, row, step, value))
        more = self.drain() if self.drain is not None else b""
        if more:
            (queue if queue else out).append(more)
        # A child that was forked behind Python's back must not write into its parent's trace.
        events = b"".join(out)
        if events and self._pid == os.getpid():
            self._written += len(events) // RECORD.size
            self._write(events)

    def take_in(self) -> bool:
        """Puts the records that ``steps.c`` has written behind what is queued here; True where there are any."""
        records = self.drain()
        if records:
            self._queue.append(records)
        return bool(records)

    def name_queued(self) -> None:
        """Gives the events queued so far their rows in the table of names, before ``steps.c`` asks for others."""
        for event in self._queue:
            if type(event) is not bytes and event[:4] not in self._names:
                self._add_name(event[:4])

    def row(self, kind: int, name: str, dtype: Any, shape: Any) -> int:
        """The row of the table of names for such an event."""
        key = (kind, name, dtype, shape)
        row = self._names.get(key)
        return self._add_name(key) if row is None else row

    def _write(self, events: bytes) -> None:
        try:
            if self._fd < 0:
                self._open()
            if still_ours(self._fd, self._identity):
                os.write(self._fd, events)
            else:
                self.failed = True
        except Exception as problem:
            complain("trace", problem)
            self.failed = True

    def _open(self) -> None:
        os.makedirs(self._folder, exist_ok=True)
        self._process, self._fd = open_unique(self._folder, self._process, ".trace")
        self._identity = identity(self._fd)
        os.write(self._fd, MAGIC)

    def _add_name(self, key: Any) -> int:
        row = len(self._names)
        if row >= NO_NAME:
            return NO_NAME
        kind, name, dtype, shape = key
        line = {"name": name, "dtype": str(dtype) if dtype is not None else None, "kind": kind}
        line["shape"] = list(shape) if shape is not None else None
        try:
            if self._fd < 0:
                self._open()
            if self._names_fd < 0:
                _, self._names_fd = open_unique(self._folder, self._process, ".names.jsonl")
                self._names_identity = identity(self._names_fd)
            if not still_ours(self._names_fd, self._names_identity):
                raise OSError("the program closed the table of names")
            os.write(self._names_fd, json.dumps(line, separators=(",", ":")).encode() + b"\n")
        except Exception as problem:
            complain("trace", problem)
            self.failed = True
        self._names[key] = row
        return row

    def close(self) -> None:
        """Nothing more is written."""
        for fd in (self._fd, self._names_fd):
            if fd >= 0:
                os.close(fd)
        self._fd = self._names_fd = -1

    def after_fork(self, process: str) -> None:
        """A forked child starts a trace of its own."""
        self.close()
        self.__init__(os.path.dirname(self._folder), process)  # type: ignore[misc]


def combine(parts: list[tuple[int, int]]) -> int:
    """One fingerprint for several tensors, from their (weighted sum, bytes); their order counts."""
    if len(parts) == 1:
        return finish(*parts[0])
    total = len(parts)
    for number, nbytes in parts:
        total = mix(total * GOLDEN + finish(number, nbytes))
    return total
