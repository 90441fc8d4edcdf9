"""A DataLoader is set up otherwise: batch size, shuffling, sampler, data set, generator."""

from __future__ import annotations

from .context import Cause, Context
from .dataloader_workers import loaders
from .examples import example

WEIGHTS = {"rng": 0.7, "batch": 0.9}
SETTINGS = ("batch_size", "shuffle", "sampler", "dataset", "has_generator", "has_worker_init", "persistent_workers")


def judge(context: Context) -> Cause | None:
    """What the loader itself told at its first use."""
    weight = context.weigh(WEIGHTS)
    if not weight:
        return None
    for a, b in loaders(context):
        differ = [name for name in SETTINGS if a.get(name) != b.get(name)]
        if differ:
            where = f" at {a['site']}" if a.get("site") else ""
            told = ", ".join(f"{name} {a.get(name)} -> {b.get(name)}" for name in differ)
            return Cause(
                "loader-settings",
                weight,
                f"the DataLoader{where} differs: {told}; {context.what()}",
                "set up the DataLoader as in the baseline",
            )
    return None


EXAMPLES_POSITIVE = [
    example(
        "batch", 0, "shape", events_a=[{"e": "loader", "batch_size": 8}], events_b=[{"e": "loader", "batch_size": 16}]
    )
]
EXAMPLES_NEGATIVE = [
    example("batch", 0, events_a=[{"e": "loader", "batch_size": 8}], events_b=[{"e": "loader", "batch_size": 8}]),
    example("grad", 0, events_a=[{"e": "loader", "batch_size": 8}], events_b=[{"e": "loader", "batch_size": 16}]),
]
