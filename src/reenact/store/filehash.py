"""sha256 of files, remembered by path, inode, size and modification time. The memory is a cache: it can be deleted."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from pathlib import Path

from ..record.protocols import HashedFile

_TABLE = """create table if not exists hashes (
    path blob primary key, inode integer, size integer, mtime_ns integer, digest text
) without rowid"""
_RACY_NS = 2_000_000_000


class FileHasher:
    """Hashes files; works without its cache when that cannot be opened or is locked. Safe to use from several threads.

    Args:
        cache_path: the cache; its folder is made when missing.
    """

    def __init__(self, cache_path: str | os.PathLike[str]) -> None:
        self._path = Path(cache_path)
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._tried = False

    def hash(self, path: str | os.PathLike[str]) -> HashedFile:
        """Digest of the file as it is now, with size in bytes, inode and mtime in ns.

        A file that changes while it is hashed is hashed again, three times at most; it is not remembered then.

        Raises:
            OSError: it cannot be read.
        """
        key = os.path.abspath(path)
        for _ in range(3):
            with open(path, "rb", buffering=0) as file:
                info = os.fstat(file.fileno())
                known = self._recall(key, info)
                if known is not None:
                    return HashedFile(known, info.st_size, info.st_ino, info.st_mtime_ns)
                hasher = hashlib.sha256()
                while piece := file.read(1 << 20):
                    hasher.update(piece)
                after = os.fstat(file.fileno())
            found = HashedFile("sha256:" + hasher.hexdigest(), after.st_size, after.st_ino, after.st_mtime_ns)
            if (after.st_size, after.st_mtime_ns) == (info.st_size, info.st_mtime_ns):
                self._remember(key, found)
                break
        return found

    def close(self) -> None:
        """Let go of the cache; the next `hash` opens it again."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db, self._tried = None, False

    def _recall(self, key: str, info: os.stat_result) -> str | None:
        with self._lock:
            db = self._open()
            if db is None:
                return None
            try:
                row = db.execute(
                    "select digest from hashes where path = ? and inode = ? and size = ? and mtime_ns = ?",
                    (os.fsencode(key), info.st_ino, info.st_size, info.st_mtime_ns),
                ).fetchone()
            except sqlite3.Error:
                self._db = None
                return None
            return str(row[0]) if row else None

    def _remember(self, key: str, found: HashedFile) -> None:
        # A file modified just now may be modified again within one tick of its clock, and look the same.
        if time.time_ns() - found.mtime_ns < _RACY_NS:
            return
        with self._lock:
            db = self._open()
            if db is None:
                return
            try:
                row = (os.fsencode(key), found.inode, found.size, found.mtime_ns, found.digest)
                with db:
                    db.execute("insert or replace into hashes values (?, ?, ?, ?, ?)", row)
            except sqlite3.Error:
                self._db = None  # locked, full or corrupt: go on without

    def _open(self) -> sqlite3.Connection | None:
        if self._tried:
            return self._db
        self._tried = True
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self._path, timeout=0.5, check_same_thread=False)
            try:
                db.execute(_TABLE)
            except sqlite3.OperationalError:
                raise  # locked or read-only
            except sqlite3.DatabaseError:
                # Corrupt: start anew.
                db.close()
                self._path.unlink()
                db = sqlite3.connect(self._path, timeout=0.5, check_same_thread=False)
                db.execute(_TABLE)
            db.execute("pragma synchronous = off")
            self._db = db
        except (sqlite3.Error, OSError):
            self._db = None
        return self._db
