"""The fixed weights and the mixing function of ``w64/1``, in pure Python."""

from __future__ import annotations

ROW = 4096
"""Words in a row."""

LEVELS = 4
"""Levels of weights: level n hashes the row sums of level n - 1; four reach 2**56 words."""

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
_M1 = 0xBF58476D1CE4E5B9
_M2 = 0x94D049BB133111EB


def mix(z: int) -> int:
    """The finalizer of SplitMix64 (Steele, Lea, Flood 2014): a bijection on 64-bit integers."""
    z &= MASK
    z = ((z ^ (z >> 30)) * _M1) & MASK
    z = ((z ^ (z >> 27)) * _M2) & MASK
    return z ^ (z >> 31)


def finish(total: int, nbytes: int) -> int:
    """Fingerprint from the weighted sum (any sign, any size) and the number of bytes hashed."""
    return mix((total + nbytes * GOLDEN) & MASK)


def weight(level: int, index: int) -> int:
    """Weight of word ``index`` (0 to ROW - 1) at ``level``: an odd 64-bit integer."""
    return mix((level * ROW + index + 1) * GOLDEN) | 1


_signed: dict[int, list[int]] = {}


def signed_weights(level: int) -> list[int]:
    """The ROW weights of a level as signed 64-bit integers, computed once."""
    row = _signed.get(level)
    if row is None:
        row = [w - (1 << 64) if w >> 63 else w for w in (weight(level, i) for i in range(ROW))]
        _signed[level] = row
    return row
