"""Notices a replay that changed one of the user's files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Stamp = tuple[int, int, int, int]


@dataclass(frozen=True)
class Changed:
    """A file of the user's that is not as it was before the replay; ``after`` None when it is gone.

    ``before`` is None where its digest had not been taken.
    """

    path: str
    before: str | None
    after: str | None


class Guard:
    """Remembers files as they are now, to tell later which of them changed.

    Args:
        digests: path to digest (``sha256:…``), None when it is not known: such a file counts as changed when its time
            stamps did.
    """

    def __init__(self, digests: Mapping[str, str | None]) -> None:
        self._digests = dict(digests)
        self._stamps = {path: _stamp(path) for path in self._digests}

    def changed(self) -> list[Changed]:
        """The files that differ from before, sorted by path. Only those with another time stamp are hashed again."""
        found = []
        for path in sorted(self._differing()):
            before = self._digests[path]
            try:
                after = _digest(path) if os.path.isfile(path) else None
            except OSError:
                after = None
            if before is None or after != before:
                found.append(Changed(path, before, after))
        return found

    def _differing(self) -> Iterable[str]:
        return [path for path, stamp in self._stamps.items() if _stamp(path) != stamp]


def _digest(path: str) -> str:
    # Not the caller's cache: it goes by size and modification time, which a program can set back.
    sha = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            sha.update(block)
    return f"sha256:{sha.hexdigest()}"


def _stamp(path: str) -> Stamp | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    # The change time cannot be set back by a program, so a write that restores the modification time is still seen.
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
