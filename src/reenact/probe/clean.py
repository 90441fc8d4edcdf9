"""Takes the probe's own frames out of tracebacks, so that an uncaught exception prints as it would bare.

The interpreter raises the audit event ``sys.excepthook`` just before it prints an uncaught exception. At that moment the
frames of this package are unlinked from the traceback, and the one line that differs in
``torch.nn.Module._call_impl`` when hooks are installed is put back to the line that runs without them.
"""

from __future__ import annotations

import os
import sys
import types
from typing import Any

from .state import Probe

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def install(probe: Probe) -> None:
    """Starts listening for uncaught exceptions."""

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "sys.excepthook":
            try:
                _clean(args[2], set())
            except Exception:
                pass

    sys.addaudithook(hook)


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
        if after is not None:
            after = _as_without_hooks(after)
        if after is not trace.tb_next:
            trace.tb_next = after
        trace = after
    _clean(error.__cause__, seen)
    _clean(error.__context__, seen)


def _ours(trace: Any) -> bool:
    return trace.tb_frame.f_code.co_filename.startswith(_HERE)


def _as_without_hooks(trace: Any) -> Any:
    """``Module._call_impl`` with hooks calls ``inner``; without, it calls ``forward`` at an earlier line."""
    code = trace.tb_frame.f_code
    after = trace.tb_next
    if code.co_name != "_call_impl" or after is None or not code.co_filename.endswith("module.py"):
        return trace
    inner = after.tb_frame.f_code
    if inner.co_name != "inner" or inner.co_filename != code.co_filename:
        return trace
    place = _plain_call(code)
    if place is None or after.tb_next is None:
        return trace
    return types.TracebackType(after.tb_next, trace.tb_frame, *place)


def _plain_call(code: types.CodeType) -> tuple[int, int] | None:
    """(lasti, line) of ``return forward_call(*args, **kwargs)``, the call that runs when there is no hook."""
    import dis

    loaded = False
    for step in dis.get_instructions(code):
        if step.opname.startswith("LOAD") and step.argval == "forward_call":
            loaded = True
        elif loaded and step.opname.startswith("CALL"):
            positions = getattr(step, "positions", None)
            line = positions.lineno if positions is not None else None
            if line is None:
                line = next((n for start, end, n in _lines(code) if start <= step.offset < end), None)
            return None if line is None else (step.offset, line)
    return None


def _lines(code: types.CodeType) -> Any:
    return code.co_lines() if hasattr(code, "co_lines") else ()
