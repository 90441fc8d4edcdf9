"""The binary trace format, shared by its writer (the probe) and its readers (``record.trace``).

A trace file is `MAGIC` followed by fixed-size `RECORD`s: kind, flags, name, step, value. ``name`` is a line number
(from 0) of the ``.names.jsonl`` file beside it. Standard library only.
"""

from __future__ import annotations

# Not `struct`: this is imported long after the start, when a file of the program's own may be called like that.
from _struct import Struct

MAGIC = b"RNTRACE\x01"
"""First eight bytes of a trace; the last one is the version of the format."""

RECORD = Struct("<BBHiQ")
"""One event: kind (u8), flags (u8), name (u16), step (i32), value (u64); 16 bytes, little-endian."""

SEED = 1
INIT = 2
RNG = 3
BATCH = 4
OUT = 5
LOSS = 6
GRAD = 7
HYPER = 8
PARAM = 9
SAVE = 10

KINDS = {
    "seed": SEED,
    "init": INIT,
    "rng": RNG,
    "batch": BATCH,
    "out": OUT,
    "loss": LOSS,
    "grad": GRAD,
    "hyper": HYPER,
    "param": PARAM,
    "save": SAVE,
}
"""Kind by its name."""

KIND_NAMES = {number: name for name, number in KINDS.items()}
"""Name by its kind."""

RAW = 1
"""Flag: value holds the IEEE float64 bits of a scalar, not a fingerprint."""

NOGRAD = 2
"""Flag: seen outside gradient mode (evaluation)."""

FLAGS = {"raw": RAW, "nograd": NOGRAD}

NO_NAME = 65535
"""Name of an event that came after the table of names was full."""

TRACE_SUFFIX = ".trace"
NAMES_SUFFIX = ".names.jsonl"

_FLOAT = Struct("<d")
_WORD = Struct("<Q")


def float_bits(number: float) -> int:
    """The 64 bits of a float as an unsigned integer, as a RAW event holds it."""
    return int(_WORD.unpack(_FLOAT.pack(number))[0])


def bits_float(value: int) -> float:
    """The float whose 64 bits are ``value``; the inverse of `float_bits`."""
    return float(_FLOAT.unpack(_WORD.pack(value))[0])


def always_sampled(step: int) -> bool:
    """True for the steps at which grad and param are recorded whatever the stride is: 0-15 and powers of two."""
    return step <= 15 or step & (step - 1) == 0
