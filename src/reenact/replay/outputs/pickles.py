"""Pickle and joblib files, compared by what they say, without loading any class of theirs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import Any

from ..difference import Tolerance
from .found import Found, Kind, Unreadable
from .structure import Walk
from .torchfile import told
from .unpickle import load

_PACKED: tuple[tuple[bytes, Any], ...] = (
    (b"\x1f\x8b", gzip.decompress),
    (b"BZh", bz2.decompress),
    (b"\xfd7zXZ", lzma.decompress),
    (b"\x78\x01", zlib.decompress),
    (b"\x78\x5e", zlib.decompress),
    (b"\x78\x9c", zlib.decompress),
    (b"\x78\xda", zlib.decompress),
)


def read(path: Path) -> list[Any]:
    """Every object of the file, one after another.

    Raises:
        Unreadable: it is not made of pickles.
    """
    data = path.read_bytes()
    for magic, unpack in _PACKED:
        if data.startswith(magic):
            try:
                data = unpack(data)
            except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
                raise Unreadable("damaged compression") from error
            break
    file, found = io.BytesIO(data), []
    while file.tell() < len(data):
        found.append(load(file))
    return found


def compare(a: Path, b: Path, tolerance: Tolerance | None) -> Found:
    """Compare the structures: names, arguments, state; arrays to the bit. Memo numbers and set order do not count."""
    left, right = read(a), read(b)
    walk = Walk(tolerance)
    if len(left) == len(right) == 1:
        walk.values("", left[0], right[0])
    else:
        walk.values("", left, right)
    return told(walk, "the files differ only in the pickle's form (memo, set order, compression)")


KIND = Kind("pickle", (".pkl", ".pickle", ".joblib", ".p", ".pkl.gz", ".sav"), compare)
