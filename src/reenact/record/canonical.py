"""Canonical JSON and digests: the same value has the same bytes, on every machine."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import msgspec


def canonical_json(obj: Any) -> bytes:
    """``obj`` as canonical JSON: keys sorted, no spaces, UTF-8, floats by ``repr``.

    NaN and infinities, which JSON lacks, become the strings ``"nan"``, ``"inf"``, ``"-inf"``. A file name that is not
    valid UTF-8 keeps its bytes as ``\\udcXX`` escapes. msgspec Structs, tuples, sets of them and bytes are accepted.

    Raises:
        TypeError: for a type that JSON cannot hold.
    """
    plain = msgspec.to_builtins(obj, str_keys=True)
    try:
        text = _dump(plain)
    except ValueError:
        text = _dump(_without_nan(plain))
    # A lone surrogate outside the escape form cannot be UTF-8; backslashreplace writes it as the JSON escape.
    return text.encode("utf-8", "backslashreplace")


def digest_bytes(data: bytes) -> str:
    """``sha256:<hex>`` of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_json(obj: Any) -> str:
    """``sha256:<hex>`` of the canonical JSON of ``obj``."""
    return digest_bytes(canonical_json(obj))


def _dump(obj: Any) -> str:
    return json.dumps(obj, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _without_nan(obj: Any) -> Any:
    if isinstance(obj, float) and not math.isfinite(obj):
        return repr(obj)
    if isinstance(obj, dict):
        return {key: _without_nan(value) for key, value in obj.items()}
    if isinstance(obj, list):
        return [_without_nan(value) for value in obj]
    return obj
