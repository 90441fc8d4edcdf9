"""torch.compile: its kernels round otherwise than eager ones, and on CPU they need not repeat themselves."""

from __future__ import annotations

from .context import Cause, Context
from .examples import change, example

WEIGHTS = {"out": 1.0, "grad": 1.0, "param": 0.8, "loss": 0.8}


def judge(context: Context) -> Cause | None:
    """One run compiled and the other not, or both did and nothing else differs."""
    weight = context.weigh(WEIGHTS, numeric=True)
    sites = [[one for one in side if one.get("id") == "torch-compile"] for side in context.hazards()]
    if not weight or not any(sites):
        return None
    seen = (sites[0] or sites[1])[0].get("site")
    where = f" ({seen})" if seen else ""
    if bool(sites[0]) != bool(sites[1]):
        which = "baseline" if sites[0] else "candidate"
        return Cause(
            "compiled",
            0.9 * weight,
            f"only the {which} used torch.compile{where}; {context.what()}",
            "compile in both or in neither",
        )
    if not context.same_recipe() or True in context.torch("deterministic"):
        return None
    return Cause(
        "compiled",
        0.6 * weight,
        f"both used torch.compile{where}, whose CPU code need not repeat to the bit; {context.what()}",
        "run with --deterministic or on one thread, or without torch.compile",
    )


_COMPILE = {"e": "hazard", "id": "torch-compile", "site": "train.py:8"}
EXAMPLES_POSITIVE = [
    example("out", 0, events_a=[_COMPILE]),
    example("grad", 0, events_a=[_COMPILE], events_b=[_COMPILE]),
]
EXAMPLES_NEGATIVE = [
    example("out", 0),
    example("batch", 0, events_a=[_COMPILE]),
    example("out", 0, events_a=[_COMPILE], events_b=[_COMPILE], changes=[change("package", "torch")]),
]
