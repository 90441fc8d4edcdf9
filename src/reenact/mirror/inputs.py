"""The files that a run read, as MLflow's datasets: by name and digest, so that runs on the same data can be found."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from ..record.schema import InputFile, Manifest

MOST = 100
"""Datasets of one run: with more input files than that, each folder of them is one."""

_DIGEST = 36
"""Characters that MLflow keeps of a digest; the whole one is in the profile."""


def datasets(sealed: Manifest) -> list[Any]:
    """What `log_inputs` takes."""
    files = [file for file in sealed.inputs if file.digest]
    if len(files) <= MOST:
        return [_dataset(sealed, file.path, str(file.digest), {"bytes": file.size, "files": 1}) for file in files]
    groups: dict[str, list[InputFile]] = {}
    for file in files:
        groups.setdefault(os.path.dirname(file.path) or ".", []).append(file)
    if len(groups) > MOST:
        groups = {"inputs": files}
    return [
        _dataset(sealed, name, _joined(some), {"bytes": sum(file.size for file in some), "files": len(some)})
        for name, some in groups.items()
    ]


def _joined(files: list[InputFile]) -> str:
    """One digest of several files: of their paths and digests, sorted."""
    told = json.dumps(sorted((file.path, file.digest) for file in files))
    return "sha256:" + hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def _dataset(sealed: Manifest, path: str, digest: str, profile: dict[str, Any]) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    place = path if os.path.isabs(path) else os.path.join(sealed.command.root, path)
    name = path.encode("utf-8", "backslashreplace").decode()
    dataset = Dataset(
        name=name if len(name) <= 500 else f"…{name[-499:]}",
        digest=digest.removeprefix("sha256:")[:_DIGEST],
        source_type="local",
        source=json.dumps({"uri": place}),
        profile=json.dumps({**profile, "digest": digest}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "input")])
