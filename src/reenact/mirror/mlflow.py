"""Runs in MLflow: params, metrics, tags, outputs; written by MLflow's own client, in a process that the training knows nothing of."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from ..errors import EXIT_MISSING, ReenactError
from ..record import layout
from ..record.schema import Manifest, Start, load_manifest, load_start
from ..record.series import Follower
from ..record.verdicts import read_verdicts
from ..store.project import Store

RUN = "reenact.run"
"""Tag of a run of MLflow's: the run that it is a copy of."""

DONE = "reenact.mirrored"
"""Tag of one that is whole: the result of the run."""

VERDICT = "reenact.verdict"
"""Tag: the last verdict on the run."""

METRICS_AT_ONCE = 1000
PARAMS_AT_ONCE = 100
LONGEST_VALUE = 6000
"""What MLflow takes in one request, and as the value of one param."""

_STATUS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
T = TypeVar("T")


@dataclass(frozen=True)
class Copied:
    """What became of one run: ``run`` is ours, ``mlflow`` its copy's id; ``fresh`` is false where nothing was to be done."""

    run: str
    mlflow: str
    fresh: bool
    points: int


class Mirror:
    """Copies of runs in one tracking server, or in its files.

    Args:
        store: whose runs.
        uri: as MLflow takes it; MLFLOW_TRACKING_URI when None, else a SQLite file in the store.

    Raises:
        ReenactError: ``no-mlflow`` (exit code 4).
    """

    def __init__(self, store: Store, uri: str | None = None) -> None:
        # Of this process alone, and before the import: a server that is down is told soon, and asked again later.
        for name, value in (("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1"), ("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")):
            os.environ.setdefault(name, value)
        os.environ.setdefault("MLFLOW_ENABLE_ASYNC_LOGGING", "false")
        try:
            from mlflow import MlflowClient
        except ImportError:
            raise ReenactError(
                "no-mlflow",
                "MLflow is not installed beside reenact",
                fix='pip install "reenact[mlflow]"',
                exit_code=EXIT_MISSING,
            ) from None
        self.uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{store.folder / 'mlflow.db'}"
        self._store = store
        self._client: Any = self._said(lambda: MlflowClient(self.uri, self.uri))

    def copy(self, run: str, *, artifacts: bool = True) -> Copied:
        """Copy a run as it stands; one that is whole there already is left alone, one that was cut short is made anew.

        Raises:
            ReenactError: ``no-tracking-server`` (exit code 4), or what MLflow says. Nothing is lost: it can be copied again.
        """
        return self._said(lambda: self._copy(run, artifacts))

    def _copy(self, run: str, artifacts: bool) -> Copied:
        folder = self._store.run_dir(run)
        start = load_start(folder / layout.START)
        sealed = load_manifest(folder / layout.MANIFEST) if (folder / layout.MANIFEST).exists() else None
        experiment = self._experiment(start.experiment or self._store.root.name)
        found = read_verdicts(folder)
        verdict = found[-1].verdict if found else ""
        there = self._find(experiment, run)
        if there is not None:
            if sealed is not None and there.data.tags.get(DONE) == sealed.result:
                if there.data.tags.get(VERDICT, "") != verdict:
                    self._client.set_tag(there.info.run_id, VERDICT, verdict)
                return Copied(run, there.info.run_id, False, 0)
            self._client.delete_run(there.info.run_id)
        copy = self._begin(experiment, run, start, sealed)
        points = self._metrics(copy, folder, _milliseconds(start.started))
        if sealed is not None:
            self._describe(copy, sealed, verdict)
            if artifacts:
                self._artifacts(copy, sealed)
            self._client.set_tag(copy, DONE, sealed.result)
            ended = _milliseconds(sealed.ended) if sealed.ended else None
            self._client.set_terminated(copy, _STATUS.get(sealed.status, "FAILED"), ended)
        return Copied(run, copy, True, points)

    def _begin(self, experiment: str, run: str, start: Start, sealed: Manifest | None) -> str:
        tags = {RUN: run, "mlflow.source.name": " ".join(start.argv)[:LONGEST_VALUE], "mlflow.user": start.user or ""}
        tags |= {f"tag.{tag}": "true" for tag in start.tags}
        if start.note:
            tags["mlflow.note.content"] = start.note
        if sealed is not None and sealed.trial_of is not None:
            sweep = self._find(experiment, sealed.trial_of.run)
            if sweep is not None:
                tags["mlflow.parentRunId"] = sweep.info.run_id
        made = self._client.create_run(experiment, _milliseconds(start.started), tags, start.name or run)
        return str(made.info.run_id)

    def _metrics(self, copy: str, folder: Path, began: int) -> int:
        from mlflow.entities import Metric

        follower = Follower(folder, None, self._store.folder / "cache" / "series")
        follower.poll()
        follower.finish()
        count = 0

        def points() -> Iterator[Any]:
            for name, series in follower.series().items():
                key = _key(name)
                for at, value in enumerate(series.values):
                    time = series.times[at] if series.times is not None else 0.0
                    when = began + int(1000 * time) if time == time else began
                    yield Metric(key, value, when, series.steps[at])

        for batch in _batches(points(), METRICS_AT_ONCE):
            self._client.log_batch(copy, metrics=batch)
            count += len(batch)
        return count

    def _describe(self, copy: str, sealed: Manifest, verdict: str) -> None:
        from mlflow.entities import Param, RunTag

        params = [Param(_key(name), _text(value)) for name, value in sealed.params.items()]
        for batch in _batches(iter(params), PARAMS_AT_ONCE):
            self._client.log_batch(copy, params=batch)
        told = {
            "reenact.recipe": sealed.recipe,
            "reenact.result": sealed.result,
            "reenact.complete": str(sealed.complete).lower(),
            "reenact.exit_code": str(sealed.exit_code),
            VERDICT: verdict,
            "mlflow.source.git.commit": (sealed.code.git.commit if sealed.code.git else None) or "",
        }
        told |= {f"reenact.input.{_key(file.path)}": file.digest for file in sealed.inputs[:50] if file.digest}
        self._client.log_batch(copy, tags=[RunTag(name, value) for name, value in told.items() if value])

    def _artifacts(self, copy: str, sealed: Manifest) -> None:
        folder = self._store.run_dir(sealed.run)
        for name in (layout.MANIFEST, layout.LOG, layout.PYLOCK):
            if (folder / name).exists():
                self._client.log_artifact(copy, str(folder / name), "reenact")
        for output in sealed.outputs:
            if not self._store.blobs.has(output.digest):
                continue
            inside = output.path if not os.path.isabs(output.path) else os.path.basename(output.path)
            with tempfile.TemporaryDirectory(prefix="reenact-mlflow-") as place:
                file = Path(place) / os.path.basename(inside)
                shutil.copyfile(self._store.blobs.path(output.digest), file)
                self._client.log_artifact(copy, str(file), os.path.join("outputs", os.path.dirname(inside)).rstrip("/"))

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        return str(found.experiment_id if found is not None else self._client.create_experiment(name))

    def _find(self, experiment: str, run: str) -> Any:
        found = self._client.search_runs([experiment], f"tags.`{RUN}` = '{run}'", max_results=1)
        return found[0] if found else None

    def _said(self, work: Callable[[], T]) -> T:
        """Do something with MLflow; what it raises becomes an error that a person can act on."""
        try:
            return work()
        except ReenactError:
            raise
        except Exception as error:
            text = " ".join(str(error).split())[:400]
            unreached = any(
                sign in text for sign in ("Max retries", "Connection", "timed out", "API request to", "resolve")
            )
            raise ReenactError(
                "no-tracking-server" if unreached else "mlflow-failed",
                f"MLflow at {self.uri} {'cannot be reached' if unreached else 'refuses'}: {type(error).__name__}: {text}",
                fix="start it, or name another with --uri; then type the same again: nothing is copied twice",
                exit_code=EXIT_MISSING if unreached else 1,
            ) from None


def _batches(items: Iterator[T], size: int) -> Iterator[Sequence[T]]:
    while batch := list(islice(items, size)):
        yield batch


def _key(name: str) -> str:
    """A name that MLflow takes: letters, digits, ``_-. :/``."""
    text = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "_-. :/") else "_" for sign in name)
    return text.strip("/")[:250] or "_"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() * 1000)
