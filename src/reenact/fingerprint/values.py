"""Fingerprint of nested values: numbers, strings, containers, and the arrays inside them.

A tagged, canonical byte stream is hashed with BLAKE2b to 64 bits. Containers keep their order, except sets. Objects of
unknown classes count by the name of their class and, where they have one, their ``__dict__``; what then still cannot be
seen is told through ``opaque``.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from typing import Any

from .arrays import fingerprint_array

MAX_DEPTH = 64

MAX_ITEMS = 500_000
"""Items of containers that are looked at in one value: about a second. What is beyond counts by its number, and is told."""


class ValueHasher:
    """Hashes nested values.

    Args:
        tensor: function that gives a torch tensor's 64-bit fingerprint, or None where torch is not imported.

    Attributes:
        opaque: names of the classes whose objects counted by their class alone.
    """

    def __init__(self, tensor: Any = None) -> None:
        self._tensor = tensor
        self.opaque: set[str] = set()
        self._left = MAX_ITEMS

    def fingerprint(self, value: Any) -> int:
        """64-bit fingerprint of a nested value."""
        state = hashlib.blake2b(digest_size=8)
        self._feed(state.update, value, 0, set())
        return int.from_bytes(state.digest(), "little")

    def _feed(self, put: Any, value: Any, depth: int, seen: set[int]) -> None:
        kind = type(value)
        if value is None or kind is bool:
            put(b"N" if value is None else (b"T" if value else b"F"))
        elif kind is int:
            raw = str(value).encode()
            put(b"i%d:" % len(raw) + raw)
        elif kind is float:
            put(b"f" + struct.pack("<d", value))
        elif kind is complex:
            put(b"c" + struct.pack("<dd", value.real, value.imag))
        elif kind is str:
            raw = value.encode("utf-8", "surrogatepass")
            put(b"s%d:" % len(raw) + raw)
        elif kind in (bytes, bytearray):
            put(b"b%d:" % len(value) + bytes(value))
        elif depth > MAX_DEPTH or id(value) in seen:
            put(b"R")
        else:
            seen.add(id(value))
            self._feed_object(put, value, depth + 1, seen)
            seen.discard(id(value))

    def _afford(self, items: int) -> bool:
        """False once so many items have been looked at that more would hold the program up."""
        if items > self._left:
            self.opaque.add(f"more than {MAX_ITEMS:,} items")
            return False
        self._left -= items
        return True

    def _feed_object(self, put: Any, value: Any, depth: int, seen: set[int]) -> None:
        torch = sys.modules.get("torch")
        np = sys.modules.get("numpy")
        if self._tensor is not None and torch is not None and isinstance(value, torch.Tensor):
            put(f"t{value.dtype}{tuple(value.shape)}:".encode())
            try:
                put(self._tensor(value).to_bytes(8, "little"))
            except Exception:
                self.opaque.add("torch.Tensor")
        elif np is not None and isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject:
            put(f"a{value.dtype.str}{tuple(value.shape)}:".encode())
            put(fingerprint_array(np.asarray(value), np).to_bytes(8, "little"))
        elif hasattr(value, "__len__") and not self._afford(len(value)):
            put(b"L%d:" % len(value))
        elif isinstance(value, dict) or (hasattr(value, "keys") and hasattr(value, "items")):
            put(b"d%d:" % len(value))
            for key, item in value.items():
                self._feed(put, key, depth, seen)
                self._feed(put, item, depth, seen)
        elif isinstance(value, (list, tuple)):
            put(b"l%d:" % len(value))
            for item in value:
                self._feed(put, item, depth, seen)
        elif isinstance(value, (set, frozenset)):
            put(b"S" + b"".join(sorted(struct.pack("<Q", self.fingerprint(item)) for item in value)))
        else:
            name = f"{type(value).__module__}.{type(value).__qualname__}"
            put(b"o" + name.encode() + b":")
            fields = getattr(value, "__dict__", None)
            if isinstance(fields, dict) and not isinstance(value, type) and not callable(value):
                self._feed(put, fields, depth, seen)
            else:
                self.opaque.add(name)
