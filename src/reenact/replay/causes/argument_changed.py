"""The command's arguments differ."""

from __future__ import annotations

from ..outputs import OutputResult
from .context import Cause, Context, told
from .examples import change, example

WEIGHTS = dict.fromkeys(("seed", "init", "rng", "batch", "out", "loss", "grad", "hyper", "param"), 0.75) | {"save": 0.5}

UNTRACED = 0.5


def judge(context: Context) -> Cause | None:
    """Arguments can change anything, as code can."""
    changes = context.of("argv", bits=True)
    weight = UNTRACED if context.only_outputs_tell else context.weigh(WEIGHTS)
    if not changes or not weight:
        return None
    detail = changes[0].detail or told(changes)
    return Cause(
        "argument-changed",
        weight,
        f"the command differs ({detail}), and {context.what()}",
        "run with the same arguments; if one only names a place for outputs, look at the other causes",
    )


EXAMPLES_POSITIVE = [
    example("batch", 0, "shape", changes=[change("argv", "argv", detail="with --batch-size 64")]),
    example(None, changes=[change("argv", "argv")], outputs=[OutputResult("a.txt", "a.txt", False, "text")]),
]
EXAMPLES_NEGATIVE = [example("batch"), example(None, changes=[change("argv", "argv")])]
