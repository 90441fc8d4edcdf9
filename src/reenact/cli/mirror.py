"""``reenact mirror``: copies of runs in trackers."""

from __future__ import annotations

import click

from ..errors import ReenactError
from .opened import project, say


@click.group(name="mirror", short_help="Copy runs into a tracker.")
def command() -> None:
    """Copy runs into a tracker. One way: nothing is ever read back."""


@command.command(name="mlflow")
@click.argument("runs", metavar="[RUN...]", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All runs, the oldest first.")
@click.option("--uri", metavar="URI", help="The tracking server; MLFLOW_TRACKING_URI, else a SQLite file in the store.")
@click.option("--artifacts/--no-artifacts", default=True, help="With the outputs, the manifest and the log.")
def mlflow(runs: tuple[str, ...], every: bool, uri: str | None, artifacts: bool) -> int:
    """Copy RUNs into MLflow: params, metrics, tags, verdict, outputs; trials below their sweep. What is there already is not copied again."""
    from ..mirror.mlflow import Mirror
    from ..store.refs import resolve

    if not runs and not every:
        raise ReenactError("usage", "no run is named", fix="`reenact mirror mlflow last`, or --all")
    with project() as (store, index):
        ids = [resolve(store, run, index) for run in runs]
        if every:
            ids += [row.id for row in index.rows(sort="started")]
        mirror = Mirror(store, uri)
        done = []
        for run in dict.fromkeys(ids):
            done.append(mirror.copy(run, artifacts=artifacts))
            if done[-1].fresh:
                say(f"{run} is {done[-1].mlflow}, {done[-1].points} points")
    fresh = sum(one.fresh for one in done)
    say(
        f"{fresh} of {len(done)} runs copied to {mirror.uri}"
        + ("" if fresh == len(done) else "; the others were there")
    )
    return 0
