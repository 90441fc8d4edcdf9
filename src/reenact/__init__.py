"""reenact: makes machine-learning experiments reproducible, and proves it.

Importing this package does nothing and costs nothing; the command line is ``reenact``. A program may log metrics with it:
outside of a recorded run that does nothing.
"""

from __future__ import annotations

import sys

__version__ = "0.1.0"

TYPE_CHECKING = False  # typing itself would cost more than all of this
if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from typing import Any, TypeVar

    P = TypeVar("P", str, PathLike[str])

_LAZY = {"runs": "store.tabular"}
"""Public names, and the modules that they are imported from when they are first used."""


def log(values: Mapping[str, Any] | None = None, step: int | None = None, **more: Any) -> None:
    """Log metrics of a recorded run: ``reenact.log(loss=0.3, step=7)``, ``reenact.log({"val/loss": 0.3})``.

    Outside of a run nothing happens. It never raises: what is no number is passed over, and is a gap of the run. It may be called in any
    thread and any process of the run.

    Args:
        values: numbers by name, for names that are no words; numbers are what ``float`` takes.
        step: the same for all of them; the next of each name when None, from 0 on.
        more: numbers by name.
    """


def output(path: P) -> P:
    """Say that a file is an output of the recorded run, where reenact could not see it written: by another program, or elsewhere.

    Its content is kept as it is when the run ends. Outside of a run nothing happens.

    Args:
        path: of a file; it need not be there yet.

    Returns:
        the path, as it was given.
    """
    if _probe is not None:
        _probe.output(path)
    return path


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


_probe = getattr(sys.modules.get("_reenact.probe.boot"), "probe", None)
"""The recorder of this process; None outside of a recorded run."""

if _probe is not None:
    log = _probe.metrics.log
