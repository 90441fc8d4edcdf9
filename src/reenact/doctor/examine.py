"""All checks, in order."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

from ..errors import ReenactError
from .checks import (
    clock,
    compiled,
    disk,
    docker_settings,
    engine,
    engine_builder,
    engine_network,
    git,
    gpu,
    gpu_container,
    logout,
    namespaces,
    python,
    store,
    uv,
)
from .row import Context, Row

Check = Callable[[Context], Iterator[Row]]

CHECKS: tuple[Check, ...] = (
    python.check,
    compiled.check,
    store.check,
    disk.check,
    uv.check,
    git.check,
    namespaces.check,
    logout.check,
    clock.check,
    engine.check,
    engine_builder.check,
    engine_network.check,
    docker_settings.check,
    gpu.check,
    gpu_container.check,
)


def examine(context: Context) -> Iterator[Row]:
    """The rows of every check, one after the other; a check that fails itself is a row that says so."""
    for check in CHECKS:
        try:
            yield from check(context)
        except Exception as error:
            what = error.what if isinstance(error, ReenactError) else f"{type(error).__name__}: {error}"
            yield Row(_name(check), "not checked", f"could not be looked at: {what}")


def _name(check: Check) -> str:
    module = inspect.getmodule(check)
    return (module.__name__ if module else "?").rpartition(".")[2].replace("_", " ")
