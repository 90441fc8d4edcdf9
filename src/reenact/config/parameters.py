"""All that a script can be configured by, in one list: its constants and its arguments, with overrides applied."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..probe.redact import redact_argv
from .arguments import Argument, arguments
from .constants import Constant, constants
from .overrides import overrides
from .sources import Source
from .words import reads_words


@dataclass(frozen=True)
class Parameter:
    """One param as the source tells it.

    Attributes:
        value: what it will be if nothing else is given; source text where ``known`` is false.
        type: name of its type.
        origin: ``constant``, ``default`` (of an argument) or ``override``.
        where: ``file:line``, or the word of the override.
        default: what an override replaces.
        options: the strings that an argument is given with.
        required: an argument that must be given.
        known: the value can be told without running the script.
    """

    name: str
    value: Any
    type: str | None
    origin: str
    where: str
    default: Any = None
    options: tuple[str, ...] = ()
    required: bool = False
    known: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return dataclasses.asdict(self)


def parameters(script: str, words: Sequence[str], sources: Sequence[Source]) -> tuple[str | None, list[Parameter]]:
    """What the script reads its command line with, or None; and its params.

    Args:
        script: as it was typed; words: those after it.

    Raises:
        ReenactError: an override does not fit.
    """
    reader = reads_words(sources)
    known = constants(sources)
    changed = {change.name: change for change in overrides(["python", script, *words], "script", sources, os.getcwd())}
    found = []
    for one in known:
        change = changed.get(one.name)
        if change is not None:
            found.append(Parameter(one.name, change.value, one.type, "override", change.word, one.value))
        elif one.param:
            found.append(_constant(one))
    values = {one.name: one.value for one in known}
    found += [_argument(one) for one in arguments(sources, values)] if reader not in (None, "hydra") else []
    return reader, found


def _constant(one: Constant) -> Parameter:
    return Parameter(one.name, _shown(one.name, one.value), one.type, "constant", f"{_place(one.source)}:{one.line}")


def _argument(one: Argument) -> Parameter:
    value = _shown(one.name, one.default)
    where = f"{_place(one.source)}:{one.line}"
    return Parameter(one.name, value, one.type, "default", where, value, one.options, one.required, one.known)


def _place(source: Source) -> str:
    inside = os.path.relpath(source.path)
    return source.path if inside.startswith(os.pardir + os.sep) else inside


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return redact_argv([f"--{name.rpartition('.')[2]}", value])[0][1]
    return value
