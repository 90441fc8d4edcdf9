"""A file or folder that was read differs."""

from __future__ import annotations

from ..changes import SAME_CONTENT
from .context import Cause, Context, told
from .examples import change, example

WEIGHTS = {"batch": 0.9, "init": 0.6, "loss": 0.6, "out": 0.5, "hyper": 0.5, "rng": 0.3, "seed": 0.3, "grad": 0.15}


def judge(context: Context) -> Cause | None:
    """Data reach the batch first; weights init or out; labels the loss; a config file anything."""
    changes = [one for one in context.of("input") if one.detail != SAME_CONTENT and "another order" not in one.detail]
    weight = context.weigh(WEIGHTS)
    if context.difference is None and context.outputs and not all(output.equal for output in context.outputs):
        weight = 0.3
    if not changes or not weight:
        return None
    if all(None in (one.a, one.b) for one in changes):
        # Files that only one run read may as well follow from what made them differ.
        weight *= 0.5
    return Cause(
        "input-changed",
        weight,
        f"inputs differ: {told(changes)}; {context.what()}",
        "give both runs the same files, by digest",
    )


EXAMPLES_POSITIVE = [
    example("batch", 0, changes=[change("input", "data.csv", "sha256:aa", "sha256:bb", "other content")]),
    example("loss", 0, changes=[change("input", "labels/", "3 names", "4 names", "with d")]),
]
EXAMPLES_NEGATIVE = [
    example("param", 0, changes=[change("input", "data.csv")]),
    example("batch", 0, changes=[change("input", "a", "a", "b", SAME_CONTENT, bits=False)]),
    example("batch", 0),
]
