"""Params as the program's own parser of its command line found them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

from ..schema import Origin
from .base import Context, Param

_KINDS = ("argument", "default", "environment", "config")


def params(context: Context) -> Iterator[Param]:
    """Those of the first process in which a parser was used; what a later parse says of a name wins if it was given."""
    found: dict[str, Param] = {}
    for event in parses(context):
        for name, told in (event.get("values") or {}).items():
            if not isinstance(told, dict):
                continue
            param = _param(str(name), told)
            before = found.get(param.name)
            if before is None or param.origin.kind != "default" or before.origin.kind == "default":
                found[param.name] = param
    yield from found.values()


def parses(context: Context) -> list[dict[str, Any]]:
    """The ``args`` events of the first process of rank 0 that has any."""
    for process, events in context.journals.items():
        if process.partition(".")[0].partition("~")[0] == "rank0":
            found = [event for event in events if event.get("e") == "args"]
            if found:
                return found
    return []


def _param(name: str, told: dict[str, Any]) -> Param:
    kind = told.get("origin")
    kind = cast(Literal["argument", "default", "environment", "config"], kind if kind in _KINDS else "argument")
    return Param(name, told.get("value"), Origin(kind, told.get("where"), told.get("default")))
