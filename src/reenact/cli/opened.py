"""Opening the store for a verb."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..store.index import Index
    from ..store.project import Store


def say(text: str) -> None:
    """A message of reenact itself, to stderr."""
    from ..report.quantities import plain

    sys.stderr.write(f"reenact: {plain(text)}\n")
    sys.stderr.flush()


@contextmanager
def project() -> Iterator[tuple[Store, Index]]:
    """The store of the current folder and its index, which seals what was interrupted.

    Raises:
        ReenactError: ``no-store``.
    """
    from ..store.index import Index
    from ..store.project import Store

    store = Store.open(os.getcwd())
    with Index(store) as index:
        yield store, index
