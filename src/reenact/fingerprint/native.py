"""The compiled form of the weighted sum, ``w64.c``: some ten times faster than tensor operations on small tensors."""

from __future__ import annotations

import os
import struct
import sys
from typing import Any

LIBRARY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_w64.so")
"""Where the build puts it; absent where there was no C compiler."""

LONG = 1 << 18
"""Bytes from which other threads may run meanwhile; for less, giving the lock away costs more than the sum."""


class Native:
    """Weighted sums over memory, by address. The caller keeps the memory alive and its own.

    Raises:
        OSError: there is no library, or it is not for this machine.
    """

    def __init__(self) -> None:
        import ctypes

        if sys.byteorder != "little" or struct.calcsize("P") != 8:
            raise OSError("w64.c is for little-endian machines of 64 bits")
        held, free = ctypes.PyDLL(LIBRARY), ctypes.CDLL(LIBRARY)
        held.w64_prepare()
        self._short = _typed(held.w64_fingerprint, ctypes.c_void_p, ctypes)
        self._long = _typed(free.w64_fingerprint, ctypes.c_void_p, ctypes)
        self._sum = _typed(free.w64, ctypes.c_void_p, ctypes)
        self._pieces = _typed(free.w64_pieces, ctypes.c_char_p, ctypes)

    def fingerprint(self, address: int, nbytes: int) -> int:
        """The fingerprint of ``nbytes`` bytes."""
        value: int = self._short(address, nbytes) if nbytes < LONG else self._long(address, nbytes)
        return value

    def total(self, address: int, nbytes: int) -> int:
        """The sum over ``nbytes`` bytes, padded with zeros to whole words: an unsigned 64-bit integer."""
        total: int = self._sum(address, nbytes)
        return total

    def total_pieces(self, table: list[int]) -> int:
        """The sum over pieces laid end to end, each padded by itself; ``table`` is address, bytes, address, bytes …"""
        total: int = self._pieces(struct.pack(f"{len(table)}Q", *table), len(table) // 2)
        return total


def _typed(function: Any, first: Any, ctypes: Any) -> Any:
    function.argtypes = [first, ctypes.c_size_t]
    function.restype = ctypes.c_uint64
    return function


_loaded: list[Native | None] = []


def load() -> Native | None:
    """The library, loaded once; None where it was not built or does not fit."""
    if not _loaded:
        try:
            _loaded.append(Native())
        except (OSError, ImportError, AttributeError):
            _loaded.append(None)
    return _loaded[0]
