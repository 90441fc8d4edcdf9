"""Comparing a replay's traces with its baseline's while they grow."""

from __future__ import annotations

import time
from pathlib import Path

from ..probe.traceformat import always_sampled
from ..record import layout
from ..record.journal import job_of
from ..record.schema import Manifest
from ..record.trace import Event, TraceReader, TraceTail
from ..store.project import Store
from .compare import MultiComparer
from .compositions import Compositions, ConfigDifference
from .difference import SAMPLED, Difference, is_joint
from .prepare import Options, Progress
from .runs import cut_short, total_steps

CONFIGS = 20
"""Differing values of configs that are told at once; the result has all."""


class Follower:
    """Compares the candidate's traces with the baseline's while they grow."""

    def __init__(
        self,
        store: Store,
        baseline: Manifest,
        run_dir: Path,
        options: Options,
        progress: Progress,
        window: tuple[int, int] | None = None,
    ) -> None:
        self._window = window
        self._folder = run_dir / layout.TRACE
        self._options = options
        self._progress = progress
        self._began = time.monotonic()
        self._wall = baseline.resources.wall
        self.total = total_steps(baseline)
        self._trial = baseline.trial_of is not None
        folder = store.run_dir(baseline.run)
        readers = {trace.process: TraceReader(folder / trace.path) for trace in baseline.traces}
        ended = {process.process: process.complete for process in baseline.processes}
        self._comparer = MultiComparer(
            readers,
            ranks={trace.process: trace.rank or 0 for trace in baseline.traces},
            tolerance=options.tolerance,
            complete=all(ended.get(process, True) for process in readers) and not cut_short(baseline),
        )
        self._tails: dict[str, TraceTail] = {}
        self._compositions = Compositions(folder, run_dir, self._trial)

    def tick(self) -> bool:
        """Compare what has come; True to stop the replay."""
        self._configs()
        self._poll()
        self._progress.update(self.steps_equal, self.total, time.monotonic() - self._began, self._wall)
        if self._window is not None:
            steps = (comparer.step for comparer in self._comparer.comparers.values())
            if min(steps, default=0) > self._window[1] + 1:
                return True
        return self._options.stop and (self._comparer.settled or self._comparer.exhausted)

    def finish(self, stopped: bool) -> Difference | None:
        """Compare the rest; the earliest difference, or None."""
        self._configs(ended=not stopped)
        self._poll()
        ended = not stopped or self._comparer.exhausted
        found = self._comparer.finish() if ended else self._comparer.difference
        self._progress.update(self.steps_equal, self.total, time.monotonic() - self._began, self._wall)
        return found

    @property
    def steps_equal(self) -> int:
        """Optimizer steps that were equal in every process."""
        return self._comparer.steps_equal

    @property
    def configs(self) -> list[ConfigDifference]:
        """What Hydra composed otherwise than in the baseline."""
        return self._compositions.found

    def _configs(self, ended: bool = False) -> None:
        for difference in self._compositions.poll(ended)[:CONFIGS]:
            self._progress.message(difference.describe())

    def _poll(self) -> None:
        for path in sorted(self._folder.glob("*.trace")):
            process = path.name.removesuffix(".trace")
            if self._trial and job_of(process) is None:
                continue  # what the sweep did around its jobs
            tail = self._tails.setdefault(process, TraceTail(path))
            events = [event for event in tail.poll() if not self._only_in_window(event)]
            if events:
                self._comparer.feed(process, events)

    def _only_in_window(self, event: Event) -> bool:
        """True for an event that the baseline cannot have, because only this replay was asked for it."""
        if self._window is None or event.kind not in SAMPLED or is_joint(event) or always_sampled(event.step):
            return False
        return self._window[0] <= event.step <= self._window[1]
