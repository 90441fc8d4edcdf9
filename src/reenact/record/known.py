"""What is known of a run, sealed or not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from ..errors import ReenactError
from . import layout
from .schema import load_manifest, load_start
from .sofar import SoFar, trials_so_far
from .status import run_status
from .trace import TraceReader


def known(folder: Path, cache: Path | None = None) -> tuple[dict[str, Any], str]:
    """What is known of a run as plain data with the keys of a manifest, and a word on its status.

    Args:
        folder: the run folder.
        cache: as of `series.read`.

    Raises:
        ReenactError: ``corrupt-manifest``, ``corrupt-start`` (exit code 3).
    """
    if (folder / layout.MANIFEST).exists():
        return msgspec.to_builtins(load_manifest(folder / layout.MANIFEST)), ""
    status = run_status(folder)
    start = load_start(folder / layout.START)
    command = {key: getattr(start, key) for key in ("kind", "argv", "env", "redacted", "root", "user", "host")}
    inside = os.path.relpath(start.cwd, start.root)
    command["cwd"] = start.cwd if inside.startswith("..") else inside
    same = ("schema", "run", "name", "experiment", "tags", "note", "started", "replay_of")
    data: dict[str, Any] = {key: getattr(start, key) for key in same}
    data.update(status=status.status, exit_code=None, command=command, settings=start.options, traces=_traces(folder))
    params, metrics = SoFar(folder, cache).read()
    data["trials"] = msgspec.to_builtins(trials_so_far(folder))
    data.update(params=params, metrics=msgspec.to_builtins(metrics), complete=False, recipe=None, result=None)
    return data, status.detail or "what it reads and writes is told when it has ended"


def _traces(folder: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted((folder / layout.TRACE).glob("*.trace")):
        try:
            trace = TraceReader(path)
            found.append({"process": path.name.removesuffix(".trace"), "events": len(trace), "steps": trace.steps})
        except ReenactError:
            continue
    return found
