"""The number of threads differs: sums are added up in another order."""

from __future__ import annotations

from .context import Cause, Context, told
from .examples import change, example, torch_library

WEIGHTS = {"grad": 0.85, "param": 0.6, "out": 0.6, "loss": 0.5}
VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def judge(context: Context) -> Cause | None:
    """What torch itself counted decides; variables and cores only where it did not tell."""
    weight = context.weigh(WEIGHTS, numeric=True)
    if not weight:
        return None
    a, b = context.torch("threads")
    if a is not None and b is not None:
        if a == b:
            return None
        evidence = f"torch used {a} threads and {b} threads"
    else:
        changes = context.named("variable", *VARIABLES) or context.named("hardware", "usable cores", "logical cores")
        if not changes:
            return None
        evidence, weight = told(changes), weight * 0.8
    return Cause(
        "thread-count",
        weight,
        f"{evidence}; {context.what()}",
        "set torch.set_num_threads(n) (or OMP_NUM_THREADS=n) to the baseline's number",
    )


EXAMPLES_POSITIVE = [
    example("grad", 0, events_a=[torch_library(threads=1)], events_b=[torch_library(threads=2)]),
    example("grad", 0, changes=[change("variable", "OMP_NUM_THREADS")]),
    example("out", 4, possibly=(("grad", 3),), changes=[change("hardware", "usable cores")]),
]
EXAMPLES_NEGATIVE = [
    example("batch", 0, changes=[change("variable", "OMP_NUM_THREADS")]),
    example("init", -1, events_a=[torch_library(threads=1)], events_b=[torch_library(threads=2)]),
    example(
        "grad",
        0,
        changes=[change("variable", "OMP_NUM_THREADS")],
        events_a=[torch_library(threads=2)],
        events_b=[torch_library(threads=2)],
    ),
    example("grad", 0, "shape", changes=[change("variable", "OMP_NUM_THREADS")]),
]
