"""Looking into files with a limit on how much is read, whatever they say of themselves."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOST = 64_000_000
"""Bytes of a file, packed and unpacked, that are looked into."""

_DIRECTORY = 8_000_000
"""Bytes of a zip's directory."""

_END, _LOCATOR, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"


class TooMuch(Exception):
    """More than we look into."""


def head(path: Path, size: int) -> bytes:
    """The first bytes of a file."""
    with open(path, "rb") as file:
        return file.read(size)


def tail(path: Path, size: int) -> bytes:
    """The last bytes of a file."""
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - size))
        return file.read(size)


def unpacked(path: Path) -> tuple[bytes, bool]:
    """A file's content, unpacked where it is packed as joblib does, and whether it is.

    Raises:
        TooMuch: there is more of it than `MOST`.
    """
    start = head(path, 6)
    if start.startswith(b"\x1f\x8b"):
        with gzip.open(path) as packed:
            return _limited(packed.read(MOST + 1)), True
    if start.startswith(b"BZh"):
        with bz2.open(path) as bzipped:
            return _limited(bzipped.read(MOST + 1)), True
    if start.startswith((b"\xfd7zXZ", b"\x5d\x00")):
        with lzma.open(path) as zipped:
            return _limited(zipped.read(MOST + 1)), True
    with open(path, "rb") as file:
        data = _limited(file.read(MOST + 1))
    if start[:2] in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"):
        unpack = zlib.decompressobj()
        data = _limited(unpack.decompress(data, MOST + 1))
        if not unpack.eof:
            raise EOFError
        return data, True
    return data, False


def _limited(data: bytes) -> bytes:
    if len(data) > MOST:
        raise TooMuch
    return data


@contextmanager
def archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip, opened; its directory, of which all is read at once, is not larger than some megabytes.

    Raises:
        TooMuch: it is larger.
        zipfile.BadZipFile: the file is none.
    """
    end = tail(path, 22 + 65_535 + 20)
    at = end.rfind(_END)
    if at < 0:
        raise zipfile.BadZipFile("no end")
    size = struct.unpack_from("<I", end, at + 12)[0]
    if end[at - 20 : at].startswith(_LOCATOR):
        with open(path, "rb") as file:
            file.seek(struct.unpack_from("<Q", end, at - 12)[0])
            found = file.read(56)
        if not found.startswith(_END64):
            raise zipfile.BadZipFile("no end")
        size = struct.unpack_from("<Q", found, 40)[0]
    if size > _DIRECTORY:
        raise TooMuch
    with zipfile.ZipFile(path) as opened:
        yield opened


def member(opened: zipfile.ZipFile, name: str) -> bytes:
    """A member's content.

    Raises:
        TooMuch: there is more of it than `MOST`.
    """
    if opened.getinfo(name).file_size > MOST:
        raise TooMuch
    with opened.open(name) as file:
        return _limited(file.read(MOST + 1))
