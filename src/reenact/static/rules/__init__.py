"""What stands in the way of reproducing a program: one rule per file, each with its examples beside it.

A rule has an ID, a SEVERITY, WHAT it finds, WHY that matters, a FIX, and ``check(module)`` or ``check_project(project)``.
"""

from __future__ import annotations

from types import ModuleType

from . import (
    absolute_path,
    annotation_without_value,
    cudnn_benchmark,
    download_in_code,
    flag_never_read,
    floating_base_image,
    hard_coded_hyperparameter,
    loader_worker_seed,
    missing_requirement,
    no_seed,
    print_without_log,
    seed_from_clock,
    seed_never_used,
    set_order,
    time_in_output_name,
    torch_load_weights_only,
    unpinned_requirement,
    unseeded_generator,
    unsorted_listing,
    version_pinned_twice,
)

RULES: tuple[ModuleType, ...] = (
    no_seed,
    seed_never_used,
    seed_from_clock,
    unseeded_generator,
    annotation_without_value,
    loader_worker_seed,
    unsorted_listing,
    set_order,
    cudnn_benchmark,
    absolute_path,
    time_in_output_name,
    flag_never_read,
    unpinned_requirement,
    missing_requirement,
    floating_base_image,
    version_pinned_twice,
    hard_coded_hyperparameter,
    print_without_log,
    download_in_code,
    torch_load_weights_only,
)
"""All rules, in the order in which they are listed."""
