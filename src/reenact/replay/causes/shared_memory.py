"""Several processes train one model in shared memory without locks: who comes first differs every time."""

from __future__ import annotations

from .context import Cause, Context
from .examples import change, example

WEIGHTS = {"init": 0.8, "out": 0.85, "loss": 0.6, "grad": 0.8, "param": 0.85, "save": 0.5}


def judge(context: Context) -> Cause | None:
    """Both runs did so, and nothing that went in differs."""
    weight = context.weigh(WEIGHTS, numeric=True)
    both = [[one for one in side if one.get("id") == "shared-memory"] for side in context.hazards()]
    if not weight or not all(both) or not context.same_recipe():
        return None
    return Cause(
        "shared-memory",
        weight,
        f"processes train one model in shared memory ({both[0][0].get('site')}), and nothing orders their updates; "
        f"{context.what()}",
        "train in one process, or average what the processes have computed at fixed points (DistributedDataParallel)",
    )


_SHARED = {"e": "hazard", "id": "shared-memory", "site": "train.py:8"}
EXAMPLES_POSITIVE = [
    example("init", -1, events_a=[_SHARED], events_b=[_SHARED]),
    example("out", 3, events_a=[_SHARED], events_b=[_SHARED]),
]
EXAMPLES_NEGATIVE = [
    example("out", 3),
    example("batch", 3, events_a=[_SHARED], events_b=[_SHARED]),
    example("out", 3, events_a=[_SHARED], events_b=[_SHARED], changes=[change("code", "train.py")]),
]
