"""The tensors and arrays inside what a loader hands over, a module takes and a module returns."""

from __future__ import annotations

from typing import Any

DEPTH = 6
MOST = 256


def leaves(value: Any, tensor: type, name: str = "", depth: int = 0) -> list[tuple[str, Any]]:
    """(name, tensor) of every tensor in a nested value, in order; names look like ``[0]['x'].y``.

    Args:
        value: tensors, lists, tuples, mappings, dataclasses and objects with a ``__dict__``, nested.
        tensor: the class of tensors.
    """
    # What a value can do is asked of its class: asking a tracer's proxy itself would be written down as an operation.
    if isinstance(value, tensor):
        return [(name, value)]
    found: list[tuple[str, Any]] = []
    if depth >= DEPTH:
        return found
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            if isinstance(item, tensor):
                found.append((f"{name}[{index}]", item))
            else:
                found += leaves(item, tensor, f"{name}[{index}]", depth + 1)
            if len(found) > MOST:
                break
    elif value is None or isinstance(value, (str, bytes, int, float, bool, type)):
        pass
    elif hasattr(type(value), "items") and hasattr(type(value), "keys"):
        for key, item in list(value.items()):
            found += leaves(item, tensor, f"{name}[{key!r}]", depth + 1)
    elif hasattr(value, "__dict__") and not callable(value):
        for key, item in list(vars(value).items()):
            found += leaves(item, tensor, f"{name}.{key}", depth + 1)
    return found
