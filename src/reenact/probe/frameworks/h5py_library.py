"""h5py: opens files from C."""

from __future__ import annotations

from typing import Any

from ..entropy import dress
from ..state import Probe
from .readers import note

OPS = {"r": "r", "w": "w", "w-": "w", "x": "w", "a": "u", "r+": "u"}


def hook(probe: Probe, h5py: Any) -> None:
    """Wraps the constructor of ``h5py.File``."""
    original = h5py.File.__init__

    def __init__(self: Any, name: Any, mode: str = "r", *args: Any, **kwargs: Any) -> None:
        note(name, OPS.get(mode, "r"), "h5py")
        original(self, name, mode, *args, **kwargs)

    dress(__init__, original)
    h5py.File.__init__ = __init__
