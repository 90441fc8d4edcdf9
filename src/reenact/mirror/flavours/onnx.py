"""ONNX: the protocol buffer of a model, whose fields are walked through without reading what is in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

from ...record.schema import OutputFile
from .model import Model, Recorded

_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
"""Wire types of a ModelProto's fields."""

_IR, _GRAPH, _OPSETS = 1, 7, 8
_GRAPH_FIELDS = {1, 2, 5, 10, 11, 12, 13, 14, 15, 16}
_INITIALIZER, _OUTPUT = 5, 12
_EXTERNAL = 13
_MOST_FIELDS = 2_000_000
_LONGEST_ENTRY = 10_000


class _Damaged(Exception):
    """No protocol buffer of this kind."""


def model(recorded: Recorded, output: OutputFile) -> Model | None:
    """A model, with the files beside it that have its larger tensors."""
    with open(recorded.path(output), "rb") as file:
        if file.read(1) != b"\x08":
            return None
        graph, seen = (0, 0), set()
        for number, wire, start, end in _fields(file, 0, os.fstat(file.fileno()).st_size):
            if _FIELDS.get(number) != wire:
                return None
            seen.add(number)
            if number == _GRAPH:
                graph = (start, end)
        if not seen >= {_IR, _GRAPH, _OPSETS}:
            return None
        beside = _beside(file, *graph)
    blobs = {}
    for name in beside:
        other = recorded.beside(output, name) if name == PurePosixPath(name).name else None
        if other is None:
            return None
        blobs[name] = other.digest
    place = "model.onnx"
    flavors = {
        "onnx": {
            "code": None,
            "data": place,
            "onnx_version": recorded.version("onnx"),
            "providers": ["CUDAExecutionProvider", "CPUExecutionProvider"],
        },
        "python_function": recorded.pyfunc("mlflow.onnx", data=place),
    }
    requirements = recorded.pinned(["onnx", "onnxruntime", "onnxruntime-gpu", "numpy", "pandas"])
    if not any(line.startswith("onnxruntime") for line in requirements):
        requirements.append("onnxruntime")  # a script need not have it to save a model, but predicting takes it
    return Model(output, "onnx.ModelProto", flavors, requirements, place, blobs)


def _beside(file: BinaryIO, start: int, end: int) -> set[str]:
    """Names of the files that initializers are in."""
    found, outputs = set(), 0
    for number, wire, inner, after in _fields(file, start, end):
        if number not in _GRAPH_FIELDS or wire != 2:
            raise _Damaged
        outputs += number == _OUTPUT
        if number == _INITIALIZER:
            for part, _, at, until in _fields(file, inner, after):
                if part == _EXTERNAL:
                    name = _location(file, at, until)
                    found.update([name] if name is not None else [])
    if not outputs:
        raise _Damaged
    return found


def _location(file: BinaryIO, start: int, end: int) -> str | None:
    if end - start > _LONGEST_ENTRY:
        raise _Damaged
    words = {}
    for number, _, inner, after in _fields(file, start, end):
        file.seek(inner)
        words[number] = file.read(after - inner).decode()
    return words.get(2) if words.get(1) == "location" else None


def _fields(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(number, wire type, start, end of the content) of each field; they fill the space exactly.

    Raises:
        _Damaged: they do not.
    """
    at = start
    for _ in range(_MOST_FIELDS):
        if at == end:
            return
        tag, at = _varint(file, at, end)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            inner = at
            _, after = _varint(file, at, end)
        elif wire == 2:
            length, inner = _varint(file, at, end)
            after = inner + length
        else:
            inner, after = at, at + {1: 8, 5: 4}.get(wire, end + 1)
        if not number or after > end:
            raise _Damaged
        yield number, wire, inner, after
        at = after
    raise _Damaged


def _varint(file: BinaryIO, at: int, end: int) -> tuple[int, int]:
    file.seek(at)
    value = 0
    for place, byte in enumerate(file.read(min(10, end - at))):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise _Damaged
