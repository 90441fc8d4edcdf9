"""What differs between two environments, for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rich.text import Text

from .lines import Lines
from .quantities import plain


class Change(Protocol):
    """What is shown of a difference."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def recorded(self) -> str | None: ...
    @property
    def current(self) -> str | None: ...
    @property
    def severity(self) -> str: ...


def changes_table(changes: Sequence[Change], sides: tuple[str, str], width: int) -> Text:
    """The differences, those that can change bits first.

    Args:
        sides: what the two environments are called.
        width: columns.
    """
    lines = Lines(width)
    for severity, title in (("bits", "can change bits"), ("minor", "hardly ever change bits")):
        found = [change for change in changes if change.severity == severity]
        if found:
            lines.heading(title)
        for change in found:
            before, now = (
                plain(value) if value is not None else "(none)" for value in (change.recorded, change.current)
            )
            lead = Text(f"{change.kind} {plain(change.name)}  ", style="bold")
            lines.sentence(f"{sides[0]} {before}, {sides[1]} {now}", indent=2, lead=lead)
    return lines.text()
