"""safetensors files: a length, a JSON header, raw little-endian data (huggingface/safetensors, README "Format")."""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import Any

from ..difference import Tolerance
from .found import Found, Kind, Unreadable
from .structure import Walk
from .tensors import Tensor
from .torchfile import told

_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}


class _File:
    def __init__(self, path: Path) -> None:
        with open(path, "rb") as file:
            try:
                self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError as error:
                raise Unreadable("empty") from error
        try:
            length = int.from_bytes(self.data[:8], "little")
            self.start = 8 + length
            if self.start > len(self.data):
                raise ValueError("header longer than the file")
            header = json.loads(self.data[8 : self.start])
            self.metadata: Any = header.pop("__metadata__", {})
            self.entries: dict[str, Any] = header
        except (ValueError, AttributeError) as error:
            self.data.close()
            raise Unreadable("not a safetensors file") from error

    def tensor(self, name: str) -> Tensor:
        entry = self.entries[name]
        first, last = entry["data_offsets"]
        return Tensor(
            _DTYPES.get(entry["dtype"], entry["dtype"]),
            tuple(entry["shape"]),
            self.data[self.start + first : self.start + last],
        )


def compare(a: Path, b: Path, tolerance: Tolerance | None) -> Found:
    """Compare tensor by tensor, and the metadata."""
    left, right = _File(a), _File(b)
    walk = Walk(tolerance)
    try:
        walk.values("__metadata__", left.metadata, right.metadata)
        for name in left.entries:
            if name in right.entries:
                walk.values(name, left.tensor(name), right.tensor(name))
        for name in left.entries.keys() ^ right.entries.keys():
            side = "baseline" if name in left.entries else "candidate"
            walk.differences.append(f"{name}: only in the {side}")
            walk.outside = True
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable("a damaged safetensors header") from error
    finally:
        left.data.close()
        right.data.close()
    return told(walk, "stored in another order")


KIND = Kind("safetensors", (".safetensors",), compare)
