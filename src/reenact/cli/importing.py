"""``reenact import``: runs that something else recorded."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .opened import say

if TYPE_CHECKING:
    from ..exchange.own import Own
    from ..store.index import Index
    from ..store.project import Store

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of {run, from, id, fresh}.")
_FOLDER = click.argument("folder", metavar="DIR", type=click.Path(exists=True, path_type=Path))


@click.group(name="import", short_help="Import runs that something else recorded.")
def command() -> None:
    """Import runs that something else recorded, so that `ls`, `compare` and `export` show them beside the others.

    Each becomes a run of its own, with params, metrics, times and status; typing the same again imports nothing twice. Nobody watched
    them: they are marked as imported, and cannot be verified.
    """


@command.command(name="mlflow")
@click.argument("uri", metavar="[URI]", required=False)
@click.option(
    "--experiment", "experiments", multiple=True, metavar="NAME", help="Only this one; may be given several times."
)
@click.option("--artifacts", is_flag=True, help="With the artifacts of runs that have no more than 100 MB.")
@_JSON
def mlflow(uri: str | None, experiments: tuple[str, ...], artifacts: bool, as_json: bool) -> int:
    """Import the runs of a tracking server or database (MLFLOW_TRACKING_URI, or the project's settings). Copies of runs of this store are left out."""
    import os

    from ..exchange.mlflow import address, runs
    from ..mirror.settings import read_settings, shown, with_uri
    from ..store.index import Index

    store = _store()
    settings = read_settings(store.root)
    given = uri or os.environ.get("MLFLOW_TRACKING_URI")
    where = with_uri(settings, address(given) if given else None, store).uri or ""
    if uri is None:
        told_by = (
            "MLFLOW_TRACKING_URI" if given else "the project's settings" if settings.uri else "the store's own copies"
        )
        say(f"no URI is named: looking in {shown(where)} ({told_by})")
    told = []
    with Index(store) as index:
        for one in runs(store, where, experiments, artifacts):
            with one as foreign:
                told.append(_written(store, foreign, index))
    return _end(told, as_json)


@command.command(name="hydra-outputs")
@_FOLDER
@click.option("--artifacts", is_flag=True, help="With the files of runs that have no more than 100 MB.")
@_JSON
def hydra_outputs(folder: Path, artifacts: bool, as_json: bool) -> int:
    """Import what Hydra left below DIR: outputs/ and multirun/, with config, overrides, log and times. Not what runs of this store wrote."""
    from ..exchange.hydra_outputs import runs
    from ..exchange.own import Own

    own = Own(_store())
    return _all(runs(folder, own, artifacts), as_json, own)


@command.command(name="tensorboard")
@_FOLDER
@_JSON
def tensorboard(folder: Path, as_json: bool) -> int:
    """Import TensorBoard's event files below DIR: each folder of them is a run; its scalars, its hparams. Not those that runs of this store wrote."""
    from ..exchange.own import Own
    from ..exchange.tensorboard import runs

    own = Own(_store())
    return _all(runs(folder, own), as_json, own)


@command.command(name="wandb-offline")
@_FOLDER
@_JSON
def wandb_offline(folder: Path, as_json: bool) -> int:
    """Import W&B's offline runs below DIR: config, history, tags, exit code."""
    from ..exchange.wandb_offline import runs

    return _all(runs(folder), as_json)


@command.command(name="published")
@_FOLDER
@_JSON
def published(folder: Path, as_json: bool) -> int:
    """Read back the runs that `reenact publish` has written to DIR. Those that this store has stay as they are."""
    from ..exchange.published import read_back

    told = [{"run": run, "from": "published", "id": run, "fresh": fresh} for run, fresh in read_back(_store(), folder)]
    return _end(told, as_json)


def _store() -> Store:
    import os

    from ..store.project import Store

    return Store.open(os.getcwd(), create=True)


def _all(foreign: Iterable[Any], as_json: bool, own: Own | None = None) -> int:
    from ..report.quantities import count
    from ..store.index import Index

    store = _store()
    with Index(store) as index:
        told = [_written(store, one, index) for one in foreign]
    if own is not None and own.left_out:
        say(
            f"{count(own.left_out, 'folder')} left out: runs that are recorded here wrote {'it' if own.left_out == 1 else 'them'}"
        )
    return _end(told, as_json)


def _written(store: Store, foreign: Any, index: Index) -> dict[str, Any]:
    from ..exchange.writer import write

    run, fresh = write(store, foreign, index)
    if fresh:
        say(f"{run} is {foreign.name or foreign.id}")
    return {"run": run, "from": foreign.source, "id": foreign.id, "fresh": fresh}


def _end(told: list[dict[str, Any]], as_json: bool) -> int:
    fresh = sum(one["fresh"] for one in told)
    rest = len(told) - fresh
    say(f"{fresh} run{'s' * (fresh != 1)} imported" + (f"; {rest} had been imported before" if rest else ""))
    if as_json:
        sys.stdout.write(json.dumps(told) + "\n")
    return 0
