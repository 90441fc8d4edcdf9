"""Another number of ranks: other shards of the data, and gradients added up otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .context import Cause, Context
from .examples import example

WEIGHTS = {"batch": 0.9, "rng": 0.5, "grad": 0.9, "param": 0.6, "loss": 0.5, "out": 0.5, "seed": 0.5}


def judge(context: Context) -> Cause | None:
    """What the ranks told, else how many ranks have a trace."""
    sizes = [_size(events, manifest) for events, manifest in zip(context.events("rank"), (context.a, context.b))]
    weight = context.weigh(WEIGHTS)
    if not weight or sizes[0] == sizes[1]:
        return None
    return Cause(
        "world-size",
        weight,
        f"the runs have {sizes[0]} and {sizes[1]} ranks; {context.what()}",
        "start the same number of processes",
    )


def _size(events: list[Mapping[str, Any]], manifest: Mapping[str, Any]) -> int:
    told = [int(event["world_size"]) for event in events if event.get("world_size")]
    return max(told) if told else max(1, len({trace.get("rank") or 0 for trace in manifest.get("traces") or []}))


EXAMPLES_POSITIVE = [
    example(
        "batch", 0, events_a=[{"e": "rank", "rank": 0, "world_size": 2}], events_b=[{"e": "rank", "world_size": 4}]
    ),
    example("grad", 0, a={"traces": [{"rank": 0}, {"rank": 1}]}, b={"traces": [{"rank": 0}]}),
]
EXAMPLES_NEGATIVE = [
    example("batch", 0, a={"traces": [{"rank": 0}]}, b={"traces": [{"rank": 0}, {"rank": None}]}),
    example("hyper", 0, a={"traces": [{"rank": 0}, {"rank": 1}]}, b={"traces": [{"rank": 0}]}),
]
