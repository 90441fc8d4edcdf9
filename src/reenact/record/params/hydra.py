"""Params as Hydra composed them: dotted names, each with the override, choice or file that its value came from."""

from __future__ import annotations

from collections.abc import Iterator

from ..hydra import composed
from .base import Context, Param


def params(context: Context) -> Iterator[Param]:
    """Values of the run's config; of several jobs those that all have alike, since each has its own in ``configs``."""
    every = composed(context)
    jobs = [one for one in every if one.is_job] or every
    if not jobs:
        return
    first = jobs[0]
    for name, value in first.values.items():
        if all(name in one.values and repr(one.values[name]) == repr(value) for one in jobs[1:]):
            yield Param(name, value, first.origin(name))
