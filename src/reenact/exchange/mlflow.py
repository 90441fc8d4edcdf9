"""Runs out of an MLflow tracking server, or its database."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import ReenactError
from ..mirror.settings import shown
from ..mirror.tracker import RUN, Tracker
from ..store.project import Store
from .writer import Foreign, Point, nothing, seconds

_SQLITE_HEAD = b"SQLite format 3\0"
LARGEST_ARTIFACTS = 100_000_000
"""Bytes of the artifacts of one run that are imported; of a run with more none are."""

_FORMS = "http://HOST:PORT, sqlite:///FILE, the FILE of a SQLite database, postgresql://…, a folder mlruns"
_FIX = "start it, or name another: `reenact import mlflow URI`; then type the same again: nothing is imported twice"
_STATUS = {"FINISHED": "finished", "FAILED": "failed"}


def address(uri: str) -> str:
    """The address that was typed; a file that is a SQLite database needs no ``sqlite:///``.

    Raises:
        ReenactError: ``bad-address``.
    """
    if "://" in uri or uri.startswith(("file:", "databricks", "uc:")) or os.path.isdir(uri):
        return uri
    try:
        with open(uri, "rb") as file:
            if file.read(len(_SQLITE_HEAD)) == _SQLITE_HEAD:
                return f"sqlite:///{os.path.abspath(uri)}"
        why = "the file is no SQLite database"
    except OSError:
        why = "there is no such file"
    host = re.fullmatch(r"[\w.-]+:\d+(/.*)?", uri)
    raise ReenactError(
        "bad-address",
        f"{uri!r} is no address of MLflow: {why}",
        valid=_FORMS,
        fix=f"`reenact import mlflow {f'http://{uri}' if host else 'sqlite:///FILE'}`",
    )


def runs(store: Store, uri: str, experiments: tuple[str, ...] = (), artifacts: bool = False) -> Iterator[Any]:
    """Each run as a context that gives its `Foreign`; copies of runs of this store are left out.

    Raises:
        ReenactError: as `Tracker.ask`; ``unknown-experiment``; ``nothing-to-import``.
    """
    if uri.startswith("sqlite:///") and not os.path.exists(uri[len("sqlite:///") :]):
        raise nothing("database of MLflow", uri, _FORMS)  # MLflow would make one
    tracker = Tracker(uri, store.folder, _FIX)
    every = tracker.ask(lambda client: _all(client.search_experiments))
    chosen = [one for one in every if not experiments or one.name in experiments or one.experiment_id in experiments]
    chosen.sort(key=lambda one: (one.creation_time or 0, one.experiment_id))
    missing = set(experiments) - {one.name for one in chosen} - {one.experiment_id for one in chosen}
    if missing:
        raise ReenactError(
            "unknown-experiment",
            f"there is no experiment {sorted(missing)[0]!r} in {shown(uri)}",
            valid=", ".join(sorted(one.name for one in every)),
        )
    for experiment in chosen:

        def search(page_token: Any, id: str = experiment.experiment_id) -> Any:
            return tracker.ask(lambda client: client.search_runs([id], page_token=page_token, max_results=500))

        for run in _all(search):
            own = run.data.tags.get(RUN)
            if own is not None and store.run_dir(own).exists():
                continue
            yield _described(tracker, uri, experiment.name, run, artifacts)


@contextmanager
def _described(tracker: Tracker, uri: str, experiment: str, run: Any, artifacts: bool) -> Iterator[Foreign]:
    info, tags = run.info, run.data.tags
    began = info.start_time or 0
    with tempfile.TemporaryDirectory(prefix="reenact-import-") as place:
        foreign = Foreign(
            source="mlflow",
            id=info.run_id,
            place=shown(uri),
            started=seconds(began),
            ended=seconds(info.end_time) if info.end_time else None,
            status=_STATUS.get(info.status, "interrupted"),
            name=info.run_name or None,
            experiment=experiment,
            tags=[_tag(name, value) for name, value in tags.items() if not name.startswith(("mlflow.", "reenact."))],
            note=tags.get("mlflow.note.content"),
            params={_name(tags, "param", key): value for key, value in run.data.params.items()},
            points=_points(tracker, run, began),
            argv=[word for word in [tags.get("mlflow.source.name")] if word],
            user=tags.get("mlflow.user"),
            more={
                "parent": tags.get("mlflow.parentRunId"),
                "commit": tags.get("mlflow.source.git.commit"),
                "datasets": [
                    {"name": one.dataset.name, "digest": one.dataset.digest} for one in run.inputs.dataset_inputs
                ],
            },
        )
        if artifacts:
            foreign.files = _artifacts(tracker, info.run_id, Path(place))
        yield foreign


def _points(tracker: Tracker, run: Any, began: int) -> Iterator[Point]:
    for key in run.data.metrics:
        name = _name(run.data.tags, "metric", key)
        history = tracker.ask(lambda client, key=key: client.get_metric_history(run.info.run_id, key))  # type: ignore[misc]
        for one in sorted(history, key=lambda one: one.timestamp):
            yield Point(name, one.step, one.value, (one.timestamp - began) / 1000)


def _artifacts(tracker: Tracker, mlflow: str, folder: Path) -> list[tuple[str, Path]]:
    """The files of a run, when they are not too large together."""
    total, waiting, paths = 0, [""], []
    while waiting:
        inside = waiting.pop()
        for one in tracker.ask(lambda client, inside=inside: client.list_artifacts(mlflow, inside or None)):  # type: ignore[misc]
            if one.is_dir:
                waiting.append(one.path)
            else:
                total += one.file_size or 0
                paths.append(one.path)
    if total > LARGEST_ARTIFACTS:
        return []
    found = []
    for path in sorted(paths):
        got = tracker.ask(lambda client, path=path: client.download_artifacts(mlflow, path, str(folder)))  # type: ignore[misc]
        found.append((os.path.join("mlflow-artifacts", mlflow, path), Path(got)))
    return found


def _name(tags: dict[str, str], kind: str, key: str) -> str:
    """The name that a key stands for, where a mirror had to change it."""
    return tags.get(f"reenact.{kind}.{key[-230:]}", key)


def _tag(name: str, value: str) -> str:
    name = name.removeprefix("tag.")
    return name if value in ("true", "") else f"{name}={value}"


def _all(search: Any) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = search(page_token=token)
        found += page
        token = page.token
        if not token:
            return found
