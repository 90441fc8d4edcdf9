"""MLflow's own client, in a process that no training knows of: what it says becomes errors that a person, or a second try, can deal with."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from ..errors import EXIT_MISSING, ReenactError
from ..record.atomic import exclusive
from .settings import shown
from .stamps import Kept, kept_value

METRICS_AT_ONCE = 1000
PARAMS_AT_ONCE = 100
BYTES_AT_ONCE = 500_000
"""What MLflow takes in one request."""

RUN = "reenact.run"
"""Tag of a run of MLflow's: the run that it is a copy of."""

_QUIET = {
    # Second tries are ours: those of the client would hold everything up, and a second `create` makes a second run.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "PGCONNECT_TIMEOUT": "15",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
_KIND = {"mlflow.experimentKind": "custom_model_development"}
"""MLflow's pages then show what trainings have, not what conversations have."""

_PASSING = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED")
_UNREACHED = (
    "max retries",
    "connection",
    "timed out",
    "api request to",
    "could not translate host",
    "database is locked",
    "resolve",
)
_FIX = "start it, or name another with --uri; then type the same again: nothing is copied twice"
T = TypeVar("T")


def need_mlflow() -> None:
    """Say what to install where MLflow is missing.

    Raises:
        ReenactError: ``no-mlflow`` (exit code 4).
    """
    from importlib.util import find_spec

    found = find_spec("mlflow")
    if found is None or found.origin is None:  # a folder of that name is no package
        raise ReenactError(
            "no-mlflow",
            "MLflow is not installed beside reenact",
            fix='pip install "reenact[mlflow]"',
            exit_code=EXIT_MISSING,
        )


class Tracker:
    """One tracking server, or database.

    Args:
        uri: as MLflow takes it, absolute.
        folder: the store: a database in it keeps its artifacts in it, too.
        fix: what to do where it refuses or cannot be reached.

    Raises:
        ReenactError: ``no-mlflow`` (exit code 4).
    """

    def __init__(self, uri: str, folder: Path, fix: str = _FIX) -> None:
        need_mlflow()
        self._fix = fix
        self.uri = uri
        self._folder = folder
        self._client: Any = None
        self._own = uri.startswith("sqlite:///") and Path(uri[len("sqlite:///") :]).parent == folder

    def ask(self, work: Callable[[Any], T]) -> T:
        """Do something with MLflow's client.

        Raises:
            ReenactError: ``no-tracking-server`` (exit code 4) where it may go better the next time, ``mlflow-failed`` where it will not.
        """
        try:
            return work(self._connected())
        except ReenactError:
            raise
        except Exception as error:
            raise self._error(error) from error

    def experiment(self, name: str) -> str:
        """The id of an experiment, which is made where there is none."""
        name = name.encode("utf-8", "backslashreplace").decode().replace("\0", "")[:500].strip() or "Default"

        def work(client: Any) -> str:
            found = client.get_experiment_by_name(name)
            if found is None:
                place = (self._folder / "mlflow-artifacts").as_uri() if self._own else None
                try:
                    return str(client.create_experiment(name, place, _KIND))
                except Exception:
                    # Somebody else may have made it meanwhile.
                    found = client.get_experiment_by_name(name)
                    if found is None:
                        raise
            if found.lifecycle_stage != "active":
                raise ReenactError(
                    "experiment-deleted",
                    f"the experiment {name!r} is in the trash of MLflow at {shown(self.uri)}",
                    fix=f"mlflow experiments restore -x {found.experiment_id}, or name another experiment",
                    exit_code=1,
                )
            return str(found.experiment_id)

        return self.ask(work)

    def find(self, run: str, experiment: str) -> list[Any]:
        """The copies of a run in an experiment, the first made first; one as a rule."""
        where = f"tags.`{RUN}` = '{run}'"
        found = self.ask(lambda client: client.search_runs([experiment], where, max_results=10))
        return sorted(found, key=lambda one: (one.info.start_time or 0, one.info.run_id))

    def get(self, mlflow: str, run: str) -> Any | None:
        """A copy by its id; None when it is no longer there."""

        def work(client: Any) -> Any | None:
            from mlflow.exceptions import MlflowException

            try:
                found = client.get_run(mlflow)
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise
            return found if found.info.lifecycle_stage == "active" and found.data.tags.get(RUN) == run else None

        return self.ask(work)

    def history(self, mlflow: str, key: str) -> Counter[Kept]:
        """The points of a metric that have arrived."""
        points = self.ask(lambda client: client.get_metric_history(mlflow, key))
        return Counter((one.timestamp, one.step, kept_value(one.value)) for one in points)

    def _connected(self) -> Any:
        if self._client is None:
            for name, value in _QUIET.items():
                os.environ.setdefault(name, value)
            for name in ("mlflow", "alembic"):
                logging.getLogger(name).setLevel(logging.ERROR)
            from mlflow import MlflowClient
            from mlflow.store.db import utils

            if hasattr(utils, "MAX_RETRY_COUNT"):
                utils.MAX_RETRY_COUNT = 2  # a database that is down is told soon, and asked again later
            for name in ("mlflow", "alembic"):
                logging.getLogger(name).setLevel(logging.ERROR)
            if self.uri.startswith("sqlite:"):
                # Two that make its tables at once would get in each other's way.
                with exclusive(self._folder / "cache" / "mlflow.lock"):
                    client = MlflowClient(self.uri, self.uri)
                    client.search_experiments(max_results=1)
            else:
                client = MlflowClient(self.uri, self.uri)
            self._client = client
        return self._client

    def _error(self, error: Exception) -> ReenactError:
        words = " ".join(str(error).split())
        words = words.replace(self.uri, shown(self.uri))
        code = getattr(error, "error_code", None)
        passing = code in _PASSING or code is None or any(sign in words.lower() for sign in _UNREACHED)
        if any(
            sign in words
            for sign in (
                "file is not a database",
                "registered tracking store",
                "No module named",
                "malformed",
                "Can't locate revision",
            )
        ):
            passing = False
        if isinstance(error, (ImportError, TypeError, ValueError, AttributeError)):
            passing = False
        # What a client says of a connection is long, and ends with what happened.
        cause = words.rpartition("Caused by ")[2].strip("() ")
        words = (cause if passing else words)[:300]
        return ReenactError(
            "no-tracking-server" if passing else "mlflow-failed",
            f"MLflow at {shown(self.uri)} {'cannot be reached' if passing else 'refuses'}: {type(error).__name__}: {words}",
            fix=self._fix if not isinstance(error, ModuleNotFoundError) else f"pip install {error.name}",
            exit_code=EXIT_MISSING if passing else 1,
        )


def batches(items: Iterator[T], size: int) -> Iterator[Sequence[T]]:
    """A few at a time."""
    while batch := list(islice(items, size)):
        yield batch


def by_bytes(items: Iterator[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """As many at a time as one request of params or tags may hold."""
    batch: list[T] = []
    total = 0
    for item in items:
        more = size(item)
        if batch and (len(batch) == PARAMS_AT_ONCE or total + more > BYTES_AT_ONCE):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += more
    if batch:
        yield batch
