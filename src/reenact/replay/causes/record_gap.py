"""The record knows that it missed something that a replay needs."""

from __future__ import annotations

from .context import Cause, Context
from .examples import example

WEIGHTS = dict.fromkeys(("seed", "init", "rng", "batch", "out", "loss"), 0.5) | {
    "grad": 0.2,
    "hyper": 0.3,
    "param": 0.2,
}


def judge(context: Context) -> Cause | None:
    """Only for a replay: two other runs do not depend on each other's records."""
    gaps = [gap for gap in context.a.get("gaps") or [] if gap.get("replay")]
    weight = context.weigh(WEIGHTS)
    if not gaps or not weight or not context.entropy_given:
        return None
    missed = gaps[0].get("detail") or gaps[0].get("id")
    return Cause(
        "record-gap",
        weight,
        f"the baseline's record misses what a replay needs: {missed}; {context.what()}",
        "record the run again in a way that the gap's text names, then verify that record",
    )


_GAP = {"id": "state-not-kept", "detail": "the start state of a generator was not kept", "replay": True}
EXAMPLES_POSITIVE = [example("rng", 0, a={"run": "A", "gaps": [_GAP]}, b={"replay_of": "A"})]
EXAMPLES_NEGATIVE = [
    example("rng", 0, a={"run": "A", "gaps": [_GAP]}, b={"run": "B"}),
    example("rng", 0, a={"run": "A", "gaps": [{**_GAP, "replay": False}]}, b={"replay_of": "A"}),
]
