"""Shared by the hooks of libraries that log metrics: what they are given is kept, and then they do what they do."""

from __future__ import annotations

from _thread import get_ident
from typing import Any

from ..entropy import dress
from ..journal import complain
from ..metrics import number
from ..state import Probe
from . import rich

_busy: set[int] = set()
"""Threads in which a logging call is going on: what it hands on to other loggers is the same numbers again."""


def tap(probe: Probe, owner: Any, name: str, look: Any) -> None:
    """Wraps a method that logs.

    Args:
        owner: the class.
        look: called with the method's arguments before it; gives the values by name and their step (or None), or None.
    """
    original = getattr(owner, name, None)
    if original is None or getattr(original, "_reenact", False):
        return

    def method(*args: Any, **kwargs: Any) -> Any:
        here = get_ident()
        if here in _busy:
            return original(*args, **kwargs)
        try:
            found = look(*args, **kwargs)
            if found is not None:
                probe.metrics.log(_numbers(found[0]), found[1])
                rich.keep(probe, found[0], found[1])
        except Exception as problem:
            complain(name, problem)
        _busy.add(here)
        try:
            return original(*args, **kwargs)
        finally:
            _busy.discard(here)

    dress(method, original)
    method._reenact = True  # type: ignore[attr-defined]
    setattr(owner, name, method)


def watch(probe: Probe, owner: Any, name: str, look: Any) -> None:
    """Wraps a method that logs what is no number.

    Args:
        owner: the class.
        look: called with the method's arguments before it, also where one logger calls another.
    """
    original = getattr(owner, name, None)
    if original is None or getattr(original, "_reenact", False):
        return

    def method(*args: Any, **kwargs: Any) -> Any:
        try:
            look(*args, **kwargs)
        except Exception as problem:
            complain(name, problem)
        return original(*args, **kwargs)

    dress(method, original)
    method._reenact = True  # type: ignore[attr-defined]
    setattr(owner, name, method)


def _numbers(values: Any, prefix: str = "") -> dict[str, float]:
    """What of the values is a number; the rest is for `rich`."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found.update(_numbers(value, f"{prefix}{name}."))
        elif not isinstance(value, (str, bytes)):
            try:
                found[f"{prefix}{name}"] = number(value)
            except Exception:
                continue
    return found
