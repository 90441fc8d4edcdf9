"""Why two runs differ: one rule per file, each with its examples beside it, ranked by confidence."""

from __future__ import annotations

from types import ModuleType

from . import (
    argument_changed,
    code_changed,
    compiled,
    cpu_capability,
    dataloader_workers,
    gpu_or_driver,
    hash_seed,
    input_changed,
    library_version,
    loader_order,
    loader_settings,
    nondeterministic_op,
    output_only,
    param_changed,
    precision,
    record_gap,
    seed_changed,
    seed_from_clock,
    shared_memory,
    thread_count,
    unknown,
    unseeded_generator,
    variable_changed,
    world_size,
)
from .context import Cause, Context

__all__ = ["RULES", "Cause", "Context", "rank"]

RULES: tuple[ModuleType, ...] = (
    param_changed,
    seed_changed,
    seed_from_clock,
    unseeded_generator,
    code_changed,
    argument_changed,
    variable_changed,
    input_changed,
    loader_settings,
    dataloader_workers,
    loader_order,
    world_size,
    thread_count,
    precision,
    cpu_capability,
    gpu_or_driver,
    library_version,
    compiled,
    shared_memory,
    nondeterministic_op,
    hash_seed,
    record_gap,
    output_only,
)
"""Every rule with evidence of its own; among equal confidences the earlier one comes first."""


def rank(context: Context) -> list[Cause]:
    """The causes that the evidence supports, most likely first; ``unknown`` alone when there is none.

    Empty when neither a trace nor an output differs.
    """
    found = [cause for cause in (rule.judge(context) for rule in RULES) if cause is not None]
    found = sorted(found, key=lambda cause: -cause.confidence)
    if any(cause.confidence > library_version.LOW for cause in found):
        return found
    # A change that cannot explain the first event is no explanation: it is told, after saying so.
    nothing = unknown.judge(context)
    return ([nothing] if nothing is not None else []) + found
