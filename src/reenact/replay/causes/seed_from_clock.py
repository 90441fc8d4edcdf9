"""A seed is taken from the clock, and so is another one at every run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .context import Cause, Context
from .examples import example

WEIGHTS = {"seed": 0.95, "init": 0.9, "rng": 0.9, "batch": 0.75, "out": 0.65, "loss": 0.5}


def judge(context: Context) -> Cause | None:
    """Only where the two values differ: a replay gives the recorded value back."""
    a, b = _seeds(context, 0), _seeds(context, 1)
    weight = context.weigh(WEIGHTS)
    values = [[seed.get("value") for seed in side] for side in (a, b)]
    if not weight or values[0] == values[1]:
        return None
    seed = (a or b)[0]
    where = f" at {seed['site']}" if seed.get("site") else ""
    return Cause(
        "seed-from-clock",
        weight,
        f"{seed.get('lib')}.{seed.get('fn')}{where} is seeded from the clock, and got "
        f"{values[0][0] if a else 'nothing'} and {values[1][0] if b else 'nothing'}; {context.what()}",
        "seed with a number of your own",
    )


def _seeds(context: Context, side: int) -> list[Mapping[str, Any]]:
    manifest = (context.a, context.b)[side]
    seeds = context.events("seed")[side] or (manifest.get("entropy") or {}).get("seeds") or []
    return [seed for seed in seeds if seed.get("origin") == "clock"]


def _clock(value: int) -> dict[str, Any]:
    return {"e": "seed", "lib": "torch", "fn": "manual_seed", "value": value, "origin": "clock", "site": "train.py:3"}


EXAMPLES_POSITIVE = [
    example("seed", -1, events_a=[_clock(1)], events_b=[_clock(2)]),
    example("init", -1, a={"entropy": {"seeds": [_clock(1)]}}, b={"entropy": {"seeds": [_clock(2)]}}),
]
EXAMPLES_NEGATIVE = [
    example("seed", -1, events_a=[_clock(1)], events_b=[_clock(1)]),
    example("grad", 3, events_a=[_clock(1)], events_b=[_clock(2)]),
    example("seed", -1, events_a=[{**_clock(1), "origin": "code"}], events_b=[{**_clock(2), "origin": "code"}]),
]
