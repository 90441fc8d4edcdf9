"""The files of a run as artifacts in MLflow: outputs, manifest, log, lock, and what others add."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Optional

from ..record import layout
from ..record.schema import Manifest
from ..store.project import Store
from .tracker import Tracker

Extra = Callable[[Store, str], Optional[tuple[str, bytes]]]
"""Gives the name and the content of one more file of a run, or None."""

_RECORD = (layout.MANIFEST, layout.LOG, layout.PYLOCK, layout.PATCH)


def log_files(tracker: Tracker, store: Store, sealed: Manifest, mlflow: str, extras: tuple[Extra, ...]) -> None:
    """Upload them; one that is there already is replaced by itself.

    Raises:
        ReenactError: as `Tracker.ask`.
    """
    folder = store.run_dir(sealed.run)
    for name in _RECORD:
        if (folder / name).exists():
            _log(tracker, mlflow, folder / name, name, "reenact")
    for path in sorted((folder / layout.CONFIG).glob("*")) if (folder / layout.CONFIG).is_dir() else []:
        _log(tracker, mlflow, path, path.name, "reenact/config")
    for extra in extras:
        found = extra(store, sealed.run)
        if found is not None:
            with tempfile.TemporaryDirectory(prefix="reenact-mlflow-") as place:
                (Path(place) / found[0]).write_bytes(found[1])
                _log(tracker, mlflow, Path(place) / found[0], found[0], "reenact")
    for output in sealed.outputs:
        if store.blobs.has(output.digest):
            inside = artifact_path(output.path)
            _log(tracker, mlflow, store.blobs.path(output.digest), os.path.basename(inside), os.path.dirname(inside))


def artifact_path(path: str) -> str:
    """Where an output is among the artifacts; one from outside the project is called by its name alone."""
    inside = path if not os.path.isabs(path) else os.path.join("outside", os.path.basename(path))
    parts = [part for part in inside.split("/") if part not in ("", ".", "..")]
    return "/".join(["outputs", *parts])


def _log(tracker: Tracker, mlflow: str, file: Path, name: str, folder: str) -> None:
    """Under its own name: MLflow calls an artifact as the file is called."""
    if file.name == name:
        tracker.ask(lambda client: client.log_artifact(mlflow, str(file), folder or None))
        return
    with tempfile.TemporaryDirectory(prefix="reenact-mlflow-") as place:
        named = Path(place) / name
        try:
            os.symlink(file.resolve(), named)
        except OSError:
            shutil.copyfile(file, named)
        tracker.ask(lambda client: client.log_artifact(mlflow, str(named), folder or None))
