"""Models that a run saved, as MLflow's models: an ``MLmodel`` file around the recorded file, which is never loaded here.

Unpickling executes what the file says, so it is left to whoever loads the model. What is in a file is told by its structure alone
(`replay.outputs.unpickle`). Files of frameworks whose flavour needs the program (torch state_dicts need its classes) stay artifacts.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ReenactError
from ..record.schema import Manifest, OutputFile
from ..replay.outputs.found import Unreadable
from ..replay.outputs.pickles import read as read_pickle
from ..store.project import Store
from .names import LONGEST_PARAM, text
from .tracker import RUN, Tracker

_LARGEST = 64_000_000
"""Bytes of a pickle that is looked into."""

_PICKLES = (".pkl", ".pickle", ".p", ".sav", ".joblib")
_PATH = "reenact.path"
_READY = "READY"


@dataclass(frozen=True)
class Model:
    """A recorded file that MLflow can load.

    Attributes:
        output: the file.
        kind: its class, as ``sklearn.linear_model._base.LinearRegression``.
        flavors: what goes into the ``MLmodel`` file.
        requirements: packages that loading it takes.
    """

    output: OutputFile
    kind: str
    flavors: dict[str, Any]
    requirements: list[str]


def models(store: Store, sealed: Manifest) -> Iterator[Model]:
    """The models among the outputs of a run."""
    for output in sealed.outputs:
        if output.path.endswith(_PICKLES) and output.size <= _LARGEST and store.blobs.has(output.digest):
            kind = _sklearn_class(store.blobs.path(output.digest))
            if kind is not None:
                yield _sklearn(sealed, output, kind)


def _sklearn_class(path: Path) -> str | None:
    """The estimator that a pickle is of, where plain ``pickle.load`` can read it; joblib puts arrays between the opcodes."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        if b"joblib" in data and b"numpy_pickle" in data:
            return None
        found = read_pickle(path)
    except (OSError, Unreadable, RecursionError, MemoryError):
        return None
    name = getattr(found[0], "name", None) if len(found) == 1 else None
    return name if data[:1] == b"\x80" and isinstance(name, str) and name.startswith("sklearn.") else None


def _sklearn(sealed: Manifest, output: OutputFile, kind: str) -> Model:
    versions = {one.name.lower(): one.version for one in sealed.environment.distributions}
    file = "model.pkl"
    wanted = [name for name in ("scikit-learn", "numpy", "scipy", "pandas") if name in versions]
    flavors = {
        "python_function": {
            "env": {"virtualenv": "python_env.yaml"},
            "loader_module": "mlflow.sklearn",
            "model_path": file,
            "predict_fn": "predict",
            "python_version": str(sealed.environment.python.get("version") or ""),
        },
        "sklearn": {
            "code": None,
            "pickled_model": file,
            "serialization_format": "pickle",
            "sklearn_version": versions.get("scikit-learn", ""),
        },
    }
    return Model(output, kind, flavors, [f"{name}=={versions[name]}" for name in wanted])


def write_model(model: Model, source: Path, folder: Path, about: dict[str, Any]) -> None:
    """Write MLflow's folder of a model: the recorded file, and what is said of it.

    Args:
        source: where its bytes are.
        folder: an empty one.
        about: run, model id and time for the ``MLmodel`` file.
    """
    shutil.copyfile(source, folder / "model.pkl")
    told = {
        **about,
        "flavors": model.flavors,
        "metadata": {"reenact": {"path": model.output.path, "digest": model.output.digest, "class": model.kind}},
    }
    # JSON is YAML, too.
    (folder / "MLmodel").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in model.requirements))
    python = model.flavors["python_function"]["python_version"]
    (folder / "python_env.yaml").write_text(
        json.dumps({"python": python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}) + "\n"
    )


def log_models(tracker: Tracker, store: Store, sealed: Manifest, mlflow: str) -> None:
    """Log the models of a run; those that are there already stay.

    Raises:
        ReenactError: as `Tracker.ask`.
    """
    found = list(models(store, sealed))
    if not found:
        return
    experiment = tracker.ask(lambda client: client.get_run(mlflow)).info.experiment_id
    there = {one.tags.get(_PATH): one for one in _logged(tracker, experiment, sealed.run)}
    for model in found:
        one = there.get(text(model.output.path, 500))
        if one is None or one.status.name != _READY:
            _log(tracker, store, sealed, mlflow, experiment, model, one)


def _logged(tracker: Tracker, experiment: str, run: str) -> list[Any]:
    where = f"tags.`{RUN}` = '{run}'"
    try:
        return list(tracker.ask(lambda client: client.search_logged_models([experiment], filter_string=where)))
    except ReenactError as error:
        if error.slug == "mlflow-failed":
            return []  # a server of MLflow 2 knows no such thing; below it is an artifact then
        raise


def _log(
    tracker: Tracker, store: Store, sealed: Manifest, mlflow: str, experiment: str, model: Model, one: Any
) -> None:
    from mlflow.entities import LoggedModelOutput

    source = store.blobs.path(model.output.digest)
    name = _name(model.output.path)
    tags = {RUN: sealed.run, _PATH: text(model.output.path, 500), "reenact.digest": model.output.digest}
    params = {key[:250]: text(value, LONGEST_PARAM // 24) for key, value in list(sealed.params.items())[:50]}
    with tempfile.TemporaryDirectory(prefix="reenact-mlflow-") as place:
        folder = Path(place)
        try:
            if one is None:
                one = tracker.ask(
                    lambda client: client.create_logged_model(experiment, name, mlflow, tags, params, "reenact")
                )
        except ReenactError as error:
            if error.slug != "mlflow-failed":
                raise
            write_model(model, source, folder, {"run_id": mlflow, "artifact_path": name})
            tracker.ask(lambda client: client.log_artifacts(mlflow, str(folder), name))
            return
        about = {"run_id": mlflow, "model_id": one.model_id, "artifact_path": one.artifact_location, "name": name}
        write_model(model, source, folder, about)
        tracker.ask(lambda client: client.log_model_artifacts(one.model_id, str(folder)))
        step = max((trace.steps for trace in sealed.traces), default=0)
        tracker.ask(lambda client: client.log_outputs(mlflow, [LoggedModelOutput(one.model_id, step)]))
        tracker.ask(lambda client: client.finalize_logged_model(one.model_id, _READY))


def _name(path: str) -> str:
    stem = os.path.splitext(os.path.basename(path))[0]
    return "".join("_" if sign in "/:.%\"'" else sign for sign in stem) or "model"
