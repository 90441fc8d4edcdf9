"""The metrics of a run as series of numbers: whole, or while they grow.

They come from four places: ``metrics/<process>.points``, which the program logged; ``metrics/*.jsonl``; the losses of the trace,
which are not written twice; the learning rates of the journal's ``hyper`` events.
"""

from __future__ import annotations

import math
import os
import re
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from . import layout
from .condensed import Condensed, extremes
from .journal import JournalTail, job_of, process_order
from .metriclines import Columns
from .schema import Metric
from .seriesfiles import LinesFile, PointsFile, SeriesFile, TraceFile
from .traces import Summary, rank_of

LOSS = "loss"
RATE = "lr"

T = TypeVar("T")
_JOB = re.compile(r"job\d+(?:~\d+)?")


@dataclass
class Whole:
    """What is told of all points of a series that was made smaller: how many there are, how many of them are NaN or infinite, and how
    many are finite and not above 0.
    """

    count: int
    odd: int
    low: int


@dataclass
class Series:
    """One metric of a run. Times are in seconds since the run's start, NaN where there is none; None where there are none at all.

    ``skipped`` counts the lines of its file that could not be read; ``held`` is true where a value holds until the next one;
    ``whole`` is of an `overview`.
    """

    name: str
    steps: array[int]
    values: array[float]
    times: array[float] | None = None
    skipped: int = 0
    held: bool = False
    whole: Whole | None = None

    def __len__(self) -> int:
        return len(self.values)


def names(run_dir: str | os.PathLike[str], cache: Path | None = None) -> list[str]:
    """Names of the metrics of a run. Of a name in several processes, the further ones' are ``name@process``."""
    follower = Follower(run_dir, (), cache)
    follower.poll()
    return follower.names()


def read(
    run_dir: str | os.PathLike[str], names: Iterable[str] | None = None, cache: Path | None = None
) -> dict[str, Series]:
    """The metrics of a run as they are on disk now.

    Args:
        run_dir: the run folder.
        names: only these; those that the run does not have are left out.
        cache: folder in which what was read of large files is kept, ``cache/series`` of the store; none when None.
    """
    follower = Follower(run_dir, names, cache)
    follower.poll()
    follower.finish()
    return follower.series()


def overviews(
    run_dir: str | os.PathLike[str], names: Iterable[str] | None = None, cache: Path | None = None
) -> dict[str, Series]:
    """The metrics of a run, condensed where they are long; arguments as of `read`. See `overview`."""
    follower = Follower(run_dir, names, cache, condensed=True)
    follower.poll()
    follower.finish()
    return follower.series()


def overview(
    run_dir: str | os.PathLike[str], name: str, points: int, cache: Path | None = None, follower: Follower | None = None
) -> Series | None:
    """A metric of a run with as many points as can be drawn, however many it has: the first, the last, and of each stretch the
    smallest, the largest and a NaN. What was read of a large file is kept condensed, and of one that grows only what is new is read.

    Args:
        run_dir: the run folder.
        name: the metric.
        points: about how many; up to `condensed.RAW` they are exact, beyond that the stretches are a multiple of `condensed.BLOCK` points.
        cache: as for `read`.
        follower: one with ``condensed`` that reads on from where it is, of a run that is looked at again and again; it is polled here.

    Returns:
        The series, with ``whole``; None when the run does not have it.
    """
    if follower is None:
        found = overviews(run_dir, [name], cache).get(name)
    else:
        follower.poll()
        found = follower.series([name]).get(name)
    return None if found is None else downsample(found, points)


class Follower:
    """Reads the metrics of a run, and then only what is new.

    Args:
        run_dir: the run folder.
        names: only these; all when None.
        cache: as for `read`.
        condensed: what is read is condensed, for `overview`.
        job: of a sweep that goes on: read what this job has written so far.
    """

    def __init__(
        self,
        run_dir: str | os.PathLike[str],
        names: Iterable[str] | None = None,
        cache: Path | None = None,
        job: int | None = None,
        *,
        condensed: bool = False,
    ) -> None:
        self._condensed = condensed
        self.folder = Path(run_dir)
        self._job = job
        self._wanted = None if names is None else frozenset(names)
        self._cache = cache
        self._lines: dict[str, LinesFile | PointsFile] = {}
        self._traces: dict[str, TraceFile] = {}
        self._rates: dict[str, _Rates] = {}
        self._finished = False

    def poll(self) -> set[str]:
        """Read on; the names of the metrics that have new points."""
        before = self._counts()
        for path in self._paths(layout.METRICS, ".jsonl"):
            if path.name not in self._lines:
                self._lines[path.name] = LinesFile(
                    path, self._wanted_in(path.stem), self._kept_at(path), self._condensed
                )
        for path in self._paths(layout.METRICS, ".points"):
            if path.name not in self._lines:
                self._lines[path.name] = PointsFile(
                    path, self._wanted_in(path.stem), self._kept_at(path) if self._condensed else None, self._condensed
                )
        for lines in self._lines.values():
            lines.poll()
        if not self._wanted or any(not self._in_lines(name) for name in self._wanted):
            for path in self._leading(layout.TRACE, ".trace"):
                self._traces.setdefault(path.name, TraceFile(path, self._kept_at(path), self._condensed)).poll()
        if not self._wanted or any(name == RATE or name.startswith(RATE + ".") for name in self._wanted):
            for path in self._leading(layout.JOURNAL, ".jsonl"):
                self._rates.setdefault(path.name, _Rates(path)).poll()
        after = self._counts()
        return {name for name, count in after.items() if count != before.get(name, 0)}

    def finish(self) -> None:
        """Take last lines that lack only their line end, count those that were cut off, and let the last learning rate hold up to the
        last step; for a run that is not being written, or is looked at once.
        """
        self._finished = True
        for lines in self._lines.values():
            lines.finish()

    def names(self) -> list[str]:
        """Names of all metrics that were seen, also of those that are not wanted."""
        return list(self._places())

    def sources(self) -> dict[str, str]:
        """Where the points of each metric are from: the file, and their name in it. A name may come to mean another source: what a
        program logs as ``loss`` comes before the losses of the trace, which then are ``loss@trace``.
        """
        return {name: f"{source.path.name}:{key}" for name, (source, key) in self._places().items()}

    def series(self, names: Iterable[str] | None = None) -> dict[str, Series]:
        """Everything so far, or of these names only. The arrays are those that `poll` appends to, unless they are condensed."""
        wanted = self._wanted if names is None else frozenset(names)
        found: dict[str, Series] = {}
        for name, (source, key) in self._places().items():
            if wanted is not None and name not in wanted:
                continue
            if isinstance(source, _Rates):
                found[name] = source.series(name, key, self._last_step() if self._finished else None)
                continue
            columns = source.columns(key)
            if columns is None or not len(columns):
                continue
            whole = None
            if isinstance(columns, Condensed):
                whole = Whole(*columns.counts())
                columns = columns.whole()
            times = columns.times if any(map(_is_time, columns.times)) else None
            found[name] = Series(name, columns.steps, columns.values, times, source.skipped, whole=whole)
        return found

    def _places(self) -> dict[str, tuple[SeriesFile | _Rates, str]]:
        """Where each metric is: its source, and its name there. Files come first, as in the manifest."""
        places: dict[str, tuple[SeriesFile | _Rates, str]] = {}
        for file, lines in _ordered(self._lines):
            for name in lines.names():
                places.setdefault(name if name not in places else f"{name}@{Path(file).stem}", (lines, name))
        for _, trace in _ordered(self._traces):
            for name in trace.names():
                places.setdefault(name if name not in places else f"{name}@trace", (trace, name))
        for _, rates in _ordered(self._rates):
            for name in rates.names():
                places.setdefault(name, (rates, name))
        return places

    def _counts(self) -> dict[str, int]:
        return {name: source.count(key) for name, (source, key) in self._places().items()}

    def _wanted_in(self, process: str) -> frozenset[str] | None:
        if self._wanted is None:
            return None
        return self._wanted | {name.removesuffix(f"@{process}") for name in self._wanted}

    def _in_lines(self, name: str) -> bool:
        return any(name in lines.names() for lines in self._lines.values())

    def _last_step(self) -> int | None:
        """The last step that a loss is of: up to there the last learning rate held."""
        last = [trace.last_step for trace in self._traces.values() if trace.last_step is not None]
        return max(last, default=None)

    def _paths(self, folder: str, suffix: str) -> list[Path]:
        """Of the processes whose metrics are this run's: those of a sweep's jobs are the trials'."""
        trial = "." in self.folder.name
        found = [path for path in (self.folder / folder).glob(f"*{suffix}") if not path.name.startswith(".")]
        if self._job is not None:
            return sorted(
                (path for path in found if job_of(path.stem) == self._job), key=lambda path: process_order(path.stem)
            )
        found = [path for path in found if trial or job_of(path.stem) is None]
        return sorted(found, key=lambda path: process_order(path.stem))

    def _leading(self, folder: str, suffix: str) -> list[Path]:
        """Of the first rank, or of the job itself."""
        paths = self._paths(folder, suffix)
        return [path for path in paths if rank_of(path.stem) == 0 or _JOB.fullmatch(path.stem)]

    def _kept_at(self, path: Path) -> Path | None:
        suffix = "overview" if self._condensed else "series"
        return None if self._cache is None else self._cache / self.folder.name / f"{path.name}.{suffix}"


class _Rates:
    """The learning rates of one process: the first optimizer's first group is ``lr``, its others are ``lr.1``, ``lr.2`` …

    A further kind of optimizer is ``lr.NAME``. Two of one kind cannot be told apart in a journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tail = JournalTail(path)
        self._optimizers: list[str] = []
        self._points: dict[str, Columns] = {}

    def poll(self) -> None:
        for event in self._tail.poll():
            if event["e"] != "hyper" or not isinstance(event.get("values"), list):
                continue
            optimizer, step = str(event.get("name")), event.get("step")
            if optimizer not in self._optimizers:
                self._optimizers.append(optimizer)
            stem = RATE if optimizer == self._optimizers[0] else f"{RATE}.{optimizer}"
            for number, group in enumerate(event["values"]):
                rate = group.get("lr") if isinstance(group, dict) else None
                if isinstance(step, int) and isinstance(rate, (int, float)) and not isinstance(rate, bool):
                    columns = self._points.setdefault(f"{stem}.{number}" if number else stem, Columns())
                    if not len(columns) or columns.values[-1] != rate:
                        columns.add(step, float(rate), None)

    def names(self) -> Iterable[str]:
        return self._points

    def count(self, name: str) -> int:
        return len(self._points[name])

    def series(self, name: str, key: str, last: int | None) -> Series:
        columns = self._points[key]
        steps, values = columns.steps[:], columns.values[:]
        if last is not None and last > steps[-1]:
            steps.append(last)
            values.append(values[-1])
        return Series(name, steps, values, held=True)


def summary(series: Series) -> Metric:
    """What a manifest tells of a metric, from its points."""
    found = Summary()
    for value in series.values:
        found.add(value)
    if series.whole is not None:
        found.count = series.whole.count
    return found.metric()


def downsample(series: Series, points: int) -> Series:
    """A series of about as many points: of each stretch the smallest and the largest value stay, where they are, and so do the
    first and the last point. A stretch with NaN in it keeps one, as a gap.

    Args:
        series: any; one that is short enough comes back as it is.
        points: how many there may be, at least 8.
    """
    count = len(series)
    points = max(points, 8)
    if count <= points:
        return series
    buckets = max(1, (points - 2) // 3)
    kept: list[int] = [0]
    for number in range(buckets):
        start, stop = count * number // buckets, count * (number + 1) // buckets
        kept.extend(extremes(series.values[start:stop], start))
    kept.append(count - 1)
    indices = sorted(set(kept))
    times = series.times
    return Series(
        series.name,
        array("q", [series.steps[i] for i in indices]),
        array("d", [series.values[i] for i in indices]),
        None if times is None else array("d", [times[i] for i in indices]),
        series.skipped,
        series.held,
        series.whole,
    )


def _ordered(files: Mapping[str, T]) -> list[tuple[str, T]]:
    """What was logged first, as in the manifest; then by process."""
    return sorted(files.items(), key=lambda pair: (not pair[0].endswith(".points"), process_order(Path(pair[0]).stem)))


def _is_time(value: float) -> bool:
    return not math.isnan(value)
