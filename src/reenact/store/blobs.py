"""Content-addressed blobs: the ``blobs/sha256`` folder of an OCI image layout."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import EXIT_NOT_REPLAYABLE, ReenactError
from ..record.atomic import raise_clean, sync_folder, tmp_name, write_all

_PIECE = 1 << 20


class BlobStore:
    """Blobs below one store folder. Safe to use from several threads and processes at once.

    Args:
        folder: the store (``.reenact``); what is missing of it is made at the first write.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._blobs = self.folder / "blobs" / "sha256"
        self._tmp = self.folder / "tmp"

    def path(self, digest: str) -> Path:
        """Where the blob lies, or would lie.

        Raises:
            ReenactError: ``bad-digest`` when it is not ``sha256:`` and 64 hexadecimal digits.
        """
        algorithm, _, name = digest.partition(":")
        if algorithm != "sha256" or len(name) != 64 or not set(name) <= set("0123456789abcdef"):
            raise ReenactError("bad-digest", f"{digest!r} is not a digest", valid="sha256:<64 hexadecimal digits>")
        return self._blobs / name

    def has(self, digest: str) -> bool:
        """True when the blob is there (its content is not checked)."""
        return self.path(digest).is_file()

    def put_bytes(self, data: bytes) -> str:
        """Store bytes; returns their digest. Raises ReenactError ``no-space``, ``store-not-writable``."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        if self._refresh(digest):
            return digest
        try:
            aside, fd = self._aside()
            try:
                try:
                    write_all(fd, data)
                    self._close(fd)
                finally:
                    os.close(fd)
                self._place(aside, digest)
            finally:
                aside.unlink(missing_ok=True)
        except OSError as error:
            raise_clean(error, self.path(digest))
        return digest

    def put_file(self, path: str | os.PathLike[str]) -> tuple[str, int]:
        """Store a file's content, streaming; returns digest and size in bytes.

        Raises:
            OSError: the file cannot be read.
            ReenactError: ``no-space``, ``store-not-writable``.
        """
        with open(path, "rb", buffering=0) as source:
            # Hash first, write after: a file that is stored already, the common case, costs no write at all.
            digest, size = _hash(source)
            if self._refresh(digest):
                return digest, size
            source.seek(0)
            return self._copy(source)

    def open(self, digest: str) -> BinaryIO:
        """The blob, for reading. Raises ReenactError ``missing-blob`` (exit code 3)."""
        try:
            return open(self.path(digest), "rb")
        except FileNotFoundError as error:
            raise _missing(digest) from error

    def read(self, digest: str) -> bytes:
        """The blob's content. Raises ReenactError ``missing-blob`` (exit code 3)."""
        with self.open(digest) as file:
            return file.read()

    def verify(self, digest: str) -> None:
        """Hash the blob again. Raises ReenactError ``missing-blob`` or ``corrupt-blob`` (exit code 3), naming it."""
        with self.open(digest) as file:
            found, _ = _hash(file)
        if found != digest:
            raise ReenactError(
                "corrupt-blob",
                f"the blob {digest} has changed in the store: its content is {found}",
                fix=f"restore {self.path(digest)} from a copy",
                exit_code=EXIT_NOT_REPLAYABLE,
            )

    def digests(self) -> Iterator[str]:
        """Every blob there is, in no order."""
        try:
            entries = os.scandir(self._blobs)
        except OSError:
            return
        with entries:
            for entry in entries:
                if len(entry.name) == 64:
                    yield "sha256:" + entry.name

    def size(self, digest: str) -> int | None:
        """Bytes of the blob; None when it is not there."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def delete(self, digest: str) -> None:
        """Remove the blob if it is there. Whether a run needs it is the caller's to know."""
        self.path(digest).unlink(missing_ok=True)

    def delete_older(self, digest: str, before_ns: int) -> bool:
        """Remove the blob unless it was stored, or stored again, since ``before_ns``; True when it is gone.

        Args:
            digest: the blob.
            before_ns: time in ns by the clock of the store's file system.
        """
        path = self.path(digest)
        aside = self._tmp / tmp_name("gc")
        try:
            if path.stat().st_mtime_ns >= before_ns:
                return False
            # Moved first, looked at again, then removed: a `put` in between either touched it before the move, and it
            # is put back, or found it gone, and wrote it anew.
            os.rename(path, aside)
            if aside.stat().st_mtime_ns >= before_ns:
                os.rename(aside, path)
                return False
            aside.unlink()
        except FileNotFoundError:
            return False
        return True

    def _refresh(self, digest: str) -> bool:
        """True when the blob is there; its time then says that somebody wants it now, which `delete_older` heeds."""
        try:
            os.utime(self.path(digest))
        except FileNotFoundError:
            return False
        except OSError:
            return self.has(digest)
        return True

    def _copy(self, source: BinaryIO) -> tuple[str, int]:
        try:
            aside, fd = self._aside()
        except OSError as error:
            raise_clean(error, self._blobs)
        try:
            hasher, size = hashlib.sha256(), 0
            try:
                # Hashed again while copying: the digest is of what was stored, even if the file changes meanwhile.
                while piece := source.read(_PIECE):
                    hasher.update(piece)
                    size += len(piece)
                    try:
                        write_all(fd, piece)
                    except OSError as error:
                        raise_clean(error, self._blobs)
                self._close(fd)
            finally:
                os.close(fd)
            digest = "sha256:" + hasher.hexdigest()
            self._place(aside, digest)
        finally:
            aside.unlink(missing_ok=True)
        return digest, size

    def _aside(self) -> tuple[Path, int]:
        self._tmp.mkdir(parents=True, exist_ok=True)
        self._blobs.mkdir(parents=True, exist_ok=True)
        aside = self._tmp / tmp_name("blob")
        return aside, os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def _close(self, fd: int) -> None:
        os.fchmod(fd, 0o444)
        os.fsync(fd)

    def _place(self, aside: Path, digest: str) -> None:
        target = self.path(digest)
        os.replace(aside, target)
        sync_folder(target.parent)


def _hash(file: BinaryIO) -> tuple[str, int]:
    hasher, size = hashlib.sha256(), 0
    while piece := file.read(_PIECE):
        hasher.update(piece)
        size += len(piece)
    return "sha256:" + hasher.hexdigest(), size


def _missing(digest: str) -> ReenactError:
    return ReenactError(
        "missing-blob",
        f"the blob {digest} is not in the store",
        fix="restore it from a copy of the store",
        exit_code=EXIT_NOT_REPLAYABLE,
    )
