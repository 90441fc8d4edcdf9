"""Notes of what has changed in a run folder after it was sealed, so that a listing of many runs need not look at every folder.

``cache/changes`` beside ``runs``: a run id a line. Nobody depends on it: a note that is lost (two machines that append at once on a
shared file system) is made up for when all folders are looked at the next time.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

NOTES = os.path.join("cache", "changes")
LONGEST = 1 << 20
"""Bytes from which on the notes begin anew."""


class Notes(NamedTuple):
    """The ids that were noted, and where to go on; ``ids`` is None where the notes are no longer those that were read before."""

    ids: list[str] | None
    inode: int
    offset: int


def note_change(run_dir: str | os.PathLike[str]) -> None:
    """Note that a run folder has changed. Does nothing where it lies in no store, or that cannot be written."""
    folder = Path(run_dir).absolute()
    path = folder.parent.parent / NOTES
    try:
        if folder.parent.name != "runs" or not path.parent.is_dir():
            return
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(fd, f"{folder.name}\n".encode())
            if os.fstat(fd).st_size > LONGEST:
                os.unlink(path)
        finally:
            os.close(fd)
    except OSError:
        return


def read_notes(store: Path, inode: int | None, offset: int) -> Notes:
    """The ids that were noted since.

    Args:
        store: the folder that has ``runs`` in it.
        inode: of the notes that were read before, 0 when there were none; None to begin at their end.
        offset: how far.
    """
    try:
        with open(store / NOTES, "rb") as file:
            info = os.fstat(file.fileno())
            if inode is None:
                return Notes([], info.st_ino, info.st_size)
            if inode and (info.st_ino != inode or info.st_size < offset):
                return Notes(None, info.st_ino, info.st_size)
            file.seek(offset)
            data = file.read(info.st_size - offset)
    except OSError:
        return Notes(None if inode else [], 0, 0)
    whole = data.rfind(b"\n") + 1
    return Notes(data[:whole].decode("ascii", "replace").split(), info.st_ino, offset + whole)
