"""Params of a run that something else recorded, as that told them."""

from __future__ import annotations

from collections.abc import Iterator

from ..imported import told
from ..schema import Origin
from .base import Context, Param


def params(context: Context) -> Iterator[Param]:
    """Those of imported.json."""
    found = told(context.folder)
    params = found.get("params") if found is not None else None
    for name, value in params.items() if isinstance(params, dict) else ():
        yield Param(str(name), value, Origin("imported", str(found.get("from")) if found else None))
