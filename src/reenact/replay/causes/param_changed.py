"""A hyperparameter of the optimizer differs."""

from __future__ import annotations

from ..outputs import OutputResult
from .context import Cause, Context, told
from .examples import change, example

WEIGHTS = {"hyper": 0.95, "param": 0.9}
UNTRACED = 0.65
LATER = {"out": 0.45, "loss": 0.45, "grad": 0.3}


def judge(context: Context) -> Cause | None:
    """Params act through hyper and param first; one that differs cannot explain what came before the first update."""
    changes = context.of("param")
    if not changes:
        return None
    weight = UNTRACED if context.only_outputs_tell else context.weigh(WEIGHTS)
    if context.difference is not None and context.difference.step > 0:
        weight = max(weight, context.weigh(LATER))
    if not weight:
        return None
    return Cause(
        "param-changed",
        weight,
        f"{told(changes)}, and {context.what()}",
        "set the params as in the baseline",
    )


EXAMPLES_POSITIVE = [
    example("hyper", 0, changes=[change("param", "lr", "0.1", "0.2")]),
    example("out", 4, changes=[change("param", "lr")], possibly=(("grad", 3), ("param", 3))),
    example(None, changes=[change("param", "lr")], outputs=[OutputResult("a.txt", "a.txt", False, "text")]),
]
EXAMPLES_NEGATIVE = [
    example("batch", 0, changes=[change("param", "lr")]),
    example("out", 0, changes=[change("param", "lr")]),
    example("hyper", 0),
    example(None, changes=[change("param", "lr")], outputs=[OutputResult("a.txt", "a.txt", True, "text")]),
]
