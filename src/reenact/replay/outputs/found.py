"""What comparing two files of one kind says, and the options that every kind gets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from ..difference import Tolerance


@dataclasses.dataclass(frozen=True)
class Found:
    """`equal`, `how` it was compared (a short stable word), and what there is to tell about it."""

    equal: bool
    how: str
    detail: str = ""


class Unreadable(Exception):
    """The file is not what its name says: bytes are all that can be compared."""


Compare = Callable[[Path, Path, "Tolerance | None"], Found]


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of file: its name, the suffixes and first bytes it is known by, and how two are compared.

    `compare` gets two files whose bytes differ and raises `Unreadable` when it cannot tell.
    """

    name: str
    suffixes: tuple[str, ...]
    compare: Compare
    magic: tuple[bytes, ...] = ()

    def knows(self, path: str, head: bytes) -> bool:
        """True when the file's name and, where it has one, its magic number are of this kind."""
        if self.suffixes and not path.lower().endswith(self.suffixes):
            return False
        return not self.magic or head.startswith(self.magic)


def listed(lines: list[str], most: int = 5) -> str:
    """The first lines, and how many more there are."""
    more = len(lines) - most
    return "; ".join(lines[:most]) + (f"; and {more:,} more" if more > 0 else "")
