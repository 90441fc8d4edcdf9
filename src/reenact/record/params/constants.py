"""Params as the constants of the program tell them, those that the command line overrode included."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .. import layout
from ..schema import Origin
from .base import Context, Param


def params(context: Context) -> Iterator[Param]:
    """The constants that were found when the run started."""
    try:
        found = json.loads((context.folder / layout.CONSTANTS).read_bytes())
    except (OSError, ValueError):
        return
    for told in found if isinstance(found, list) else []:
        if isinstance(told, dict) and isinstance(told.get("name"), str):
            yield Param(told["name"], told.get("value"), Origin("constant", f"{told.get('file')}:{told.get('line')}"))


def overridden(context: Context) -> Iterator[Param]:
    """The constants that the command line overrode."""
    for change in context.start.overrides:
        yield Param(change.name, change.value, Origin("override", change.word, change.default))
