"""TensorBoard event files: the sequence of records, wall-clock fields left out.

A file is a sequence of TFRecords (length, its CRC, data, its CRC); each holds an Event message (tensorflow/core/util/
event.proto), whose field 1 is the time of writing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from ..difference import Tolerance
from .found import Found, Kind, Unreadable

Path_ = tuple[int, ...]

_CLOCKS: frozenset[Path_] = frozenset(
    {
        (1,),
        # The hparams plugin writes its start and end time into a summary's metadata.
        (5, 1, 9, 1, 2, 3, 5),
        (5, 1, 9, 1, 2, 4, 2),
    }
)
_NUMBERS: frozenset[Path_] = frozenset({(5, 1, 2), (5, 1, 8, 5)})
_INTO = frozenset(path[:n] for path in _CLOCKS | _NUMBERS for n in range(1, len(path)))


def records(data: bytes) -> Iterator[bytes]:
    """The records of a TFRecord file; a torn last one is left out."""
    at = 0
    while at + 16 <= len(data):
        length = int.from_bytes(data[at : at + 8], "little")
        if at + 16 + length > len(data):
            return
        yield data[at + 12 : at + 12 + length]
        at += 16 + length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7


def strip(
    message: bytes, drop: frozenset[Path_], path: Path_ = (), dropped: list[tuple[Path_, bytes]] | None = None
) -> bytes:
    """A protobuf message without the fields at the paths in `drop`; what was dropped goes into `dropped`.

    Raises:
        Unreadable: the bytes are not a message.
    """
    kept, at = bytearray(), 0
    try:
        while at < len(message):
            start = at
            tag, at = _varint(message, at)
            field, wire = (*path, tag >> 3), tag & 7
            body = tagged = at
            if wire == 0:
                _, at = _varint(message, at)
            elif wire == 1:
                at += 8
            elif wire == 5:
                at += 4
            elif wire == 2:
                length, body = _varint(message, at)
                at = body + length
            else:
                raise Unreadable("wire type")
            if at > len(message):
                raise Unreadable("torn message")
            if field in drop:
                if dropped is not None:
                    dropped.append((field, message[body:at]))
                continue
            if wire == 2 and field in _INTO:
                inner = message[body:at]
                apart: list[tuple[Path_, bytes]] = []
                try:
                    inner = strip(inner, drop, field, apart)
                except Unreadable:
                    # Bytes of a plugin, which need not be a message.
                    apart = []
                if dropped is not None:
                    dropped.extend(apart)
                # The inner length has changed: it is written anew, at a fixed width.
                kept += message[start:tagged] + len(inner).to_bytes(8, "little") + inner
                continue
            kept += message[start:at]
    except IndexError as error:
        raise Unreadable("torn message") from error
    return bytes(kept)


def compare(a: Path, b: Path, tolerance: Tolerance | None) -> Found:
    """Compare two event files record by record."""
    left, right = list(records(a.read_bytes())), list(records(b.read_bytes()))
    if not left or not right:
        raise Unreadable("no TFRecord")
    outside = 0
    first = ""
    for number, (one, other) in enumerate(zip(left, right)):
        if strip(one, _CLOCKS) == strip(other, _CLOCKS):
            continue
        where = f"record {number}{_told(one)}"
        if tolerance is not None and _within(one, other, tolerance):
            first = first or where
            continue
        outside += 1
        if outside == 1:
            first = where
    if len(left) != len(right):
        return Found(
            False, "records", f"{len(left):,} records became {len(right):,}" + (f"; first {first}" if first else "")
        )
    if outside:
        return Found(False, "records", f"{outside:,} of {len(left):,} records differ; first {first}")
    if first:
        return Found(True, "tolerance", f"numbers within the tolerance, first in {first}")
    return Found(True, "records", f"{len(left):,} records equal but for the time of writing")


def _within(one: bytes, other: bytes, tolerance: Tolerance) -> bool:
    left: list[tuple[Path_, bytes]] = []
    right: list[tuple[Path_, bytes]] = []
    drop = _CLOCKS | _NUMBERS
    if strip(one, drop, dropped=left) != strip(other, drop, dropped=right):
        return False
    numbers = [[body for path, body in side if path in _NUMBERS] for side in (left, right)]
    if [len(body) for body in numbers[0]] != [len(body) for body in numbers[1]]:
        return False
    for x, y in zip(*numbers):
        # float32, one or packed.
        count = len(x) // 4
        pairs = zip(struct.unpack(f"<{count}f", x[: count * 4]), struct.unpack(f"<{count}f", y[: count * 4]))
        if not all(tolerance.accepts(p, q) for p, q in pairs):
            return False
    return True


def _told(record: bytes) -> str:
    """`` (step 3, loss)`` of an event, empty when it has neither."""
    found: list[tuple[Path_, bytes]] = []
    strip(record, frozenset({(2,), (5, 1, 1)}), dropped=found)
    steps = [f"step {_varint(body, 0)[0]}" for path, body in found if path == (2,)]
    tags = [body.decode("utf-8", "replace") for path, body in found if path != (2,)]
    told = steps[:1] + tags[:1]
    return f" ({', '.join(told)})" if told else ""


KIND = Kind("tensorboard", (), compare)
