"""Opening the store for a verb."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..report.indexprogress import IndexProgress
    from ..store.index import Index
    from ..store.project import Store


def say(text: str) -> None:
    """A message of reenact itself, to stderr."""
    from ..report.quantities import plain

    sys.stderr.write(f"reenact: {plain(text)}\n")
    sys.stderr.flush()


@contextmanager
def project(live: bool = False) -> Iterator[tuple[Store, Index]]:
    """The store of the current folder and its index, which seals what was interrupted.

    Args:
        live: runs that go on have the params and metrics that they have by now.

    Raises:
        ReenactError: ``no-store``.
    """
    from ..store.index import Index
    from ..store.project import Store

    store = Store.open(os.getcwd())
    progress = _Progress()
    try:
        index = Index(store, progress=progress, live=live)
    finally:
        progress.stop()
    with index:
        yield store, index


class _Progress:
    """Tells how far the index is, where there is much to read; what draws it is imported then."""

    def __init__(self) -> None:
        self._told: IndexProgress | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._told is None:
            from ..report.indexprogress import IndexProgress

            self._told = IndexProgress(sys.stderr)
        self._told(done, total)

    def stop(self) -> None:
        if self._told is not None:
            self._told.stop()
