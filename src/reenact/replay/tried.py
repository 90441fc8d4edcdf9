"""Has this very thing been run before? Same command, code, inputs, environment and settings as an earlier run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from ..environment.compare import compare
from ..environment.interpreter import probe_interpreter
from ..environment.snapshot import snapshot
from ..environment.variables import bit_variables
from ..errors import ReenactError
from ..probe.redact import redact_argv
from ..record.schema import Manifest
from ..store.project import Store
from .contained import mounts_of
from .recorded import Recorded
from .session import Request

LOOK_BACK = 20
"""Runs of the same command that are looked at, the newest first."""


def find_tried(store: Store, request: Request, candidates: list[str]) -> Manifest | None:
    """The newest ended run with the same recipe as ``request`` would have now, or None.

    Args:
        candidates: ids of earlier runs of the same command, newest first.
    """
    argv = redact_argv(list(request.argv))[0]
    current: dict[str, Any] | None = None
    for run in candidates[:LOOK_BACK]:
        try:
            manifest = store.manifest(run)
        except ReenactError:
            continue
        if (
            manifest.command.argv != argv
            or manifest.status not in ("finished", "failed")
            or manifest.settings.get("deterministic", False) != request.deterministic
            or os.path.normpath(os.path.join(store.root, manifest.command.cwd)) != os.path.normpath(request.cwd)
            or not _same_container(manifest, request)
            or not _same_files(store, manifest)
        ):
            continue
        if request.container is not None:
            if _variables(manifest, request.env) == manifest.environment.variables:
                return manifest
            continue
        if current is None:
            current = _environment(store, request)
        if current is not None and not _environment_changes(manifest, current, request.env):
            return manifest
    return None


def _same_container(manifest: Manifest, request: Request) -> bool:
    """Both in none, or both in images with the same layers, with the same GPUs."""
    before, now = manifest.container, request.container
    if before is None or now is None:
        return before is None and now is None
    return list(before["image"]["diff_ids"]) == list(now.image.diff_ids) and before["gpus"] == now.gpus


def _variables(manifest: Manifest, env: Mapping[str, str]) -> dict[str, Any]:
    """The variables that count, as they would be now."""
    return {name: env[name] for name in manifest.environment.variables if name in env} | bit_variables(env)


def _same_files(store: Store, manifest: Manifest) -> bool:
    mounts = mounts_of(manifest.container) if manifest.container is not None else ()
    recorded = Recorded(root=str(store.root), cwd=".", argv=(), mounts=mounts)
    files = [(file.path, file.digest) for file in manifest.code.files]
    files += [(file.path, file.digest or "") for file in manifest.inputs]
    for path, digest in files:
        try:
            place = recorded.place(path) if os.path.isabs(path) else os.path.join(store.root, path)
            if digest != store.hasher.hash(place).digest:
                return False
        except OSError:
            return False
    return True


def _environment(store: Store, request: Request) -> dict[str, Any] | None:
    try:
        python = probe_interpreter(
            request.argv[0], dict(request.env), str(store.folder / "cache" / "interpreters.json")
        )
    except ReenactError:
        return None
    return snapshot(python, request.env).environment


def _environment_changes(manifest: Manifest, current: Mapping[str, Any], env: Mapping[str, str]) -> list[Any]:
    recorded = msgspec.to_builtins(manifest.environment)
    read = {name: env[name] for name in recorded["variables"] if name in env}
    current = {**current, "variables": {**read, **current["variables"]}}
    return [change for change in compare(recorded, current) if change.kind != "library"]
