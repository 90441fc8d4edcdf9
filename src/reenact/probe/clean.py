"""Takes the probe's own frames out of tracebacks, so that an uncaught exception prints as it would bare.

The interpreter raises the audit event ``sys.excepthook`` just before it prints an uncaught exception. At that moment the
frames of this package are unlinked from the traceback.
"""

from __future__ import annotations

import os
from typing import Any

from .audit import listen
from .state import Probe

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def install(probe: Probe) -> None:
    """Starts listening for uncaught exceptions."""

    def printing(args: tuple[Any, ...]) -> None:
        try:
            _clean(args[2], set())
        except Exception:
            pass

    listen("sys.excepthook", printing)


def clean(error: BaseException) -> None:
    """Unlinks our frames from the traceback of an exception that the program is about to print itself."""
    _clean(error, set())


def _clean(error: Any, seen: set[int]) -> None:
    if error is None or id(error) in seen or not isinstance(error, BaseException):
        return
    seen.add(id(error))
    trace = error.__traceback__
    if trace is not None and _ours(trace):
        while trace is not None and _ours(trace):
            trace = trace.tb_next
        error.__traceback__ = trace
    while trace is not None:
        after = trace.tb_next
        while after is not None and _ours(after):
            after = after.tb_next
        if after is not trace.tb_next:
            trace.tb_next = after
        trace = after
    _clean(error.__cause__, seen)
    _clean(error.__context__, seen)


def _ours(trace: Any) -> bool:
    return trace.tb_frame.f_code.co_filename.startswith(_HERE)
