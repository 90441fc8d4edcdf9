"""safetensors: reads and writes files from Rust."""

from __future__ import annotations

from typing import Any

from ..state import Probe
from .readers import note, wrap


def hook(probe: Probe, module: Any) -> None:
    """Wraps the functions of ``safetensors`` and its framework modules that take a path."""
    wrap(module, "load_file", "r", "safetensors")
    wrap(module, "save_file", "w", "safetensors", 1)
    wrap(module, "serialize_file", "w", "safetensors", 1)
    if module.__name__ != "safetensors":
        wrap(module, "save_model", "w", "safetensors", 1)
        wrap(module, "load_model", "r", "safetensors", 1)
    _wrap_safe_open(module)


def _wrap_safe_open(module: Any) -> None:
    """``safe_open`` is a class: a subclass whose constructor notes the path keeps isinstance and ``with`` working."""
    original: Any = getattr(module, "safe_open", None)
    if isinstance(original, type) and not getattr(original, "_reenact", False):
        make: Any = original.__new__
        try:

            class safe_open(original):
                _reenact = True

                def __new__(cls, filename: Any, *args: Any, **kwargs: Any) -> Any:
                    note(filename, "r", "safetensors")
                    return make(original, filename, *args, **kwargs)

            module.safe_open = safe_open
        except TypeError:
            wrap(module, "safe_open", "r", "safetensors")
