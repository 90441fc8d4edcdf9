"""Keras 3's ``.keras``: a zip of a config, its metadata, and the weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ...record.schema import OutputFile
from . import reading
from .model import Model, Recorded

_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_BACKENDS = ("torch", "tensorflow", "jax")


def model(recorded: Recorded, output: OutputFile) -> Model | None:
    """A model all of whose classes are Keras's own: MLflow adds no module of the program's to the path before it loads one."""
    path = recorded.path(output)
    if reading.head(path, 4) != b"PK\x03\x04":
        return None
    with reading.archive(path) as opened:
        if not set(opened.namelist()) >= _MEMBERS:
            return None
        metadata = json.loads(reading.member(opened, "metadata.json"))
        config = json.loads(reading.member(opened, "config.json"))
        if not opened.getinfo("model.weights.h5").file_size:
            return None
    version = str(metadata["keras_version"])
    if int(version.partition(".")[0]) < 3 or not all(_own(one) for one in _described(config)):
        return None
    backend = str((recorded.sealed.environment.variables.get("KERAS_BACKEND")) or "")
    flavors = {
        "keras": {"data": "data", "keras_version": version, "save_exported_model": False},
        # Without `data`: the loader finds the file by what the flavour `keras` says.
        "python_function": recorded.pyfunc("mlflow.keras"),
    }
    backends = [backend] if backend in _BACKENDS else [name for name in _BACKENDS if name in _loaded(recorded)]
    if len(backends) == 1:
        flavors["keras"]["keras_backend"] = backends[0]
    requirements = recorded.pinned(["keras", "numpy", "pandas", "h5py", *backends])
    kind = f"{config['module']}.{config['class_name']}"
    return Model(output, kind, flavors, requirements, "data/model.keras")


def _loaded(recorded: Recorded) -> set[str]:
    return set(recorded.sealed.environment.libraries)


def _described(config: Any) -> Iterator[dict[str, Any]]:
    """Every class that a config names."""
    left = [config]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            if "class_name" in one:
                yield one
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)


def _own(described: dict[str, Any]) -> bool:
    module, name = described.get("module"), described["class_name"]
    if module is None:
        # Values that are no classes: a tensor, a dtype, a slice; a lambda is refused by Keras itself.
        return name != "__lambda__"
    return str(module).partition(".")[0] == "keras" and name not in ("Lambda", "TorchModuleWrapper", "TFSMLayer")
