"""What sealing needs from a store, so that ``record`` does not import one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, Protocol

from .scan import Scan


class HashedFile(NamedTuple):
    """A file's digest, with the identity that it had while it was read."""

    digest: str
    size: int
    inode: int
    mtime_ns: int


class Blobs(Protocol):
    """Content-addressed storage; safe to use from several processes at once."""

    def put_bytes(self, data: bytes) -> str:
        """Store ``data``; returns its digest."""

    def put_file(self, path: str | os.PathLike[str]) -> tuple[str, int]:
        """Store a file's content; returns digest and size in bytes."""

    def has(self, digest: str) -> bool:
        """True when the blob is there (its content is not checked)."""

    def path(self, digest: str) -> Path:
        """Where the blob lies, or would lie."""


class Hasher(Protocol):
    """sha256 of files that are not stored."""

    def hash(self, path: str | os.PathLike[str]) -> HashedFile:
        """Digest of the file as it is now; raises OSError when it cannot be read."""


class View(Protocol):
    """The files of a process that sees other mounts than we do."""

    def place(self, path: str) -> str:
        """Where a file that the process calls ``path`` lies for us."""

    def scan(self) -> Scan:
        """`scan_tree` of the root, with the paths that the process uses."""
