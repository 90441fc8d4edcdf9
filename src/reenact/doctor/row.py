"""What a check found, and what checks share."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .. import knobs
from ..store.project import Store, find_root
from .engines import Seen, look

Status = Literal["ok", "warning", "missing", "not checked"]
"""``missing``: something that is needed for any run at all; ``warning``: what a part of the commands needs or advises."""


@dataclass(frozen=True)
class Row:
    """One line of the report.

    Attributes:
        check: what was looked at.
        status: how it is.
        seen: what was there, in words.
        fix: a command, or what else mends it; empty where nothing needs to be mended.
    """

    check: str
    status: Status
    seen: str
    fix: str = ""


@dataclass(frozen=True)
class Context:
    """Where a check looks.

    Attributes:
        env: the user's environment.
        cwd: the folder that the command was given in.
        etc: the folder of the system's settings.
    """

    env: Mapping[str, str]
    cwd: Path
    etc: Path = Path("/etc")

    @functools.cached_property
    def engines(self) -> list[Seen]:
        """Each container engine that is installed, asked once; the one that reenact uses comes first."""
        return look(self.env)

    @functools.cached_property
    def store(self) -> Store:
        """The store of the folder; it need not be there."""
        return Store(find_root(self.cwd), self.env.get(knobs.STORE) or None)

    @property
    def engine(self) -> Seen | None:
        """The engine that reenact uses, where one answers."""
        return self.engines[0] if self.engines and self.engines[0].info is not None else None

    def which(self, name: str) -> str | None:
        return shutil.which(name, path=self.env.get("PATH", ""))
