"""What a run folder gets for the constants of a program: what they are, and sources in which some are overridden."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.constants import constants
from ..config.overrides import applied, load
from ..errors import EXIT_NOT_REPLAYABLE, ReenactError
from ..probe.redact import redact_argv
from ..record import layout
from ..record.atomic import write_atomic
from ..record.command import script_place
from ..record.schema import Override

if TYPE_CHECKING:
    from .session import Request


@dataclass(frozen=True)
class Edited:
    """A command with overrides.

    Attributes:
        argv: what is executed: without the overrides' words, with the copy of the script.
        settings: what the probe must know.
    """

    argv: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)


def edit(request: Request, root: str, run_dir: Path, place: Callable[[str], str]) -> Edited:
    """Write the sources with their overrides into the run folder.

    Args:
        root: the project's root as the process sees it.
        place: where a path of the process lies for us.

    Raises:
        ReenactError: a source is not what the overrides were made for.
    """
    by_file: dict[str, list[Override]] = {}
    for change in request.overrides:
        by_file.setdefault(os.path.normpath(os.path.join(root, change.file)), []).append(change)
    copies = {}
    for number, (path, changes) in enumerate(by_file.items()):
        try:
            data = Path(place(path)).read_bytes()
        except OSError as error:
            raise ReenactError(
                "override", f"cannot read {path}: {error.strerror}", exit_code=EXIT_NOT_REPLAYABLE
            ) from error
        copy = run_dir / layout.EDITED / str(number) / os.path.basename(path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(copy, applied(data, changes))
        copies[path] = str(copy)
    index = script_place(list(request.argv), request.kind)
    words = {change.word for change in request.overrides}
    head = list(request.argv[: (index or 0) + 1])
    rest = [word for word in request.argv[len(head) :] if word not in words]
    settings: dict[str, Any] = {"copies": copies}
    if request.kind == "script" and index is not None:
        typed = request.argv[index]
        full = os.path.realpath(place(os.path.join(request.cwd, typed)))
        for path, edited in copies.items():
            if os.path.realpath(place(path)) == full:
                settings["script"] = {"copy": edited, "word": typed, "path": path}
                head[index] = edited
    return Edited((*head, *rest), settings)


def write_constants(run_dir: Path, request: Request, root: str, place: Callable[[str], str]) -> None:
    """Write the constants that are params, secrets redacted, for the record to take them from.

    Args:
        root: the project's root, where it lies for us; place: where a path of the process lies for us.
    """
    argv, index = list(request.argv), script_place(list(request.argv), request.kind)
    if index is not None and request.kind == "script":
        argv[index] = place(os.path.join(request.cwd, argv[index]))
    sources = load(argv, request.kind, place(request.cwd), request.env)
    overridden = {change.name for change in request.overrides}
    told = [
        {
            "name": constant.name,
            "value": _plain(constant.name, constant.value),
            "type": constant.type,
            "file": _place(constant.source.path, root),
            "line": constant.line,
        }
        for constant in constants(sources)
        if constant.param and constant.name not in overridden
    ]
    if told:
        write_atomic(run_dir / layout.CONSTANTS, json.dumps(told, indent=1).encode())


def _place(path: str, root: str) -> str:
    inside = os.path.relpath(os.path.realpath(path), os.path.realpath(root))
    return path if inside.startswith(os.pardir + os.sep) else inside


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, str):
        shown: str = redact_argv([f"--{name.rpartition('.')[2]}", value])[0][1]
        return shown
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return [_plain(name, one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(str(key), one) for key, one in value.items()}
    return value
