"""The points of one name, condensed while they are read: of every `BLOCK` points the smallest and the largest stay, and a NaN."""

from __future__ import annotations

import math
from array import array

from .metriclines import Columns

BLOCK = 64
"""Points of which few are kept."""
RAW = 4096
"""Points of a name that are kept as they are, before the first are condensed."""


class Condensed(Columns):
    """As `Columns`, for what is to be drawn: its own columns hold the last points, ``kept`` what was kept of those before.

    ``before`` counts the points that were condensed, ``odd`` those of them that are NaN or infinite, ``low`` those that are finite and
    that a log scale cannot show.
    """

    __slots__ = ("before", "kept", "low", "odd")

    def __init__(self) -> None:
        super().__init__()
        self.kept = Columns()
        self.before = self.odd = self.low = 0

    def add(self, step: int | None, value: float, time: float | None) -> None:
        """One point."""
        super().add(self.before + len(self.values) if step is None else step, value, time)

    def total(self) -> int:
        """How many points there are, those that were condensed too."""
        return self.before + len(self.values)

    def fold(self) -> None:
        """Condense what has come, all but the last points."""
        count = (len(self.values) - 1) // BLOCK * BLOCK
        if count <= 0 or (not self.before and len(self.values) < RAW):
            return
        places: list[int] = [] if self.before else [0]
        for start in range(0, count, BLOCK):
            block = self.values[start : start + BLOCK]
            total, low = sum(block), min(block)
            if not math.isfinite(total):
                self.odd += sum(not math.isfinite(value) for value in block)
                self.low += sum(value <= 0 and math.isfinite(value) for value in block)
            elif low <= 0:
                self.low += sum([value <= 0 for value in block])
            if total == total:
                pair = [start + block.index(low), start + block.index(max(block))]
                places += sorted(pair) if pair[0] != pair[1] else pair[:1]
            else:
                places += sorted(set(extremes(block, start)))
        if places[:2] == [0, 0]:
            del places[0]
        kept = self.kept
        kept.steps.extend([self.steps[place] for place in places])
        kept.values.extend([self.values[place] for place in places])
        kept.times.extend([self.times[place] for place in places])
        for column in (self.steps, self.values, self.times):
            del column[:count]
        self.before += count

    def whole(self) -> Columns:
        """What was kept, and the last points."""
        found = Columns()
        found.steps = self.kept.steps + self.steps
        found.values = self.kept.values + self.values
        found.times = self.kept.times + self.times
        return found

    def counts(self) -> tuple[int, int, int]:
        """How many points there are; how many are NaN or infinite; how many are finite and not above 0."""
        odd = sum(not math.isfinite(value) for value in self.values)
        low = sum(value <= 0 and math.isfinite(value) for value in self.values)
        return self.total(), self.odd + odd, self.low + low


def extremes(values: array[float], start: int) -> list[int]:
    """Places of the smallest and the largest of some values, the first of which has a place; and of the first NaN."""
    total = sum(values)
    if total == total:
        return [start + values.index(min(values)), start + values.index(max(values))]
    # A NaN, or both infinities: min and max would depend on the order.
    found = [value for value in values if value == value]
    kept = [start + values.index(min(found)), start + values.index(max(found))] if found else []
    gap = next((i for i, value in enumerate(values) if value != value), None)
    return kept if gap is None else [*kept, start + gap]
