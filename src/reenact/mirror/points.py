"""The points of one run on their way into MLflow, each exactly once, whoever is killed when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..record.series import Follower, Series
from ..store.project import Store
from .names import Keys
from .progress import Progress, ProgressFile
from .stamps import Point, Stamps
from .tracker import METRICS_AT_ONCE, Tracker, batches


class Points:
    """Reads the metrics of a run as they grow, and sends what is new.

    Args:
        folder: the run folder; of a job, that of its sweep.
        store: whose cache may be used.
        job: the job of a sweep that goes on, or None.
        began: milliseconds since 1970 at which the run began.
        tracker: where to.
        file: where it is written how far they have come.
    """

    def __init__(
        self, folder: Path, store: Store, job: int | None, began: int, tracker: Tracker, file: ProgressFile
    ) -> None:
        self.keys = Keys()
        self._folder = folder
        self._cache = store.series_folder if job is None else None
        self._job = job
        self._began = began
        self._tracker = tracker
        self._file = file
        self._follower: Follower | None = None
        self._series: dict[str, Series] = {}
        self._sources: dict[str, str] = {}
        self._stamps: dict[str, Stamps] = {}

    def restart(self) -> None:
        """All of it goes into another copy."""
        self.keys = Keys()
        self._stamps = {}

    def failed(self) -> None:
        """Something that was read may not have been sent."""
        self._stamps = {}

    def read(self, progress: Progress, whole: bool) -> bool:
        """Read what there is. Once the run is sealed (``whole``) from the beginning, as everybody else will read it.

        Returns:
            True where a name has come to mean other points than those that were sent under it.
        """
        if self._follower is None or whole:
            before = self._series
            self._follower = Follower(self._folder, None, self._cache, self._job)
            self._follower.poll()
            if whole:
                self._follower.finish()
                self._check(progress, before, self._follower.series())
        else:
            self._follower.poll()
        self._series, self._sources = self._follower.series(), self._follower.sources()
        return any(progress.sources.get(name, source) != source for name, source in self._sources.items())

    def send(self, progress: Progress) -> None:
        """Send what has not arrived.

        Raises:
            ReenactError: as `Tracker.ask`; ``progress`` tells what may have arrived.
        """
        progress.sources = dict(self._sources)
        self._resolve(progress)
        for batch in batches(self._fresh(progress), METRICS_AT_ONCE):
            trying: dict[str, int] = {}
            for name, _ in batch:
                trying[name] = trying.get(name, progress.sent.get(name, 0)) + 1
            progress.trying = trying
            self._file.write(progress)
            self._log(progress, batch)
            progress.sent = {**progress.sent, **trying}
            progress.trying = {}

    def _check(self, progress: Progress, before: Mapping[str, Series], now: Mapping[str, Series]) -> None:
        """What was read while it was written is what is there: a thread may have filled in a point late."""
        for name, old in before.items():
            new, sent = now.get(name), progress.sent.get(name, 0)
            same = (
                new is not None
                and new.steps[:sent] == old.steps[:sent]
                and new.values[:sent].tobytes() == old.values[:sent].tobytes()
            )
            if not same:
                self._stamps.pop(name, None)
                if progress.trying is not None:
                    progress.sent[name] = 0
                    progress.trying[name] = sent

    def _resolve(self, progress: Progress) -> None:
        """Ask the server what has arrived of what was last sent, and send the rest of that."""
        trying = progress.trying
        if trying is None:
            trying = {name: len(one) for name, one in self._series.items()}
        if not trying:
            return
        for name, stop in trying.items():
            one, start = self._series.get(name), progress.sent.get(name, 0)
            if one is None or stop <= start:
                continue
            arrived = self._tracker.history(progress.mlflow, self.keys.key(name))
            missing = []
            for point in Stamps(self._began).points(one, start, min(stop, len(one))):
                if arrived[point.kept()]:
                    arrived[point.kept()] -= 1
                else:
                    missing.append((name, point))
            for batch in batches(iter(missing), METRICS_AT_ONCE):
                self._log(progress, batch)
            progress.sent[name] = min(stop, len(one))
        progress.trying = {}
        self._file.write(progress)

    def _fresh(self, progress: Progress) -> Iterator[tuple[str, Point]]:
        for name, one in self._series.items():
            start = progress.sent.get(name, 0)
            if len(one) > start:
                stamps = self._stamps.setdefault(name, Stamps(self._began))
                for point in stamps.points(one, start, len(one)):
                    yield name, point

    def _log(self, progress: Progress, batch: Sequence[tuple[str, Point]]) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(self.keys.key(name), point.value, point.time, point.step) for name, point in batch]
        self._tracker.ask(lambda client: client.log_batch(progress.mlflow, metrics=metrics))
        progress.points += len(metrics)
