"""What is known of a run that is not sealed: its params and metrics so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import ReenactError
from . import layout
from .journal import read_journals
from .params import gather
from .params.base import Context
from .schema import Metric, Start, load_start
from .series import Follower, summary
from .trials import journals_of
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
        self._follower.poll()
        self._follower.poll()  # a last point that stands still is whole
        metrics = {name: summary(one) for name, one in self._follower.series().items()}
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


def params_so_far(folder: Path, start: Start, job: int | None = None) -> dict[str, Any]:
    """The params by name. Before the program has read its command line, what is said of that may be said otherwise later.

    Args:
        folder: the run folder.
        start: its start.json.
        job: of a sweep: the params of this job.
    """
    journals, _ = read_journals(folder)
    start = hide_typed_secrets(folder, start, journals, write=False)
    context = Context(folder, start, journals)
    if job is not None:
        context = Context(folder, start, journals_of(journals, job), main=f"job{job}")
    return {name: param.value for name, param in gather(context).items()}
