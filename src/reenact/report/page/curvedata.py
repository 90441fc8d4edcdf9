"""Series as the data that the charts of a page draw."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Any

from ...record.series import Series, downsample

FEWEST, MOST = 60, 1500
"""Points of a curve: so many are always drawn, and no more than that."""


def curve(series: Series, run: int, points: int) -> dict[str, Any]:
    """A series of at most about ``points`` points as plain data.

    Args:
        run: the place of its run among those of the page.
        points: see `record.series.downsample`.

    Returns:
        {run, steps, values, times, held, count}: ``steps`` and ``times`` as the first one and what each of the others adds to it
        (times in milliseconds since the run's start; null where a point has none), ``values`` with seven digits, and as the texts
        "nan", "inf", "-inf" where they are no finite numbers; ``count`` is the number of points of the whole.
    """
    small = downsample(series, points)
    return {
        "run": run,
        "steps": _deltas(small.steps),
        "values": [_number(value) for value in small.values],
        "times": None if small.times is None else _times(small.times),
        "held": small.held,
        "count": len(series) if series.whole is None else series.whole.count,
    }


def window(series: Series, low: float, high: float) -> Series:
    """The part of a series from one step to another, and the points beside it, so that lines lead out of the picture."""
    inside = [i for i, step in enumerate(series.steps) if low <= step <= high]
    if not inside:
        return series
    start, stop = max(0, inside[0] - 1), min(len(series), inside[-1] + 2)
    times = None if series.times is None else series.times[start:stop]
    return Series(series.name, series.steps[start:stop], series.values[start:stop], times, series.skipped, series.held)


def _deltas(found: Sequence[int]) -> list[int]:
    return [found[0], *(after - before for before, after in zip(found, found[1:]))] if found else []


def _number(value: float) -> float | str:
    return float(f"{value:.7g}") if math.isfinite(value) else repr(value)


def _times(found: array[float]) -> list[int | None]:
    told: list[int | None] = []
    before = 0
    for time in found:
        if time != time:
            told.append(None)
            continue
        now = round(1000 * time)
        told.append(now - before)
        before = now
    return told
