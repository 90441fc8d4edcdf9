"""A DataLoader has another number of workers: random draws move between processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .context import Cause, Context
from .examples import example

WEIGHTS = {"rng": 0.85, "batch": 0.85, "out": 0.3}


def judge(context: Context) -> Cause | None:
    """Loaders are paired by the order in which they were first used."""
    weight = context.weigh(WEIGHTS)
    if not weight:
        return None
    for a, b in loaders(context):
        if a.get("num_workers") != b.get("num_workers"):
            where = f" at {a['site']}" if a.get("site") else ""
            counts = f"{a.get('num_workers')} and {b.get('num_workers')} workers"
            return Cause(
                "dataloader-workers",
                weight,
                f"the DataLoader{where} has {counts}; {context.what()}",
                "use the same num_workers, or draw augmentations from a generator seeded for each sample",
            )
    return None


def loaders(context: Context) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The loaders of both runs in pairs."""
    return list(zip(*context.events("loader")))


EXAMPLES_POSITIVE = [
    example("rng", 0, events_a=[{"e": "loader", "num_workers": 0}], events_b=[{"e": "loader", "num_workers": 2}]),
    example("batch", 1, events_a=[{"e": "loader", "num_workers": 4}], events_b=[{"e": "loader", "num_workers": 2}]),
]
EXAMPLES_NEGATIVE = [
    example("batch", 1, events_a=[{"e": "loader", "num_workers": 2}], events_b=[{"e": "loader", "num_workers": 2}]),
    example("grad", 1, events_a=[{"e": "loader", "num_workers": 0}], events_b=[{"e": "loader", "num_workers": 2}]),
]
