"""``steps.c``, the compiled form of what :mod:`.training` does at a step like the one before; None where it cannot be used."""

from __future__ import annotations

import os
import sys
from typing import Any

from .journal import complain

LIBRARY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_steps.so")
"""Where the build puts it; absent where there was no C compiler, or no headers of Python."""


_loaded: list[Any] = []


def steps() -> Any:
    """The module, loaded once and past ``sys.modules``. It is built for the stable interface of CPython 3.9 and later."""
    if not _loaded:
        _loaded.append(_load())
    return _loaded[0]


def quick(name: str) -> Any:
    """A function of that module that says whether it has dealt with something; one that never has, where there is none."""
    module = steps()
    return getattr(module, name, _never)


def _never(*_: Any) -> bool:
    return False


def _load() -> Any:
    # A free-threaded or a debugging build ("t", "d") lays its objects out differently.
    special: str = getattr(sys, "abiflags", "")
    if sys.implementation.name != "cpython" or special or sys.byteorder != "little" or sys.maxsize < 1 << 32:
        return None
    if not os.path.exists(LIBRARY):
        return None
    try:
        import _imp
        from importlib.machinery import ExtensionFileLoader, ModuleSpec

        module = _imp.create_dynamic(ModuleSpec("_steps", ExtensionFileLoader("_steps", LIBRARY), origin=LIBRARY))
        _imp.exec_dynamic(module)
        return module
    except Exception as problem:
        complain("steps", problem)
        return None
