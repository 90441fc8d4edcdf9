"""Reading ``metrics/<process>.jsonl``: pieces of a file to columns of numbers, by name.

A line is ``{"n": name, "s": step or null, "v": number, "t": seconds}``, or several values of one step at once,
``{"s": step, "t": seconds, "m": {name: number}}``. NaN and the infinities, which JSON lacks, are the strings ``"NaN"``,
``"Infinity"`` and ``"-Infinity"``. Lines that are no such thing are counted and passed over.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Callable, Iterator
from typing import IO, Any, Literal, Union

import msgspec

_PIECE = 1 << 18
_LONGEST = 1 << 26
"""Bytes of a line that is still read; a longer one is no line of ours."""
_WORDS = {
    "NaN": math.nan,
    "Infinity": math.inf,
    "-Infinity": -math.inf,
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
}
"""The last three are how canonical JSON spells them."""
_NO_TIME = math.nan
_STEPS = range(-(2**63), 2**63)

_Number = Union[float, Literal["NaN", "Infinity", "-Infinity", "nan", "inf", "-inf"]]


class _Line(msgspec.Struct, gc=False):
    n: Union[str, None] = None
    s: Union[int, None] = None
    v: Union[_Number, None] = None
    t: Union[float, None] = None
    m: Union[dict[str, _Number], None] = None


class Columns:
    """The points of one name: steps, values and times, in the order written.

    A point without a step gets its place in the series; one without a time gets NaN.
    """

    __slots__ = ("steps", "times", "values")

    def __init__(self) -> None:
        self.steps = array("q")
        self.values = array("d")
        self.times = array("d")

    def __len__(self) -> int:
        return len(self.values)

    def add(self, step: int | None, value: float, time: float | None) -> None:
        """One point."""
        self.steps.append(len(self.values) if step is None else step)
        self.values.append(value)
        self.times.append(_NO_TIME if time is None else time)

    def keep(self, count: int) -> None:
        """Forget the points after the first ``count``."""
        for column in (self.steps, self.values, self.times):
            del column[count:]


class LineParser:
    """Takes the bytes of a metrics file piece by piece.

    Args:
        columns: where the points of a name go; None for a name that is not wanted.
    """

    def __init__(self, columns: Callable[[str], Columns | None]) -> None:
        self.skipped = 0
        self._columns = columns
        self._decode = msgspec.json.Decoder(_Line)

    def feed(self, lines: bytes) -> None:
        """Takes whole lines."""
        try:
            rows = self._decode.decode_lines(lines)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            rows = []
        if len(rows) != lines.count(b"\n"):  # one cannot be read, is empty, or has two on it
            for line in lines.split(b"\n"):
                if line and not line.isspace():
                    self.skipped += not self.one(line)
            return
        self._take(rows)

    def one(self, line: bytes) -> bool:
        """Takes one line; False when it is no point, or not all of it is."""
        try:
            row = self._decode.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._odd(line)
        before = self.skipped
        self._take([row])
        whole = self.skipped == before
        self.skipped = before
        return whole

    def _take(self, rows: list[_Line]) -> None:
        groups: dict[str, list[_Line]] = {}
        for row in rows:
            name = row.n
            if name is None or row.m is not None:
                if groups:
                    self._put_groups(groups)
                    groups = {}
                self._several(row)
            elif name in groups:
                groups[name].append(row)
            else:
                groups[name] = [row]
        self._put_groups(groups)

    def _put_groups(self, groups: dict[str, list[_Line]]) -> None:
        for name, group in groups.items():
            columns = self._columns(name)
            if columns is None:
                self.skipped += sum(row.v is None for row in group)
                continue
            count = len(columns)
            try:  # at once where nothing is missing and all are plain numbers, which is nearly always
                columns.values.extend([row.v for row in group])  # type: ignore[misc]
                columns.steps.extend([row.s for row in group])  # type: ignore[misc]
                columns.times.extend([row.t for row in group])  # type: ignore[misc]
            except (TypeError, OverflowError):
                columns.keep(count)
                for row in group:
                    self.skipped += not _put(columns, row.s, row.v, row.t)

    def _several(self, row: _Line) -> None:
        if row.m is None or row.n is not None:
            self.skipped += 1
            return
        good = True
        for name, value in row.m.items():
            columns = self._columns(name)
            if columns is not None:
                good = _put(columns, row.s, value, row.t) and good
        self.skipped += not good

    def _odd(self, line: bytes) -> bool:
        """A line that is nearly one: a bare NaN, a step that is 3.0, one value of several that is no number, odd characters."""
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return False
        if not isinstance(row, dict) or ("n" in row) == ("m" in row):
            return False
        several = row.get("m") if "m" in row else {row["n"]: row.get("v")}
        if not isinstance(several, dict):
            return False
        step, good = row.get("s"), True
        if isinstance(step, float) and step.is_integer():
            step = int(step)
        time = row.get("t")
        time = time if _is_number(time) else None
        if step is not None and (not isinstance(step, int) or isinstance(step, bool)):
            return False
        for name, value in several.items():
            if not isinstance(name, str):
                return False
            columns = self._columns(name)
            if _is_number(value) or (isinstance(value, str) and value in _WORDS):
                good = (columns is None or _put(columns, step, value, time)) and good
            else:
                good = False
        return good


def _put(columns: Columns, step: int | None, value: Any, time: float | None) -> bool:
    if isinstance(value, str):
        value = _WORDS[value]
    if value is None or (step is not None and step not in _STEPS):
        return False
    try:
        columns.add(step, float(value), time)
    except OverflowError:  # an integer that no float can hold
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def whole_lines(file: IO[bytes], start: int = 0) -> Iterator[tuple[bytes, int]]:
    """Pieces of whole lines, each with the place in the file after it; last, what is left without a line end, if anything.

    What is left of a line that is far too long comes as a piece of its own, so that memory stays bounded.
    """
    file.seek(start)
    rest = b""
    at = start
    while piece := file.read(_PIECE):
        end = piece.rfind(b"\n") + 1
        if not end:
            rest += piece
            if len(rest) > _LONGEST:
                at += len(rest)
                yield b"?\n", at  # a line that cannot be read
                rest = b""
            continue
        data = rest + piece[:end] if rest else piece[:end]
        rest = piece[end:]
        at += len(data)
        yield data, at
    if rest:
        yield rest, at
