"""Python's audit events, for the parts of the probe that listen to some of them: one hook for all.

The interpreter tells of everything. ``id()`` is an event, and a Hydra app calls it 35,000 times before its first line, most
of them in ``copy.deepcopy``. So the hook is ``audit.c`` where that was compiled and the interpreter is 3.11 or newer; else a
plain function that looks in one table. Of a bound method, or an object that can be called, the interpreter asks at every event for an
attribute that is not there, which takes longer than all the rest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

_handlers: dict[str, tuple[Callable[[tuple[Any, ...]], None], ...]] = {}
_compiled: Any = None
_listening = False


def listen(event: str, handler: Callable[[tuple[Any, ...]], None]) -> None:
    """Calls ``handler(args)`` at each event of that name, after those that listen already. It must not raise: audit hooks can
    stop what they hear of.
    """
    global _listening
    if not _listening:
        _listening = True
        _install()
    _handlers[event] = (*_handlers.get(event, ()), handler)
    if _compiled is not None:
        _compiled.listen(event)


def _install() -> None:
    global _compiled
    try:
        from . import _audit as compiled  # type: ignore[attr-defined]

        if compiled.install(_heard):
            _compiled = compiled
            return
    except ImportError:
        pass
    sys.addaudithook(_heard)


def _heard(event: str, args: tuple[Any, ...], handlers: dict[str, Any] = _handlers) -> None:
    if event in handlers:
        for handler in handlers[event]:
            handler(args)
