"""The curves that the page draws, read on as their runs go on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from ..record import layout
from ..record.series import Follower, Series, read
from ..report.page.curvedata import curve, window
from ..report.page.report import drawable
from ..store.project import Store

_KEPT_RUNS = 200
_KEPT_POINTS = 20_000_000


class Curves:
    """The series of the runs that were looked at last.

    Args:
        store: where the runs are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, _Live] = OrderedDict()

    def panels(self, runs: Sequence[str], metrics: Sequence[str], points: int) -> list[dict[str, Any]]:
        """{name, curves} for each metric of the runs, or each of those named; see `curvedata.curve`."""
        found = [self.series(run) for run in runs]
        names = list(metrics) or drawable(found)
        panels = []
        for name in names:
            curves = [curve(one[name], place, points) for place, one in enumerate(found) if len(one.get(name, ()))]
            if curves:
                panels.append({"name": name, "curves": curves})
        return panels

    def stretch(self, runs: Sequence[str], metric: str, low: float, high: float, points: int) -> list[dict[str, Any]]:
        """The curves of one metric between two steps, of all points that there are."""
        found = [self._exact(run, metric) for run in runs]
        return [
            curve(window(one, low, high), place, points)
            for place, one in enumerate(found)
            if one is not None and len(one)
        ]

    def series(self, run: str) -> dict[str, Series]:
        """All metrics of a run as they are now, condensed where they are long."""
        with self._lock:
            live = self._runs.get(run)
            if live is None:
                live = self._runs[run] = _Live(self._store, run)
            self._runs.move_to_end(run)
            while len(self._runs) > _KEPT_RUNS or (len(self._runs) > 1 and self._points() > _KEPT_POINTS):
                self._runs.popitem(last=False)
        return live.read()

    def _exact(self, run: str, metric: str) -> Series | None:
        one = self.series(run).get(metric)
        if one is None or one.whole is None or one.whole.count == len(one):
            return one
        return read(self._store.run_dir(run), [metric], self._store.series_folder).get(metric)

    def _points(self) -> int:
        return sum(live.points for live in self._runs.values())


class _Live:
    def __init__(self, store: Store, run: str) -> None:
        self._folder = store.run_dir(run)
        self._follower = Follower(self._folder, None, store.series_folder, condensed=True)
        self._lock = threading.Lock()
        self._over = False
        self._found: dict[str, Series] = {}
        self.points = 0

    def read(self) -> dict[str, Series]:
        with self._lock:
            if self._over:
                return self._found
            over = (self._folder / layout.MANIFEST).exists()
            self._follower.poll()
            if over:
                self._follower.finish()
            # The arrays grow under the follower: a reader gets those of this moment.
            self._found = {name: series if over else _copy(series) for name, series in self._follower.series().items()}
            self._over = over
            self.points = sum(map(len, self._found.values()))
            return self._found


def _copy(series: Series) -> Series:
    times = None if series.times is None else series.times[:]
    return Series(series.name, series.steps[:], series.values[:], times, series.skipped, series.held, series.whole)
