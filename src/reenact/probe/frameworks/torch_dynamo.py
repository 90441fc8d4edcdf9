"""torch.compile: the probe's wrapper of a module's call is not a frame to be compiled."""

from __future__ import annotations

from typing import Any

from ..state import Probe
from .torch_library import passed_over


def hook(probe: Probe, module: Any) -> None:
    """Tells the compiler so: otherwise it would count one more frame, shared by all models, against its limit of recompilations."""
    skip = getattr(module, "skip_code", None)
    if skip is None:
        return
    for code in passed_over:
        skip(code)
