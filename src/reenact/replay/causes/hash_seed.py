"""PYTHONHASHSEED differs: sets of strings have another order."""

from __future__ import annotations

from .context import Cause, Context
from .examples import change, example

WEIGHTS = {"loss": 0.65, "batch": 0.45, "seed": 0.2, "rng": 0.2, "init": 0.2, "out": 0.2}


def judge(context: Context) -> Cause | None:
    """Labels numbered by iterating over a set are what was seen; it is rarely more than one candidate."""
    changes = context.named("entropy", "PYTHONHASHSEED")
    weight = context.weigh(WEIGHTS)
    if not changes or not weight or context.difference is None:
        return None
    if context.difference.step > 0:
        # An order that depends on the hash seed mostly shows from the first batch on.
        weight *= 0.5
    if context.of("code", "argv", "input", "seed", bits=True):
        # The hash seed differs between any two runs that do not set it; something else differs here as well.
        weight *= 0.5
    return Cause(
        "hash-seed",
        weight,
        f"PYTHONHASHSEED was {changes[0].a} and {changes[0].b}; {context.what()}",
        "sort sets before iterating over them, or set PYTHONHASHSEED",
    )


EXAMPLES_POSITIVE = [
    example("loss", 0, changes=[change("entropy", "PYTHONHASHSEED")]),
    example("batch", 0, changes=[change("entropy", "PYTHONHASHSEED")]),
]
EXAMPLES_NEGATIVE = [example("grad", 0, changes=[change("entropy", "PYTHONHASHSEED")]), example("loss", 0)]
