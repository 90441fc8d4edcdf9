"""An operation whose result depends on timing: atomics, scatter and index_put at several threads, all-reduce order."""

from __future__ import annotations

from .context import Cause, Context
from .examples import change, example, torch_library

WEIGHTS = {"grad": 1.0, "param": 0.7, "out": 0.6, "loss": 0.4}
SEEN = ("nondeterministic", "index_put", "index-put", "scatter", "atomic", "all-reduce", "all_reduce")


def judge(context: Context) -> Cause | None:
    """Only when nothing that changes numbers differs, deterministic mode was off, and something could have raced."""
    weight = context.weigh(WEIGHTS, numeric=True)
    if not weight or not context.same_recipe() or True in context.torch("deterministic"):
        return None
    hazards = [one for side in context.hazards() for one in side if any(word in str(one.get("id")) for word in SEEN)]
    devices = [side for side in context.torch("devices") if side]
    ranks = max((int(one.get("world_size") or 1) for side in context.events("rank") for one in side), default=1)
    threads = max((int(count) for count in context.torch("threads") if count), default=1)
    if hazards:
        evidence = f"{hazards[0].get('id')} was seen{' at ' + hazards[0]['site'] if hazards[0].get('site') else ''}"
        strength = 0.85
    elif devices:
        evidence, strength = f"it ran on {devices[0][0]} without deterministic algorithms", 0.6
    elif ranks > 1:
        evidence, strength = f"{ranks} ranks add up their gradients", 0.45
    elif threads > 1:
        evidence, strength = f"it ran on {threads} threads without deterministic algorithms", 0.4
    else:
        return None
    return Cause(
        "nondeterministic-op",
        weight * strength,
        f"nothing that went in differs, {evidence}, and {context.what()}",
        "run with --deterministic (torch.use_deterministic_algorithms(True)), or on one thread to confirm",
    )


EXAMPLES_POSITIVE = [
    example("grad", 3, events_a=[{"e": "hazard", "id": "index_put", "site": "model.py:9"}]),
    example("grad", 3, events_a=[torch_library(threads=2, deterministic=False)]),
    example("out", 4, possibly=(("grad", 3),), events_a=[torch_library(devices=["H100"])]),
    example("grad", 3, events_b=[{"e": "rank", "rank": 0, "world_size": 2}]),
]
EXAMPLES_NEGATIVE = [
    example("grad", 3, events_a=[torch_library(threads=1)]),
    example("grad", 3, events_a=[torch_library(threads=2, deterministic=True)]),
    example("grad", 3, events_a=[torch_library(threads=2)], changes=[change("code", "train.py")]),
    example("batch", 3, events_a=[torch_library(threads=2)]),
    example("grad", 3, "missing", events_a=[torch_library(threads=2)]),
]
