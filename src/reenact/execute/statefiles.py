"""The two small files that tell others how a command stands: ``process.json`` and ``end.json``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

PROCESS_FILE = "process.json"
END_FILE = "end.json"


RESERVED = 4096


def reserve(path: Path) -> None:
    """Take the room that `write_atomic` of this path will need, so that it succeeds on a disk that is full by then.

    Raises:
        OSError: there is no room.
    """
    aside = _aside(path)
    try:
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            write_all(fd, bytes(RESERVED))
        finally:
            os.close(fd)
    except OSError:
        remove(Path(aside))
        raise


def unreserve(path: Path) -> None:
    """Give the room back that `reserve` took."""
    remove(Path(_aside(path)))


def write_atomic(path: Path, value: dict[str, Any]) -> None:
    """Write JSON so that a reader sees all of it or nothing, whatever is killed and when.

    Raises:
        OSError: the folder cannot be written; nothing is left behind then.
    """
    data = (json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n").encode()
    aside = _aside(path)
    try:
        # Cut off afterwards, not before: what was reserved stays ours.
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            write_all(fd, data)
            os.ftruncate(fd, len(data))
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(aside, path)
    except OSError:
        remove(Path(aside))
        raise


def _aside(path: Path) -> str:
    return f"{path}.{os.getpid()}.tmp"


def write_all(fd: int, data: bytes) -> None:
    """``os.write`` until everything is written. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def remove(path: Path) -> None:
    """Delete a file if it is there and can be deleted."""
    try:
        os.unlink(path)
    except OSError:
        pass
