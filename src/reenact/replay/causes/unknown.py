"""Nothing that was recorded explains the divergence."""

from __future__ import annotations

from .context import Cause, Context
from .examples import example

SUSPECTS = {
    "seed": "seeds, entropy, code or config before training",
    "init": "seeds, entropy, code or config before training",
    "rng": "seeds, entropy, code or config before training",
    "batch": "input files, their order, shuffling, workers, augmentation",
    "out": "the forward pass: kernel, threads, precision, library, dropout",
    "loss": "labels, the loss function, hash order",
    "grad": "the backward pass: threads, atomics, nondeterministic kernels",
    "hyper": "the optimizer's settings",
    "param": "the optimizer, its settings or implementation",
    "save": "what is saved beside the parameters",
}
FIXES = {
    "batch": "verify once more with num_workers=0",
    "out": "verify once more on one thread (OMP_NUM_THREADS=1)",
    "grad": "verify once more with --deterministic, or on one thread (OMP_NUM_THREADS=1)",
}


def judge(context: Context) -> Cause | None:
    """Always has an answer to a divergence, and a low one; `rank` asks it only when no other rule has evidence."""
    if context.difference is None:
        return None
    kind = context.difference.kind
    return Cause(
        "unknown",
        0.1,
        f"nothing recorded explains it: {context.what()}, which points at {SUSPECTS.get(kind, 'no one place')}",
        FIXES.get(
            kind, "verify once more: a divergence at another place points at a race, at the same place at a cause"
        ),
    )


EXAMPLES_POSITIVE = [example("grad", 3), example("seed", -1)]
EXAMPLES_NEGATIVE = [example(None)]
