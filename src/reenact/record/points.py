"""Reads the metrics that a program logged: ``metrics/<process>.points`` and ``.names``, as `probe.metrics` writes them."""

from __future__ import annotations

import json
import math
import sys
from array import array
from collections.abc import Callable, Container, Iterator
from itertools import compress
from pathlib import Path
from typing import NamedTuple

from . import layout
from .journal import process_order
from .schema import Gap, Metric

RECORD_SIZE = 24
"""Bytes of one point: ``<Iidd``, number of the name, step, value, seconds since the process began."""

_FEW = 8
_CHUNK = 1 << 18  # points that are looked at together


class Chunk(NamedTuple):
    """Points in the order in which they were logged: columns of equal length. Name 0 is a record that was never written."""

    names: array[int]
    steps: array[int]
    values: array[float]
    times: array[float]


def read_names(path: Path) -> dict[int, str]:
    """The names of a ``.points`` file by their numbers; a torn last line is left out."""
    try:
        lines = path.with_suffix(".names").read_bytes().split(b"\n")[:-1]
    except OSError:
        return {}
    found: dict[int, str] = {}
    for line in lines:
        try:
            number, name = json.loads(line.decode("utf-8", "surrogatepass"))
            found[int(number)] = str(name)
        except (ValueError, TypeError):
            continue
    return found


def read_chunks(path: Path, start: int = 0) -> Iterator[Chunk]:
    """The points of a file, some at a time; one that is still being written is read as far as it goes.

    Args:
        start: number of the point to begin with.
    """
    with open(path, "rb") as file:
        file.seek(start * RECORD_SIZE)
        while data := file.read(_CHUNK * RECORD_SIZE):
            data = data[: len(data) - len(data) % RECORD_SIZE]
            if not data:
                return
            ints, floats = array("i"), array("d")
            ints.frombytes(data)
            floats.frombytes(data)
            if sys.byteorder == "big":
                ints.byteswap()
                floats.byteswap()
            yield Chunk(ints[0::6], ints[1::6], floats[1::3], floats[2::3])


Points = tuple["array[int]", "array[float]", "array[float]"]
"""Steps, values and times of one name."""


def by_name(chunk: Chunk, stop: int, wanted: Container[int]) -> dict[int, Points]:
    """The first points of a chunk, sorted by the numbers of their names; only of those that are wanted."""
    numbers = chunk.names[:stop]
    if not numbers:
        return {}
    columns = (chunk.steps[:stop], chunk.values[:stop], chunk.times[:stop])
    period = _period(numbers)
    if period:
        return {
            numbers[i]: (columns[0][i::period], columns[1][i::period], columns[2][i::period])
            for i in range(period)
            if numbers[i] in wanted
        }
    found: dict[int, Points] = {}
    mine = {number for number in set(numbers) if number in wanted}
    if len(mine) <= _FEW:
        for number in mine:  # a pass each is quicker than one that sorts
            these = list(map(number.__eq__, numbers))
            steps, values, times = columns
            found[number] = (
                array("i", compress(steps, these)),
                array("d", compress(values, these)),
                array("d", compress(times, these)),
            )
        return found
    for number in mine:
        found[number] = array("i"), array("d"), array("d")
    for number, step, value, time in zip(numbers, *columns):
        if number in mine:
            to = found[number]
            to[0].append(step)
            to[1].append(value)
            to[2].append(time)
    return found


def unnamed(numbers: array[int], names: Container[int]) -> int:
    """How many points have a number that is no name's: what was there was overwritten, or the names were."""
    odd = {number for number in set(numbers) if number and number not in names}
    return sum(map(odd.__contains__, numbers)) if odd else 0


def _period(numbers: array[int]) -> int:
    """After how many points the names come again in the same order, as of a loop that logs the same at every step; 0 when they do not."""
    try:
        period = numbers.index(numbers[0], 1)
    except ValueError:
        period = len(numbers)
    if len(set(numbers[:period])) != period or (period < len(numbers) and numbers[period:] != numbers[:-period]):
        return 0
    return period


def logged(folder: Path, of: Callable[[str], bool], gaps: list[Gap] | None = None) -> dict[str, Metric]:
    """Summaries of what the processes of a run logged; of a name in several of them what the first has.

    Args:
        folder: the run folder.
        of: which processes count.
        gaps: gets one for each file that cannot be read.
    """
    found: dict[str, Metric] = {}
    paths = [path for path in (folder / layout.METRICS).glob("*.points") if of(path.stem)]
    for path in sorted(paths, key=lambda path: process_order(path.stem)):
        try:
            without_tail(path)
            lost: list[int] = []
            found = {**summaries(path, lost), **found}
            if lost and gaps is not None:
                gaps.append(Gap("metrics-unreadable", f"{path.name}: points without a name: {sum(lost):,}", path.stem))
        except OSError as error:
            if gaps is not None:
                gaps.append(Gap("metrics-unreadable", f"{path.name}: {error.strerror}", path.stem))
    return found


def summaries(path: Path, lost: list[int] | None = None) -> dict[str, Metric]:
    """Last, minimum, maximum, count and first of every metric of a file; NaN counts, but is no minimum or maximum.

    Args:
        lost: gets how many points there are whose name is not known, if any.
    """
    names = read_names(path)
    found: dict[int, Metric] = {}
    for chunk in read_chunks(path):
        if lost is not None and (count := unnamed(chunk.names, names)):
            lost.append(count)
        for number, (_, column, _) in by_name(chunk, len(chunk.names), names).items():
            found[number] = _joined(found.get(number), _summary(column))
    return {names[number]: metric for number, metric in found.items()}


def _summary(column: array[float]) -> Metric:
    low, high = min(column), max(column)
    if low != low or high != high or any(map(math.isnan, column)):
        numbers = [value for value in column if value == value]
        low, high = (min(numbers), max(numbers)) if numbers else (math.nan, math.nan)
    none = low != low
    return Metric(column[-1], None if none else low, None if none else high, len(column), column[0])


def _joined(before: Metric | None, after: Metric) -> Metric:
    if before is None:
        return after
    lows = [value for value in (before.min, after.min) if value is not None]
    highs = [value for value in (before.max, after.max) if value is not None]
    return Metric(
        after.last,
        min(lows) if lows else None,
        max(highs) if highs else None,
        before.count + after.count,
        before.first,
    )


def without_tail(path: Path) -> None:
    """Cut off records that were never written: a program that was killed leaves some at the end."""
    last = -1
    for number, chunk in enumerate(read_chunks(path)):
        for at in range(len(chunk.names) - 1, -1, -1):
            if chunk.names[at]:
                last = number * _CHUNK + at
                break
    size = (last + 1) * RECORD_SIZE
    if path.stat().st_size != size:
        with open(path, "r+b") as file:
            file.truncate(size)
