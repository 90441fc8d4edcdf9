"""Params as the first optimizer's settings tell them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..schema import Origin
from .base import Context, Param


def params(context: Context) -> Iterator[Param]:
    """Settings of the first optimizer of the first rank."""
    event = context.first("hyper")
    if event is not None:
        for name, value in hyper_params(event.get("values")).items():
            yield Param(name, value, Origin("optimizer"))


def hyper_params(values: Any) -> dict[str, Any]:
    """Params out of the first hyper event: the first group's by name, another group's as ``name.1`` where it differs.

    Args:
        values: one object per param group, as the event holds them.
    """
    groups = [group for group in values if isinstance(group, dict)] if isinstance(values, list) else []
    params: dict[str, Any] = {}
    for number, group in enumerate(groups):
        for name, value in group.items():
            if not _plain(value):
                continue
            if number == 0:
                params[name] = value
            elif groups[0].get(name) != value:
                params[f"{name}.{number}"] = value
    return params


def _plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_plain(item) for item in value)
    return isinstance(value, (bool, int, float, str))
