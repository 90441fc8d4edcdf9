"""``numpy.random``: seeds set, and generators made without one.

Without a seed numpy draws from ``secrets``, which draws from ``os.urandom``: that is where it is recorded and given back.
"""

from __future__ import annotations

from typing import Any

from ..entropy import Seeds
from ..state import Probe


def hook(probe: Probe, module: Any) -> None:
    """Wraps the functions of ``numpy.random`` that take a seed; its classes stay as they are."""
    # Its global generator has just been born; what it was seeded with is among the draws.
    probe.owner().journal.write("state", what="numpy", n=0, data="", site="")
    seeds = Seeds(probe, "numpy")
    for fn in ("seed", "default_rng"):
        original = getattr(module, fn, None)
        if original is not None:
            setattr(module, fn, seeds.wrap(original, fn, "numpy.random"))
