"""The params of a script as ``reenact config`` prints them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from ..config.parameters import Parameter
from .lines import LABEL, columns
from .quantities import plain, shorten

_VALUE = 48


def config_lines(found: Sequence[Parameter]) -> Text:
    """A line for each param: name, value, type, origin, and where it comes from."""
    rows = [[Text(head, style=LABEL) for head in ("NAME", "VALUE", "TYPE", "ORIGIN", "WHERE")]]
    for one in found:
        value = "(required)" if one.required and one.value is None else repr(one.value) if one.known else str(one.value)
        if one.origin == "override":
            value += f" (was {one.default!r})"
        where = " ".join((one.where, *one.options))
        cells = (one.name, shorten(value, _VALUE), one.type or "", one.origin, where)
        rows.append([Text(plain(cell)) for cell in cells])
    return Text("\n").join(columns(rows))
