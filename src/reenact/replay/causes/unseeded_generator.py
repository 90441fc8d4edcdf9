"""A generator was never seeded: its start state is the operating system's."""

from __future__ import annotations

from .context import Cause, Context
from .examples import example

WEIGHTS = {"seed": 0.9, "rng": 0.9, "init": 0.9, "batch": 0.7, "out": 0.6, "loss": 0.5}


def judge(context: Context) -> Cause | None:
    """Not where the candidate is a replay that got the recorded entropy back."""
    weight = context.weigh(WEIGHTS)
    if context.entropy_given or not weight:
        return None
    sides = [(side.get("entropy") or {}) for side in (context.a, context.b)]
    libraries = sorted({name for side in sides for name in side.get("unseeded") or []})
    draws = max(int(side.get("draws") or 0) for side in sides)
    if libraries:
        evidence = f"{', '.join(libraries)} drew random numbers and was never seeded"
        fix = f"seed {', '.join(libraries)} before the first draw"
    elif context.fresh_entropy and draws:
        evidence = f"{draws} draws from the operating system were not given back"
        fix = "pass a seed wherever a generator is made (default_rng, RandomState, Random)"
        weight *= 0.8
    else:
        return None
    return Cause("unseeded-generator", weight, f"{evidence}; {context.what()}", fix)


EXAMPLES_POSITIVE = [
    example("init", -1, a={"entropy": {"unseeded": ["torch"]}}, fresh_entropy=True),
    example("batch", 0, a={"run": "A", "entropy": {"unseeded": ["numpy"]}}, b={"run": "B"}),
    example("batch", 0, a={"entropy": {"draws": 2}}, fresh_entropy=True),
]
EXAMPLES_NEGATIVE = [
    example("init", -1, a={"run": "A", "entropy": {"unseeded": ["torch"]}}, b={"replay_of": "A"}),
    example("grad", 0, a={"entropy": {"unseeded": ["torch"]}}, fresh_entropy=True),
    example("init", -1, a={"entropy": {"unseeded": []}}),
]
