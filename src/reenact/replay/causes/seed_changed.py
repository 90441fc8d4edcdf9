"""A seed that code sets has another value."""

from __future__ import annotations

from .context import Cause, Context, told
from .examples import change, example

WEIGHTS = {"seed": 0.95, "init": 0.9, "rng": 0.9, "batch": 0.7, "out": 0.6, "loss": 0.4}


def judge(context: Context) -> Cause | None:
    """Only seeds that are not from the clock: that is another cause."""
    changes = [one for one in context.of("seed") if not {"clock", "none"} & set(one.detail.split())]
    weight = context.weigh(WEIGHTS)
    if not changes or not weight:
        return None
    return Cause(
        "seed-changed", weight, f"{told(changes)} ({changes[0].detail}); {context.what()}", "set the same seed in both"
    )


EXAMPLES_POSITIVE = [example("seed", -1, changes=[change("seed", "torch.manual_seed", "0", "1", "train.py:3 code")])]
EXAMPLES_NEGATIVE = [
    example("seed", -1, changes=[change("seed", "torch.manual_seed", "0", "1", "train.py:3 clock")]),
    example("grad", 0, changes=[change("seed", "torch.manual_seed", "0", "1", "train.py:3 code")]),
    example("seed", -1),
]
