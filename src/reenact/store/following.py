"""What runs that go on have logged so far, for listings: only at the end does a manifest tell."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..record.schema import Metric
from ..record.sofar import SoFar
from .project import Store

_AGAIN = 3.0
"""Seconds until a run is looked at again."""
_SECONDS = 1.0
"""After so many seconds the other runs have to wait for the next time."""


class Known(NamedTuple):
    """What is known of a run that goes on."""

    id: str
    params: dict[str, Any]
    metrics: dict[str, Metric]


class Following:
    """Reads on in the folders of runs that go on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._runs: dict[str, SoFar] = {}
        self._looked: dict[str, float] = {}

    def look(self, going: Sequence[str]) -> Iterator[Known]:
        """What is known by now of those that were not looked at just before.

        Args:
            going: all runs that go on; the first are looked at first.
        """
        for run in set(self._runs).difference(going):
            del self._runs[run], self._looked[run]
        began = time.monotonic()
        for run in going:
            now = time.monotonic()
            if now - began > _SECONDS:
                return
            if run not in self._runs:
                self._runs[run] = SoFar(self._store.run_dir(run), self._store.series_folder)
            elif now - self._looked[run] < _AGAIN:
                continue
            self._looked[run] = now
            yield Known(run, *self._runs[run].read())
