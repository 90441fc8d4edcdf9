"""The order of the data is not fixed: in_order=False, or a folder listed as the file system gives it."""

from __future__ import annotations

from .context import Cause, Context
from .examples import change, example

WEIGHTS = {"batch": 0.85, "loss": 0.3}


def judge(context: Context) -> Cause | None:
    """A loader that does not keep order, or one listing with the same names in another order."""
    weight = context.weigh(WEIGHTS)
    if not weight:
        return None
    hazards = [hazard for side in context.hazards() for hazard in side if hazard.get("id") == "loader-order"]
    if hazards:
        where = f" at {hazards[0]['site']}" if hazards[0].get("site") else ""
        return Cause(
            "loader-order",
            weight,
            f"{hazards[0].get('detail') or 'the loader does not keep order'}{where}; {context.what()}",
            "leave DataLoader(in_order=True)",
        )
    listings = [one for one in context.of("input") if "another order" in one.detail]
    if listings:
        return Cause(
            "loader-order",
            weight,
            f"{listings[0].name} was listed in another order; {context.what()}",
            "sort what os.listdir, scandir and glob give",
        )
    return None


EXAMPLES_POSITIVE = [
    example("batch", 2, events_a=[{"e": "hazard", "id": "loader-order", "detail": "DataLoader(in_order=False)"}]),
    example("batch", 0, changes=[change("input", "data/", detail="the same names in another order")]),
]
EXAMPLES_NEGATIVE = [
    example("batch", 0),
    example("grad", 0, events_a=[{"e": "hazard", "id": "loader-order"}]),
    example("batch", 0, changes=[change("input", "data/", detail="with c")]),
]
