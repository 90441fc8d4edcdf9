"""What a record says about files and the command, as plain data: all that is needed to rebuild a workspace."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..execute.containers import Bind

# Kernel views and devices: their content is made when read, so there is nothing to check or to give back.
KERNEL_PLACES = ("/proc", "/sys", "/dev")

ENVIRONMENT_PARTS = ("bin", "conda-meta", "include", "lib", "lib64", "pyvenv.cfg", "share")


@dataclass(frozen=True)
class CodeFile:
    """A code file that the program loaded; ``path`` relative to the root, absolute when outside it."""

    path: str
    digest: str
    size: int = 0
    mode: int | None = None


@dataclass(frozen=True)
class InputFile:
    """A file that was read, as it was before the run; ``digest`` None when it was never hashed. ``size`` in bytes."""

    path: str
    digest: str | None
    size: int = 0
    mtime_ns: int | None = None
    mode: int | None = None


@dataclass(frozen=True)
class Listing:
    """A directory that was listed: its path and the names that the program got."""

    path: str
    entries: tuple[str, ...]


@dataclass(frozen=True)
class OutputFile:
    """A file that was written; ``existed`` when something was already there before the run wrote it."""

    path: str
    existed: bool = False


@dataclass(frozen=True)
class Recorded:
    """The part of a manifest that a workspace is built from.

    Paths are relative to ``root`` when inside it, else absolute.

    Attributes:
        root: absolute project root when the run was recorded.
        cwd: working directory, relative to root (``.`` or empty for the root itself), or absolute.
        argv: what was executed, interpreter first.
        made: directories that the run itself made (they did not exist before); they are left out of the workspace.
        removed: paths that the run removed or renamed away; inputs among them are copied, never mounted.
        outside: absolute paths written outside root.
        prefixes: ``sys.prefix`` and ``sys.base_prefix`` of the interpreters used.
        editables: absolute source folders of editable installs.
        mounts: what a container had mounted besides the project.
    """

    root: str
    cwd: str
    argv: tuple[str, ...]
    code: tuple[CodeFile, ...] = ()
    inputs: tuple[InputFile, ...] = ()
    listings: tuple[Listing, ...] = ()
    outputs: tuple[OutputFile, ...] = ()
    made: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    editables: tuple[str, ...] = ()
    mounts: tuple[Bind, ...] = ()

    def place(self, path: str) -> str:
        """Where an absolute path outside the root lies on this machine."""
        for mount in sorted(self.mounts, key=lambda mount: -len(mount.target)):
            if is_under(path, mount.target):
                return os.path.normpath(mount.source + path[len(mount.target) :])
        return os.path.normpath(path)


def is_under(path: str, folder: str) -> bool:
    """True when ``path`` is ``folder`` or lies in it; by name only, both absolute or both relative."""
    return path == folder or folder in ("/", "") or path.startswith(folder + "/")


def relative_to_root(path: str, root: str) -> str | None:
    """``path`` relative to ``root`` (empty for the root itself), or None when it lies outside; by name only."""
    if not os.path.isabs(path):
        normal = os.path.normpath(path) if path else ""
        if normal == ".." or normal.startswith("../"):
            return None
        return "" if normal == "." else normal
    normal = os.path.normpath(path)
    if normal == root:
        return ""
    return normal[len(root.rstrip("/")) + 1 :] if is_under(normal, root) else None


def prefixes_inside(recorded: Recorded) -> tuple[str, ...]:
    """Virtual environments that lie inside the root, relative to it, outermost only, sorted.

    Where the root itself is an environment, these are the parts of it.
    """
    found = {relative_to_root(prefix, recorded.root) for prefix in recorded.prefixes if os.path.isabs(prefix)}
    if "" in found:
        found.update(ENVIRONMENT_PARTS)
    inside = sorted(prefix for prefix in found if prefix)
    return tuple(p for p in inside if not any(p != other and is_under(p, other) for other in inside))
