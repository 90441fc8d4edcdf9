"""``reenact mirror``: copies of runs in trackers."""

from __future__ import annotations

import json
import sys

import click

from ..errors import ReenactError
from .opened import project, say


@click.group(name="mirror", short_help="Copy runs into a tracker.")
def command() -> None:
    """Copy runs into a tracker. One way: nothing is ever read back; `reenact import` is the other way."""


@command.command(name="mlflow")
@click.argument("runs", metavar="[RUN...]", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All runs, the oldest first.")
@click.option(
    "--uri",
    metavar="URI",
    help="The tracking server; MLFLOW_TRACKING_URI, else the project's settings, else a SQLite file in the store.",
)
@click.option("--experiment", metavar="NAME", help="Experiment for runs that name none, instead of the project's name.")
@click.option(
    "--artifacts/--no-artifacts",
    default=None,
    help="With the outputs, the manifest and the log (which is the default).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of {run, mlflow, fresh, points, error}.")
def mlflow(
    runs: tuple[str, ...], every: bool, uri: str | None, experiment: str | None, artifacts: bool | None, as_json: bool
) -> int:
    """Copy RUNs into MLflow: params, metrics, tags, verdict, inputs, outputs, models; trials below their sweep.

    What is there already is not copied again, and what was cut short is gone on with. A run that goes on is copied as far as it is.
    """
    from dataclasses import asdict, replace

    from ..mirror.mlflow import Mirror, trials_of
    from ..mirror.settings import read_settings, shown, with_uri
    from ..store.refs import resolve
    from .mirroring import EXTRAS

    if not runs and not every:
        raise ReenactError("usage", "no run is named", fix="`reenact mirror mlflow last`, or --all")
    with project() as (store, index):
        ids = [resolve(store, run, index) for run in runs]
        ids += [trial for run in ids for trial in trials_of(store, run)]
        if every:
            ids += [row.id for row in index.rows(sort="started") if row.status != "missing"]
            # A sweep comes before its trials, whatever the order of their times.
            ids.sort(key=lambda run: (run.partition(".")[0], "." in run, len(run), run))
        ids = list(dict.fromkeys(ids))
        settings = with_uri(read_settings(store.root), uri, store)
        if experiment is not None:
            settings = replace(settings, experiment=experiment)
        if artifacts is not None:
            settings = replace(settings, artifacts=artifacts)
        mirror = Mirror(store, settings, EXTRAS)
        told = []
        failed: list[ReenactError] = []
        for number, run in enumerate(ids, start=1):
            try:
                done = mirror.copy(run)
            except ReenactError as error:
                if (
                    error.slug not in ("mlflow-failed", "being-mirrored", "corrupt-manifest", "corrupt-start")
                    or len(ids) == 1
                ):
                    raise
                # One that cannot be copied does not keep the others from it.
                failed.append(error)
                say(f"{run}: {error.what}")
                told.append({"run": run, "mlflow": None, "fresh": False, "points": 0, "error": error.what})
                continue
            told.append({**asdict(done), "error": None})
            if done.fresh:
                count = f"{number}/{len(ids)} " if len(ids) > 1 else ""
                say(f"{count}{run} is {done.mlflow}, {done.points} points")
    if as_json:
        sys.stdout.write(json.dumps(told) + "\n")
    fresh = sum(bool(one["fresh"]) for one in told)
    there = len(told) - fresh - len(failed)
    say(
        f"{fresh} of {len(told)} runs copied to {shown(mirror.uri)}"
        + ("; the others were there" if there == len(told) - fresh and there else "")
    )
    return failed[0].exit_code if failed else 0
