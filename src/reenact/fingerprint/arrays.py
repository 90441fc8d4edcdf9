"""Fingerprint of numpy arrays."""

from __future__ import annotations

from typing import Any

from . import native
from .weights import LEVELS, ROW, finish, signed_weights

BLOCK = 64
"""Rows hashed at a time: 256 Ki words, so that the products stay in cache."""

_weights: dict[int, Any] = {}


def _row_weights(np: Any, level: int) -> Any:
    row = _weights.get(level)
    if row is None:
        row = _weights[level] = np.array(signed_weights(level), dtype=np.int64)
    return row


def fingerprint_array(array: Any, np: Any, compiled: bool = True) -> int:
    """64-bit fingerprint of a numpy array's elements in C order.

    Args:
        array: any shape, any dtype but object.
        np: the numpy module that the program imported.
        compiled: use the compiled sums where they were built.

    Raises:
        TypeError: the array holds Python objects.
    """
    if array.dtype.hasobject:
        raise TypeError("an array of Python objects has no bytes to fingerprint")
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    nbytes = flat.size
    library = native.load() if compiled else None
    if library is not None:
        return library.fingerprint(flat.__array_interface__["data"][0], nbytes)
    if nbytes % 4:
        flat = np.concatenate([flat, np.zeros(-nbytes % 4, np.uint8)])
    return finish(_total(flat.view(np.int32), 0, np), nbytes)


def _total(words: Any, level: int, np: Any) -> int:
    weights = _row_weights(np, level)
    count = words.size
    if count <= ROW:
        return int(np.multiply(words, weights[:count], dtype=np.int64).sum(dtype=np.int64)) if count else 0
    full, rest = divmod(count, ROW)
    sums = np.empty(full + (1 if rest else 0), np.int64)
    rows = words[: full * ROW].reshape(full, ROW)
    for start in range(0, full, BLOCK):
        part = rows[start : start + BLOCK]
        sums[start : start + len(part)] = np.multiply(part, weights, dtype=np.int64).sum(axis=1, dtype=np.int64)
    if rest:
        sums[full] = np.multiply(words[full * ROW :], weights[:rest], dtype=np.int64).sum(dtype=np.int64)
    return _total(sums.view(np.int32), min(level + 1, LEVELS - 1), np)
