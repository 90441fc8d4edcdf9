"""reenact: makes machine-learning experiments reproducible, and proves it.

Importing this package does nothing and costs nothing; the command line is ``reenact``.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # typing itself would cost more than all of this
if TYPE_CHECKING:
    from typing import Any

_LAZY = {"runs": "store.tabular"}
"""Public names, and the modules that they are imported from when they are first used."""


def __getattr__(name: str) -> "Any":
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
