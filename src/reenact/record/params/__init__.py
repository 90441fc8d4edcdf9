"""The params of a run, out of every source that knows some: one source a file, each a function from `Context` to params."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from . import command_line, constants, hydra, imported, optimizer, parsers
from .base import Context, Param

SOURCES: tuple[Callable[[Context], Iterator[Param]], ...] = (
    optimizer.params,
    constants.params,
    command_line.params,
    parsers.params,
    constants.overridden,
    hydra.params,
    imported.params,
)
"""In order: what a later one says of a name wins."""


def gather(context: Context) -> dict[str, Param]:
    """The params by name."""
    return {param.name: param for source in SOURCES for param in source(context)}
