"""What is known of a run that is not sealed: its params and metrics so far."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from ..errors import ReenactError
from . import layout
from .journal import read_journals
from .params import gather
from .params.base import Context
from .schema import Metric, Start, load_start
from .series import Follower, summary
from .trials import journals_of, trials
from .typed import hide_typed_secrets


class SoFar:
    """Reads the params and metrics of a run, and then what is new.

    Args:
        folder: the run folder.
        cache: as of `series.read`.
    """

    def __init__(self, folder: Path, cache: Path | None) -> None:
        self._folder = folder
        self._follower = Follower(folder, None, cache, condensed=True)
        self._journal = 0
        self._params: dict[str, Any] = {}

    def read(self) -> tuple[dict[str, Any], dict[str, Metric]]:
        """The params and the metrics, as a manifest has them."""
        metrics = _metrics(self._follower)
        # A program that has logged something has read its command line. What it adds later is looked at ever more seldom.
        if any(not name.startswith("system/") for name in metrics):
            size = sum(path.stat().st_size for path in (self._folder / layout.JOURNAL).glob("*.jsonl"))
            if size >= 2 * self._journal:
                self._journal = size
                try:
                    self._params = params_so_far(self._folder, load_start(self._folder / layout.START))
                except ReenactError:
                    pass  # it is told of where the run is read
        return self._params, metrics


@dataclass
class TrialSoFar:
    """A job of a sweep that goes on, see `schema.Trial`; ``status`` may be ``running`` or ``waiting``, too."""

    job: int
    run: str | None
    overrides: list[str]
    status: str
    returned: Any
    params: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    duration: float | None = None


def trials_so_far(folder: Path, cache: Path | None = None, values: bool = False) -> list[TrialSoFar]:
    """The jobs of a sweep that goes on, as far as they are known; none of a run that is no sweep.

    Args:
        folder: the run folder.
        cache: as of `series.read`.
        values: with their params and metrics.

    Raises:
        ReenactError: ``corrupt-start`` (exit code 3).
    """
    context = _context(folder, load_start(folder / layout.START))
    found = []
    for trial in trials(context, folder.name):
        status = {"missing": "waiting", "unknown": "running"}.get(trial.status, trial.status)
        one = TrialSoFar(trial.job, trial.run, trial.overrides, status, trial.returned)
        found.append(one)
        if values and one.run is not None:
            one.params = _params(context, one.job)
            follower = Follower(folder, None, cache, one.job, condensed=True)
            one.metrics = {name: msgspec.to_builtins(metric) for name, metric in _metrics(follower).items()}
    return found


def params_so_far(folder: Path, start: Start, job: int | None = None) -> dict[str, Any]:
    """The params by name. Before the program has read its command line, what is said of that may be said otherwise later.

    Args:
        folder: the run folder.
        start: its start.json.
        job: of a sweep: the params of this job.
    """
    return _params(_context(folder, start), job)


def _context(folder: Path, start: Start) -> Context:
    journals, _ = read_journals(folder)
    return Context(folder, hide_typed_secrets(folder, start, journals, write=False), journals)


def _params(context: Context, job: int | None) -> dict[str, Any]:
    if job is not None:
        context = replace(context, journals=journals_of(context.journals, job), main=f"job{job}")
    return {name: param.value for name, param in gather(context).items()}


def _metrics(follower: Follower) -> dict[str, Metric]:
    follower.poll()
    follower.poll()  # a last point that stands still is whole
    return {name: summary(one) for name, one in follower.series().items()}
