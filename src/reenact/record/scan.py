"""What lies in a project before and after a run, so that files written by C code or other programs are found."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

_SKIPPED = frozenset({".git", ".hg", ".svn", ".reenact", "node_modules", "__pycache__"})
BUDGET = 50_000


class Scan(NamedTuple):
    """Regular files by absolute path, each (inode, size in bytes, mtime in ns). ``truncated``: the budget ran out."""

    files: dict[str, tuple[int, int, int]]
    truncated: bool


def scan_tree(root: str | os.PathLike[str], budget: int = BUDGET) -> Scan:
    """List the regular files below ``root``; links are not followed.

    Version control, stores, caches of bytecode, ``node_modules`` and virtual environments are left out. A folder
    that cannot be read counts as empty.

    Args:
        root: the folder.
        budget: stop after this many files; the result is then ``truncated``.
    """
    files: dict[str, tuple[int, int, int]] = {}
    waiting = [os.path.abspath(root)]
    while waiting:
        folder = waiting.pop()
        folders: list[str] = []
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        if any(entry.name == "pyvenv.cfg" for entry in entries):
            continue
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _SKIPPED:
                        folders.append(entry.path)
                    continue
                info = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISREG(info.st_mode):
                if len(files) >= budget:
                    return Scan(files, True)
                files[entry.path] = (info.st_ino, info.st_size, info.st_mtime_ns)
        waiting.extend(folders)
    return Scan(files, False)


def changed_files(before: Scan, after: Scan) -> list[str]:
    """Files that are new or different in ``after``, sorted; of a cut-off ``before``, only those that it listed."""
    if before.truncated:
        # Absence from a cut-off list proves nothing.
        known = before.files
        return sorted(path for path, info in after.files.items() if path in known and known[path] != info)
    return sorted(path for path, info in after.files.items() if before.files.get(path) != info)
