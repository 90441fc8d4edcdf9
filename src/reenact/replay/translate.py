"""Argv and environment of a recorded command, for a root that the replayed process sees under another name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from reenact.replay.recorded import Recorded, is_under, prefixes_inside


@dataclass(frozen=True)
class Translation:
    """From the recorded root to the one that the replayed process sees.

    Attributes:
        olds: the recorded root's names.
        new: the root's name in the replayed process.
        prefixes: environments inside the root, relative to it: they are used where they are.
        home: the project's root now, where these environments are.
    """

    olds: tuple[str, ...]
    new: str
    prefixes: tuple[str, ...]
    home: str

    @property
    def same(self) -> bool:
        """Whether nothing has to be changed."""
        return self.new == self.olds[0]

    def path(self, path: str) -> str:
        """An absolute path as the replayed process must name it; unchanged when outside the root."""
        for old in self.olds:
            if is_under(path, old):
                rest = path[len(old) :].lstrip("/")
                inside = any(is_under(rest, prefix) for prefix in self.prefixes)
                return os.path.join(self.home if inside else self.new, rest).rstrip("/")
        return path

    def argument(self, text: str) -> str:
        """One argument: a path, or ``--option=path`` or ``key=path``."""
        if self.same:
            return text
        head, equals, value = text.rpartition("=")
        return f"{head}{equals}{self.path(value)}" if equals and value.startswith("/") else self.path(text)

    def variables(self, recorded: Recorded, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment variables that must have another value than was recorded."""
        if self.same:
            return {}
        changes = {}
        for name, value in environ.items():
            parts = [self.path(part) if part.startswith("/") else part for part in value.split(os.pathsep)]
            changed = os.pathsep.join(parts)
            if changed != value:
                changes[name] = changed
        # Editable installs name the original's folder; PYTHONPATH is looked at before them.
        sources = [self.path(place) for place in recorded.editables if self.path(place) != place]
        if sources:
            before = changes.get("PYTHONPATH", environ.get("PYTHONPATH", ""))
            changes["PYTHONPATH"] = os.pathsep.join([*sources, *([before] if before else [])])
        return changes


def translation(recorded: Recorded, root: str, new: str) -> Translation:
    """The translation for a project that is at ``root`` now and is seen at ``new`` by the replayed process."""
    real = os.path.realpath(recorded.root)
    olds = (recorded.root,) if real == recorded.root else (recorded.root, real)
    return Translation(olds, new, prefixes_inside(recorded), root)
