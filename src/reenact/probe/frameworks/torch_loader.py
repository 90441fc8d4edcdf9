"""``torch.utils.data.DataLoader``: what it hands over, and how it was set up."""

from __future__ import annotations

import weakref
from typing import Any

from ..callsite import call_site
from ..compiled import quick
from ..entropy import dress
from ..state import Probe
from .torch_library import failed, in_worker


def hook(probe: Probe, module: Any) -> None:
    """Wraps ``DataLoader.__iter__`` and the ``__next__`` of its iterators, in the process that trains."""
    loader = module.DataLoader
    iterator = module._BaseDataLoaderIter
    known: Any = weakref.WeakKeyDictionary()
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
        return start(self)

    def __next__(self: Any) -> Any:
        batch = following(self)
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
