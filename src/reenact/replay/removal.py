"""Removal of folder trees that a replayed program may have left in any state."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence

OVERLAY_PREFIX = "reenact-overlay-"
ELSEWHERE = "elsewhere"


def remove_tree(folder: str) -> None:
    """Remove a folder and all in it, read-only or unreadable ones too. Symbolic links are removed, never followed.

    A folder that is not there is no error. Raises OSError for what cannot be removed (another user's files).
    """
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            os.unlink(folder)
            return
    except FileNotFoundError:
        return
    _open_up(folder)
    shutil.rmtree(folder)


def note_elsewhere(target: str, folders: Sequence[str]) -> None:
    """Write into a workspace's folder which private folders it has elsewhere, for when its process is killed."""
    with open(os.path.join(target, ELSEWHERE), "wb") as stream:
        stream.write(b"\0".join(os.fsencode(folder) for folder in folders))


def remove_workspace(target: str) -> None:
    """Remove a workspace that its process left behind, with its private folders elsewhere.

    Only for one that no replay uses any more. Raises OSError for what cannot be removed.
    """
    try:
        with open(os.path.join(target, ELSEWHERE), "rb") as stream:
            folders = [os.fsdecode(name) for name in stream.read().split(b"\0") if name]
    except OSError:
        folders = []
    for folder in folders:
        # The list may be torn or wrong: only what was certainly made for an overlay is removed.
        if os.path.basename(folder).startswith(OVERLAY_PREFIX) and os.path.islink(os.path.join(folder, "lower")):
            remove_tree(folder)
    remove_tree(target)


def _open_up(top: str) -> None:
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        if stat.S_IMODE(os.lstat(folder).st_mode) & 0o700 != 0o700:
            os.chmod(folder, 0o700)
        with os.scandir(folder) as entries:
            waiting.extend(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
