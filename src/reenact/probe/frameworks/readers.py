"""Shared by the wrappers of libraries that open files in C, where Python raises no audit event."""

from __future__ import annotations

import os
from typing import Any

from .. import files
from ..entropy import dress
from ..journal import complain


def note(path: Any, op: str, via: str) -> None:
    """Notes one use of a file (op ``r``, ``w``, ``a`` or ``u``) if ``path`` is a path at all."""
    try:
        if files.watch is None or not isinstance(path, (str, bytes, os.PathLike)):
            return
        full = os.path.normpath(os.path.join(os.getcwd(), os.fsdecode(path)))
        if op == "r":
            files.watch.reading(full, via, os.fsdecode(path))
        else:
            files.watch.writing(full, op, via, os.fsdecode(path))
    except Exception as problem:
        complain(via, problem)


def wrap(module: Any, name: str, op: str, via: str, position: int = 0, keyword: str = "filename") -> None:
    """Replaces a function that takes a path by one that notes it first."""
    original = getattr(module, name, None)
    if original is None or getattr(original, "_reenact", False) or not callable(original):
        return

    def reader(*args: Any, **kwargs: Any) -> Any:
        note(args[position] if len(args) > position else kwargs.get(keyword), op, via)
        return original(*args, **kwargs)

    dress(reader, original)
    reader._reenact = True  # type: ignore[attr-defined]
    setattr(module, name, reader)
