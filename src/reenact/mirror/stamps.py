"""Times of points, so that no two of one metric are the same to MLflow.

To MLflow's databases a point *is* its key, step, value and time in milliseconds: one that comes a second time is dropped. That makes it safe to send
again what may have arrived, and it would lose what a program really logged twice within a millisecond. So the second of two such points
gets the next free millisecond, whichever process counts and however often: the same points always get the same times.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from ..record.series import Series

LARGEST = 1.7976931348623157e308
"""What MLflow's databases keep in the place of an infinity."""

Kept = tuple[int, int, float | str]


class Point(NamedTuple):
    """One point as it is sent: ``time`` in milliseconds since 1970."""

    step: int
    value: float
    time: int

    def kept(self) -> Kept:
        """What MLflow tells points of one metric apart by."""
        return self.time, self.step, kept_value(self.value)


def kept_value(value: float) -> float | str:
    """A value as MLflow keeps it: NaN by name, infinities as the largest number, no negative zero."""
    if math.isnan(value):
        return "nan"
    return max(-LARGEST, min(LARGEST, value)) + 0.0


class Stamps:
    """The points of one metric, in order.

    Args:
        began: milliseconds since 1970 at which the run began.
    """

    def __init__(self, began: int) -> None:
        self._began = began
        self._next = 0
        self._taken: set[Kept] = set()
        self._highest: int | None = None
        self._unordered = False

    def points(self, series: Series, start: int, stop: int) -> Iterator[Point]:
        """The points from ``start`` on; those before are only counted. ``start`` never goes back."""
        for at in range(self._next, stop):
            step, value = series.steps[at], series.values[at]
            if self._highest is not None and step <= self._highest:
                if step < self._highest and not self._unordered:
                    self._unordered = True  # nothing that was can be forgotten any more
                    self._again(series, at)
            elif not self._unordered:
                self._taken.clear()
            self._highest = step if self._highest is None else max(step, self._highest)
            point = self._free(Point(step, value, self._time(series, at)))
            self._next = at + 1
            if at >= start:
                yield point

    def _time(self, series: Series, at: int) -> int:
        seconds = series.times[at] if series.times is not None else 0.0
        return max(0, self._began + (int(1000 * seconds) if math.isfinite(seconds) else 0))

    def _free(self, point: Point) -> Point:
        while point.kept() in self._taken:
            point = point._replace(time=point.time + 1)
        self._taken.add(point.kept())
        return point

    def _again(self, series: Series, stop: int) -> None:
        self._taken.clear()
        for at in range(stop):
            self._free(Point(series.steps[at], series.values[at], self._time(series, at)))
