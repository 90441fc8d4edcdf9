"""Which files belong to a project, which to its environment, and which to the system."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from importlib.util import source_from_cache
from pathlib import Path
from typing import Any

_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/usr", "/bin", "/sbin", "/run", "/var/lib", "/var/cache")
_SYSTEM_STEMS = ("/lib",)  # /lib, /lib64, /lib32, /libx32
_SITE_FOLDERS = ("site-packages", "dist-packages")
_OURSELVES = str(Path(__file__).resolve().parent.parent)


def is_under(path: str, folder: str) -> bool:
    """True when ``path`` is ``folder`` or lies in it; by name only, both absolute and normalised."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


class Places:
    """Sorts absolute paths, by name only.

    Args:
        root: the project root.
        private: folders of reenact's own: the run folder and the store.
        temporary: folders for temporary files, besides the system's.
        mounted: of a container: what lies on this machine, besides the root; None without one.
    """

    def __init__(
        self,
        root: str,
        private: list[str],
        temporary: list[str] | None = None,
        mounted: list[str] | None = None,
    ) -> None:
        self.root = os.path.normpath(root)
        self._private = [os.path.normpath(folder) for folder in private]
        self._mounted = mounted
        self._prefixes: list[str] = []
        folders = [tempfile.gettempdir(), "/tmp", "/var/tmp", *(temporary or [])]
        self._temporary = list(dict.fromkeys(os.path.normpath(folder) for folder in folders if os.path.isabs(folder)))
        if not is_under(self.root, _OURSELVES):
            self._private.append(_OURSELVES)

    def add_start(self, event: dict[str, Any]) -> None:
        """Learn the environment of a process from its start event."""
        found = [event.get("prefix"), event.get("base_prefix")]
        path = event.get("path")
        for entry in path if isinstance(path, list) else []:
            if isinstance(entry, str) and os.path.basename(entry) in _SITE_FOLDERS:
                found.append(entry)
        for folder in found:
            if isinstance(folder, str) and os.path.isabs(folder):
                folder = os.path.normpath(folder)
                if folder != "/" and folder not in self._prefixes:
                    self._prefixes.append(folder)

    def in_root(self, path: str) -> bool:
        """True for a path of the project, whatever else it may be."""
        return is_under(path, self.root)

    def relative(self, path: str) -> str:
        """``path`` relative to the root, or as it is when outside."""
        if path == self.root:
            return "."
        return path[len(self.root.rstrip("/")) + 1 :] if self.in_root(path) else path

    def ignored(self, path: str) -> bool:
        """True for files of the environment, of the system, and of reenact itself."""
        if any(is_under(path, folder) for folder in self._private):
            return True
        inside = self.in_root(path)
        for prefix in self._prefixes:
            # A project that lies inside a prefix (/usr/local/src/app) is no part of that environment.
            if is_under(path, prefix) and not (inside and is_under(self.root, prefix)):
                return True
        if inside:
            return False
        if self._mounted is not None:
            # The rest of a container's files is known by its image's digest, or stays in it.
            return not self._is_mounted(path)
        if any(is_under(path, folder) for folder in _SYSTEM):
            return True
        return any(path.startswith(stem) and "/" in path[len(stem) :][:4] for stem in _SYSTEM_STEMS)

    def is_temporary(self, path: str) -> bool:
        """True below a folder for temporary files, unless it is a path of the project."""
        if self.in_root(path) or self._is_mounted(path):
            return False
        return any(is_under(path, folder) for folder in self._temporary)

    def _is_mounted(self, path: str) -> bool:
        return any(is_under(path, target) for target in self._mounted or ())

    def is_scratch(self, path: str) -> bool:
        """True for a temporary file that has the look of a library's own; others, if they stay, are outputs."""
        return self.is_temporary(path) and is_scratch(path, self._temporary)


_SCRATCH = re.compile(r"tmp[a-z0-9_]{6,}|pymp-|torchinductor_|torch_|torchelastic_|matplotlib-|joblib_|ray|wandb|\.|__")
"""Names below a folder for temporary files that libraries make for themselves."""


def is_scratch(path: str, folders: Iterable[str]) -> bool:
    """True for a path that a library put below one of the folders for temporary files for its own use."""
    below = (os.path.relpath(path, folder) for folder in folders if is_under(path, folder) and path != folder)
    return any(_SCRATCH.match(name) for name in below)


def is_bytecode(path: str) -> bool:
    """True for a compiled Python file, and for the temporary name that one is written under."""
    name = os.path.basename(path)
    return name.endswith(".pyc") or ".pyc." in name


def source_of(path: str) -> str | None:
    """The source of a Python file: itself for ``.py``, what a ``.pyc`` was compiled from, None for other files.

    A ``.pyc`` that has no source beside it is its own source.
    """
    if path.endswith(".py"):
        return path
    if not path.endswith(".pyc"):
        return None
    try:
        source = source_from_cache(path)
    except (ValueError, NotImplementedError):  # no name of a cache, or an interpreter without one
        source = path[:-1]
    return source if os.path.exists(source) else path
