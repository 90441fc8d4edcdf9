"""Raw tensors, and how two differ: how many elements, by how many ULP, whether only in -0.0 or NaN payloads."""

from __future__ import annotations

import array
import dataclasses
import math
import operator
import struct
from collections.abc import Sequence
from typing import Any

from ..difference import Tolerance

MEASURED = 1_000_000
"""Differing elements of one file that are measured (ULP, absolute, relative); counting is always complete."""

_BLOCK = 1 << 16

# name -> (bytes per number, array typecode of the same width, what it is)
DTYPES: dict[str, tuple[int, str, str]] = {
    "float64": (8, "Q", "float"),
    "float32": (4, "I", "float"),
    "float16": (2, "H", "float"),
    "bfloat16": (2, "H", "float"),
    "complex128": (16, "Q", "complex"),
    "complex64": (8, "I", "complex"),
    "complex32": (4, "H", "complex"),
    "int64": (8, "q", "int"),
    "int32": (4, "i", "int"),
    "int16": (2, "h", "int"),
    "int8": (1, "b", "int"),
    "uint64": (8, "Q", "int"),
    "uint32": (4, "I", "int"),
    "uint16": (2, "H", "int"),
    "uint8": (1, "B", "int"),
    "bool": (1, "B", "int"),
    "float8_e4m3fn": (1, "B", "bits"),
    "float8_e5m2": (1, "B", "bits"),
    "float8_e4m3fnuz": (1, "B", "bits"),
    "float8_e5m2fnuz": (1, "B", "bits"),
    "float8_e8m0fnu": (1, "B", "bits"),
}


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One array: dtype by name, shape, and its little-endian bytes in logical (row-major) order."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


@dataclasses.dataclass(frozen=True)
class TensorDifference:
    """How one tensor differs.

    `differing` of `elements` differ in their bits, the first at `first`. `values_equal`: only the sign of zero or NaN
    payloads differ. `max_ulp` (floats only), `max_absolute`, `max_relative` are over the first `measured` differing
    numbers; None where they do not apply. `within`: inside the tolerance that was asked for.
    """

    path: str
    dtype: str
    shape: tuple[int, ...]
    elements: int
    differing: int
    first: tuple[int, ...] | None
    values_equal: bool = False
    max_ulp: int | None = None
    max_absolute: float | None = None
    max_relative: float | None = None
    nans: int = 0
    measured: int = 0
    within: bool = False
    other: str = ""

    def sentence(self) -> str:
        """One line for a person."""
        head = f"{self.path or 'tensor'}: {self.dtype}{list(self.shape)}"
        if self.other:
            return f"{head} became {self.other}"
        parts = [f"{head}: {self.differing:,} of {self.elements:,} elements differ, first at {_index(self.first)}"]
        if self.values_equal:
            parts.append("values equal (only the sign of zero or NaN payloads differ)")
            return ", ".join(parts)
        if self.max_ulp is not None:
            parts.append(f"at most {self.max_ulp:,} ULP")
        if self.max_absolute is not None:
            parts.append(f"{self.max_absolute:.3g} absolute")
        if self.max_relative is not None:
            parts.append(f"{self.max_relative:.3g} relative")
        if self.nans:
            parts.append(f"{self.nans:,} NaN or infinite on one side only")
        if 0 < self.measured < self.differing:
            parts.append(f"measured over the first {self.measured:,}")
        return ", ".join(parts)


class Meter:
    """How many differing numbers may still be measured in one file."""

    def __init__(self, limit: int = MEASURED) -> None:
        self.left = limit


def compare_tensors(
    path: str, baseline: Tensor, candidate: Tensor, tolerance: Tolerance | None = None, meter: Meter | None = None
) -> TensorDifference | None:
    """None when dtype, shape and every bit are equal, else how they differ."""
    elements = math.prod(baseline.shape)
    if (baseline.dtype, baseline.shape) != (candidate.dtype, candidate.shape):
        return TensorDifference(
            path,
            baseline.dtype,
            baseline.shape,
            elements,
            elements,
            None,
            other=f"{candidate.dtype}{list(candidate.shape)}",
        )
    if baseline.data == candidate.data:
        return None
    size, code, what = DTYPES.get(baseline.dtype, (0, "B", "bits"))
    if not size or len(baseline.data) != len(candidate.data) or len(baseline.data) != size * elements:
        # A type of unknown width: bytes are all that can be told.
        first = _first_byte(baseline.data, candidate.data)
        size = max(1, len(baseline.data) // max(1, elements))
        where = _unravel(min(first // size, max(0, elements - 1)), baseline.shape)
        return TensorDifference(path, baseline.dtype, baseline.shape, elements, 1, where)
    walk = _Walk(baseline.dtype, size, code, what, tolerance, meter or Meter())
    walk.over(baseline.data, candidate.data)
    return walk.result(path, baseline, elements)


class _Walk:
    """Finds differing blocks with memory compares, and looks at numbers only inside them."""

    def __init__(self, dtype: str, size: int, code: str, what: str, tolerance: Tolerance | None, meter: Meter) -> None:
        self.dtype = dtype
        self.width = size // 2 if what == "complex" else size
        self.pair = 2 if what == "complex" else 1
        self.code = code
        self.what = what
        self.tolerance = tolerance
        self.meter = meter
        self.differing = self.measured = self.nans = 0
        self.first: int | None = None
        self.ulp = 0
        self.absolute = self.relative = 0.0
        self.values_equal = what != "bits"
        self.within = tolerance is not None and what != "bits"

    def over(self, left: bytes, right: bytes) -> None:
        for start in range(0, len(left), _BLOCK):
            a, b = left[start : start + _BLOCK], right[start : start + _BLOCK]
            if a != b:
                self._block(start // self.width, a, b)

    def _block(self, offset: int, left: bytes, right: bytes) -> None:
        a, b = numbers(self.code, left), numbers(self.code, right)
        if self.pair == 2:
            self.differing += sum(x != y for x, y in zip(zip(a[::2], a[1::2]), zip(b[::2], b[1::2])))
        else:
            self.differing += sum(map(operator.ne, a, b))
        if self.first is None:
            at = next(i for i, (x, y) in enumerate(zip(a, b)) if x != y)
            self.first = (offset + at) // self.pair
        # While all is within the tolerance, or only zeros' signs differ, every number must be looked at.
        if self.meter.left <= 0 and not self.within and not self.values_equal:
            return
        if self.what == "int":
            self._measure(zip(a, b, a, b), floats=False)
        elif self.what != "bits":
            self._measure(zip(a, b, floats(self.dtype, left), floats(self.dtype, right)), floats=True)

    def _measure(self, numbers: Any, floats: bool) -> None:
        sign = 1 << (8 * self.width - 1)
        for x, y, p, q in numbers:
            if x == y:
                continue
            if p != q and (p == p or q == q):
                self.values_equal = False
            if self.within and not (self.tolerance and self.tolerance.accepts(p, q)):
                self.within = False
            if self.meter.left <= 0:
                if not self.within and not self.values_equal:
                    return
                continue
            self.meter.left -= 1
            self.measured += 1
            if not floats:
                self.absolute = max(self.absolute, abs(x - y))
                continue
            if not (math.isfinite(p) and math.isfinite(q)):
                self.nans += p == p or q == q
                continue
            self.ulp = max(self.ulp, abs((sign - x if x >= sign else x) - (sign - y if y >= sign else y)))
            gap = abs(p - q)
            self.absolute = max(self.absolute, gap)
            if gap:
                self.relative = max(self.relative, gap / max(abs(p), abs(q)))

    def result(self, path: str, tensor: Tensor, elements: int) -> TensorDifference:
        told = self.what != "bits" and self.measured > 0
        is_float = told and self.what != "int"
        return TensorDifference(
            path,
            tensor.dtype,
            tensor.shape,
            elements,
            self.differing,
            _unravel(self.first or 0, tensor.shape),
            values_equal=self.values_equal,
            max_ulp=self.ulp if is_float else None,
            max_absolute=float(self.absolute) if told else None,
            max_relative=self.relative if is_float else None,
            nans=self.nans,
            measured=self.measured,
            within=self.within,
        )


def numbers(code: str, data: bytes) -> Sequence[int]:
    """The little-endian words of `data`; a torn last word is left out."""
    words = array.array(code)
    words.frombytes(data[: len(data) // words.itemsize * words.itemsize])
    if _BIG_ENDIAN:
        words.byteswap()
    return words


def floats(dtype: str, data: bytes) -> Sequence[float]:
    """The floating-point numbers of `data`; a complex number counts as two."""
    if dtype == "bfloat16":
        return array.array("f", array.array("I", [word << 16 for word in numbers("H", data)]).tobytes())
    code = {"float64": "d", "complex128": "d", "float32": "f", "complex64": "f"}.get(dtype)
    if code is None:
        return struct.unpack(f"<{len(data) // 2}e", data)
    values = array.array(code, data)
    if _BIG_ENDIAN:
        values.byteswap()
    return values


_BIG_ENDIAN = struct.pack("=H", 1) != struct.pack("<H", 1)


def _first_byte(left: bytes, right: bytes) -> int:
    return next((i for i, (x, y) in enumerate(zip(left, right)) if x != y), min(len(left), len(right)))


def _unravel(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    index = []
    for length in reversed(shape):
        index.append(flat % length if length else 0)
        flat //= length or 1
    return tuple(reversed(index))


def _index(index: tuple[int, ...] | None) -> str:
    return str(list(index)) if index is not None else "an unknown place"
