"""``torch.utils.data.DataLoader``: what it hands over, and how it was set up."""

from __future__ import annotations

import time
import weakref
from typing import Any

from ..callsite import call_site
from ..compiled import quick
from ..entropy import dress
from ..state import Probe
from .torch_library import failed, in_worker

EPOCHS = 10_000
"""Epochs of a process whose times are kept."""


def hook(probe: Probe, module: Any) -> None:
    """Wraps ``DataLoader.__iter__`` and the ``__next__`` of its iterators, in the process that trains."""
    loader = module.DataLoader
    iterator = module._BaseDataLoaderIter
    known: Any = weakref.WeakKeyDictionary()
    begun: Any = weakref.WeakKeyDictionary()
    """Iterator -> number of its loader, when it began, and the steps completed then."""
    quick_loaded = quick("loaded")
    start, following = loader.__iter__, iterator.__next__

    def __iter__(self: Any) -> Any:
        try:
            if watching(probe):
                if self not in known:
                    known[self] = len(known)
                    _describe(probe, self, known[self])
                probe.training.generators()
        except Exception as problem:
            failed(probe, "loader", problem)
        found = start(self)
        if self in known:
            begin(found, known[self])
        return found

    def begin(iterator: Any, number: int) -> None:
        try:
            if watching(probe):
                begun[iterator] = number, time.monotonic(), probe.training.step_now()
        except Exception as problem:
            failed(probe, "loader", problem)

    def over(iterator: Any) -> None:
        """An epoch has ended; one without a step was an evaluation."""
        try:
            number, since, steps = begun.pop(iterator, (0, 0.0, 0))
            done = probe.training.step_now() - steps if since and watching(probe) else 0
            if done > 0 and probe.next_number("epochs") < EPOCHS:
                probe.journal.write("epoch", n=number, steps=done, seconds=round(time.monotonic() - since, 6))
        except Exception as problem:
            failed(probe, "loader", problem)

    def __next__(self: Any) -> Any:
        try:
            batch = following(self)
        except StopIteration:
            over(self)
            raise
        try:
            if not quick_loaded(batch) and watching(probe):
                probe.training.loaded(batch)
        except Exception as problem:
            failed(probe, "loader", problem)
        return batch

    dress(__iter__, start)
    dress(__next__, following)
    loader.__iter__ = __iter__
    iterator.__next__ = __next__


def watching(probe: Probe) -> bool:
    """True in the process and on the thread that trains."""
    return probe.training is not None and probe.training.mine() and not in_worker()


def _describe(probe: Probe, loader: Any, n: int) -> None:
    sampler = type(getattr(loader, "sampler", None)).__name__
    probe.journal.write(
        "loader",
        n=n,
        site=call_site(),
        batch_size=loader.batch_size,
        num_workers=loader.num_workers,
        shuffle=sampler == "RandomSampler",
        sampler=sampler,
        in_order=getattr(loader, "in_order", True),
        has_generator=loader.generator is not None,
        has_worker_init=loader.worker_init_fn is not None,
        persistent_workers=getattr(loader, "persistent_workers", False),
        dataset=type(loader.dataset).__qualname__,
    )
    if loader.num_workers and not getattr(loader, "in_order", True):
        probe.journal.write("hazard", id="loader-order", detail="DataLoader(in_order=False)", site=call_site())
