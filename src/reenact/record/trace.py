"""Reading traces: whole, or while they grow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..errors import EXIT_NOT_REPLAYABLE, ReenactError
from ..probe import traceformat
from ..probe.traceformat import MAGIC, NAMES_SUFFIX, NOGRAD, RAW, RECORD, TRACE_SUFFIX

__all__ = ["NOGRAD", "RAW", "Event", "Kind", "NameRow", "TraceReader", "TraceTail", "names_path"]


class Kind(IntEnum):
    """Kind of an event."""

    SEED = traceformat.SEED
    INIT = traceformat.INIT
    RNG = traceformat.RNG
    BATCH = traceformat.BATCH
    OUT = traceformat.OUT
    LOSS = traceformat.LOSS
    GRAD = traceformat.GRAD
    HYPER = traceformat.HYPER
    PARAM = traceformat.PARAM
    SAVE = traceformat.SAVE


class NameRow(NamedTuple):
    """What an event's name number stands for."""

    name: str
    dtype: str | None
    shape: tuple[int, ...] | None


class Event(NamedTuple):
    """One event of a trace. ``value`` is a 64-bit fingerprint, or with flag RAW the bits of a float64."""

    index: int  # type: ignore[assignment]
    kind: int
    flags: int
    name: str
    dtype: str | None
    shape: tuple[int, ...] | None
    step: int
    value: int

    @property
    def number(self) -> float | None:
        """The scalar of a RAW event; None for a fingerprint."""
        return traceformat.bits_float(self.value) if self.flags & RAW else None

    @property
    def kind_name(self) -> str:
        """``batch``, ``loss`` …; the number as text for a kind that this version does not know."""
        return traceformat.KIND_NAMES.get(self.kind, str(self.kind))


_KINDS: dict[int, int] = {int(kind): kind for kind in Kind}
_UNNAMED = NameRow("?", None, None)
_CHUNK = RECORD.size * 65536


def names_path(trace_path: str | os.PathLike[str]) -> Path:
    """The ``.names.jsonl`` beside a trace."""
    path = Path(trace_path)
    return path.with_name(path.name.removesuffix(TRACE_SUFFIX) + NAMES_SUFFIX)


class TraceReader:
    """A trace as it is on disk now; torn last records are left out. Iterate it for its events.

    Args:
        path: the ``.trace`` file.

    Raises:
        ReenactError: ``corrupt-trace`` (exit code 3) when the file is not a trace.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            with open(self.path, "rb") as file:
                head = file.read(len(MAGIC))
                size = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise _not_a_trace(self.path, error.strerror or str(error)) from error
        if head != MAGIC[: len(head)]:
            raise _not_a_trace(self.path, "it does not start as a trace does")
        self._count = max(0, size - len(MAGIC)) // RECORD.size
        self._names: list[NameRow] | None = None
        self._steps: int | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def names(self) -> list[NameRow]:
        """The rows of the table of names."""
        if self._names is None:
            self._names = _NamesTail(names_path(self.path)).poll()
        return self._names

    def records(self) -> Iterator[tuple[int, int, int, int, int]]:
        """(kind, flags, name number, step, value) of each event: the quickest way through a trace."""
        for chunk in self.chunks():
            yield from RECORD.iter_unpack(chunk)

    def chunks(self) -> Iterator[bytes]:
        """The bytes of the complete records, in pieces of whole records."""
        left = self._count * RECORD.size
        with open(self.path, "rb") as file:
            file.seek(len(MAGIC))
            while left > 0:
                chunk = file.read(min(left, _CHUNK))
                if not chunk:
                    return
                left -= len(chunk)
                yield chunk[: len(chunk) - len(chunk) % RECORD.size]

    def __iter__(self) -> Iterator[Event]:
        names = self.names
        for index, record in enumerate(self.records()):
            yield _event(index, record, names)

    @property
    def steps(self) -> int:
        """Training steps seen: one more than the last step with a loss, or lacking any, with a grad or param."""
        if self._steps is None:
            last: dict[int, int] = {}
            for kind, _, _, step, _ in self.records():
                if step > last.get(kind, -1):
                    last[kind] = step
            # Batch and out are no measure: an evaluation after the last step records them at one step more.
            kinds = ((Kind.LOSS,), (Kind.GRAD, Kind.PARAM), (Kind.BATCH, Kind.OUT))
            best = (max(last.get(kind, -1) for kind in group) for group in kinds)
            self._steps = next((step + 1 for step in best if step >= 0), 0)
        return self._steps

    def losses(self) -> list[tuple[int, float]]:
        """(step, loss) of every scalar loss event, in order."""
        wanted = int(Kind.LOSS)
        unpack = traceformat.bits_float
        return [
            (step, unpack(value)) for kind, flags, _, step, value in self.records() if kind == wanted and flags & RAW
        ]


class TraceTail:
    """Follows a trace that is being written.

    Args:
        path: the ``.trace`` file; it need not exist yet.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._names = _NamesTail(names_path(path))
        self._offset = 0
        self._index = 0

    def poll(self) -> list[Event]:
        """The events completed since the last call.

        Raises:
            ReenactError: ``corrupt-trace`` when the file is not a trace.
        """
        try:
            with open(self.path, "rb") as file:
                if self._offset == 0:
                    head = file.read(len(MAGIC))
                    if head != MAGIC[: len(head)]:
                        raise _not_a_trace(self.path, "it does not start as a trace does")
                    if len(head) < len(MAGIC):
                        return []
                    self._offset = len(MAGIC)
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return []
        whole = len(data) - len(data) % RECORD.size
        self._offset += whole
        # After the events: a row of names is written before the first event that uses it.
        names = self._names.poll()
        events = [_event(self._index + i, record, names) for i, record in enumerate(RECORD.iter_unpack(data[:whole]))]
        self._index += len(events)
        return events


class _NamesTail:
    """The table of names, read on from where the last poll stopped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[NameRow] = []
        self._offset = 0

    def poll(self) -> list[NameRow]:
        try:
            with open(self.path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return self.rows
        end = data.rfind(b"\n") + 1
        self._offset += end
        self.rows.extend(_name_row(line) for line in data[:end].split(b"\n")[:-1])
        return self.rows


def _name_row(line: bytes) -> NameRow:
    try:
        row = msgspec.json.decode(line)
        shape = row.get("shape")
        return NameRow(str(row["name"]), row.get("dtype"), None if shape is None else tuple(shape))
    except (msgspec.DecodeError, AttributeError, KeyError, TypeError, UnicodeDecodeError):
        return _UNNAMED  # keeps the line numbers of the other rows


def _event(index: int, record: tuple[int, ...], names: list[NameRow]) -> Event:
    kind, flags, name, step, value = record
    row = names[name] if name < len(names) else _UNNAMED
    return Event(index, _KINDS.get(kind, kind), flags, row.name, row.dtype, row.shape, step, value)


def _not_a_trace(path: Path, why: str) -> ReenactError:
    return ReenactError(
        "corrupt-trace",
        f"cannot read the trace {path}: {why}",
        fix="restore the file from a copy; without it the run cannot be compared",
        exit_code=EXIT_NOT_REPLAYABLE,
    )
