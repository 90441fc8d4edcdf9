"""An environment variable that the program itself reads differs."""

from __future__ import annotations

from ...environment.variables import is_bit_variable
from .context import Cause, Context, told
from .examples import change, example

WEIGHTS = dict.fromkeys(("seed", "init", "rng", "batch", "out", "loss", "grad", "hyper", "param"), 0.7) | {"save": 0.5}


def judge(context: Context) -> Cause | None:
    """Like an argument, such a variable can change anything. Those that libraries read have rules of their own."""
    changes = [one for one in context.of("variable") if not is_bit_variable(one.name)]
    weight = context.weigh(WEIGHTS)
    if not changes or not weight:
        return None
    return Cause(
        "variable-changed",
        weight,
        f"the program reads {told(changes)}, and {context.what()}",
        "set the variable as in the baseline",
    )


EXAMPLES_POSITIVE = [example("batch", 3, changes=[change("variable", "MY_DATA_SIZE")])]
EXAMPLES_NEGATIVE = [
    example("grad", 3, changes=[change("variable", "OMP_NUM_THREADS")]),
    example(None, changes=[change("variable", "MY_DATA_SIZE")]),
    example("batch", 3),
]
