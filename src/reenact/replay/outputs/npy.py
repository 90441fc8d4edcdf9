"""numpy files: .npy arrays and .npz archives of them (numpy.lib.format, versions 1 to 3)."""

from __future__ import annotations

import ast
import io
import zipfile
from pathlib import Path
from typing import Any

from ..difference import Tolerance
from .found import Found, Kind, Unreadable
from .structure import Walk
from .tensors import Tensor
from .torchfile import told
from .unpickle import fortran, load, numpy_name, width_of

MAGIC = b"\x93NUMPY"


def read(data: bytes) -> Any:
    """The array in the bytes of a .npy file; objects as their pickled structure.

    Raises:
        Unreadable: not that format, structured or big-endian.
    """
    if data[:6] != MAGIC:
        raise Unreadable("not a .npy file")
    wide = data[6] >= 2
    start = 12 if wide else 10
    end = start + int.from_bytes(data[8:start], "little")
    try:
        header = ast.literal_eval(data[start:end].decode("utf-8" if data[6] >= 3 else "latin1"))
        shape, code, column_major = tuple(header["shape"]), header["descr"], header["fortran_order"]
    except (ValueError, SyntaxError, KeyError, TypeError) as error:
        raise Unreadable("a damaged .npy header") from error
    if not isinstance(code, str):
        raise Unreadable("a structured array")
    dtype, big = numpy_name(code)
    if big:
        raise Unreadable("a big-endian array")
    if dtype == "object":
        return load(io.BytesIO(data[end:]))
    body = data[end:]
    return Tensor(dtype, shape, fortran(body, shape, width_of(dtype)) if column_major else body)


def compare(a: Path, b: Path, tolerance: Tolerance | None) -> Found:
    """Compare two .npy arrays."""
    walk = Walk(tolerance)
    walk.values("", read(a.read_bytes()), read(b.read_bytes()))
    return told(walk, "stored otherwise (memory order or header)")


def compare_archive(a: Path, b: Path, tolerance: Tolerance | None) -> Found:
    """Compare two .npz archives array by array; zip timestamps do not count."""
    walk = Walk(tolerance)
    try:
        with zipfile.ZipFile(a) as left, zipfile.ZipFile(b) as right:
            names, others = left.namelist(), right.namelist()
            for name in names:
                if name in others:
                    walk.values(name.removesuffix(".npy"), read(left.read(name)), read(right.read(name)))
            for name in sorted(set(names) ^ set(others)):
                walk.differences.append(f"{name}: only in the {'baseline' if name in names else 'candidate'}")
                walk.outside = True
    except zipfile.BadZipFile as error:
        raise Unreadable("not an .npz file") from error
    return told(walk, "the files differ only in their zip envelope (timestamps)")


KIND = Kind("npy", (".npy",), compare, (MAGIC,))
ARCHIVE = Kind("npz", (".npz",), compare_archive, (b"PK",))
