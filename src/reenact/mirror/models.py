"""Models that a run saved, as MLflow's models: an ``MLmodel`` file around the recorded files, which are never loaded here.

Loading executes what a file says, so it is left to whoever wants the model. `flavours` knows which files are models.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import ReenactError
from ..record.schema import Manifest
from ..store.project import Store
from .flavours import Model, models
from .names import LONGEST_PARAM, text
from .tracker import RUN, Tracker

_PATH = "reenact.path"
_READY = "READY"


def write_model(model: Model, store: Store, folder: Path, about: dict[str, Any]) -> None:
    """Write MLflow's folder of a model: the recorded files, and what is said of them.

    Args:
        store: has the content of the files.
        folder: an empty one.
        about: run, model id and time for the ``MLmodel`` file.
    """
    for place, digest in {**model.blobs, model.place: model.output.digest}.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(store.blobs.path(digest), folder / place)
    told = {
        **about,
        "flavors": model.flavors,
        "metadata": {"reenact": {"path": model.output.path, "digest": model.output.digest, "class": model.kind}},
    }
    python = {
        "python": model.flavors["python_function"]["python_version"],
        "build_dependencies": ["pip"],
        "dependencies": ["-r requirements.txt"],
    }
    texts = {
        **model.texts,
        # JSON is YAML, too.
        "MLmodel": json.dumps(told, indent=1) + "\n",
        "python_env.yaml": json.dumps(python) + "\n",
        "requirements.txt": "".join(f"{line}\n" for line in model.requirements),
    }
    for place, content in texts.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(content, encoding="utf-8")


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
    found: list[Any] = []
    token = None
    try:
        while True:
            page = tracker.ask(partial(_page, [experiment], where, token))
            found.extend(page)
            token = page.token
            if not token:
                return found
    except ReenactError as error:
        if error.slug == "mlflow-failed" and not found:
            return []  # a server of MLflow 2 knows no such thing; below it is an artifact then
        raise


def _page(experiments: list[str], where: str, token: str | None, client: Any) -> Any:
    return client.search_logged_models(experiments, filter_string=where, page_token=token)


def _log(
    tracker: Tracker, store: Store, sealed: Manifest, mlflow: str, experiment: str, model: Model, one: Any
) -> None:
    from mlflow.entities import LoggedModelOutput

    name = _name(model.name or model.output.path)
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
            write_model(model, store, folder, {"run_id": mlflow, "artifact_path": name})
            tracker.ask(lambda client: client.log_artifacts(mlflow, str(folder), name))
            return
        about = {"run_id": mlflow, "model_id": one.model_id, "artifact_path": one.artifact_location, "name": name}
        write_model(model, store, folder, about)
        tracker.ask(lambda client: client.log_model_artifacts(one.model_id, str(folder)))
        step = max((trace.steps for trace in sealed.traces), default=0)
        tracker.ask(lambda client: client.log_outputs(mlflow, [LoggedModelOutput(one.model_id, step)]))
        tracker.ask(lambda client: client.finalize_logged_model(one.model_id, _READY))


def _name(path: str) -> str:
    stem = os.path.splitext(os.path.basename(path))[0]
    return "".join("_" if sign in "/:.%\"'" else sign for sign in stem) or "model"
