"""``reenact sweep``: the trials of a sweep, and going on with one that was cut short."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from .opened import project, say

if TYPE_CHECKING:
    from ..replay.resume import Sweep


@click.group(name="sweep", short_help="Show a sweep, or go on with one that was cut short.")
def command() -> None:
    """A sweep is a run that executes many jobs, such as a multirun of Hydra's. Each job is a run of its own: a trial."""


@command.command(name="show")
@click.argument("run", metavar="RUN", default="last")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def show(run: str, as_json: bool) -> int:
    """The trials of RUN, a sweep: what each was given and how it ended, those that are missing too."""
    from ..record.sofar import TrialSoFar
    from ..record.status import run_status
    from ..replay.resume import continued_by, sweep_of, sweep_so_far
    from ..report.console import console
    from ..report.sweep import trials_table
    from ..store.refs import resolve

    with project() as (store, index):
        found, sweep = resolve(store, run, index), None
        later = continued_by(index, found)
        if run_status(store.run_dir(found)).status == "running":
            trials: Sequence[Any] = sweep_so_far(store, found)
        else:
            sweep = sweep_of(store, found)
            trials = sweep.trials
        rows: dict[str, Any] = {row.id: row for row in index.rows(ids=[trial.run for trial in trials if trial.run])}
    rows.update({trial.run: trial for trial in trials if isinstance(trial, TrialSoFar) and trial.run})
    if as_json:
        from ..record.canonical import canonical_json

        sys.stdout.write(canonical_json([_plain(trial, rows) for trial in trials]).decode() + "\n")
        return 0
    out = console(sys.stdout)
    out.print(trials_table(trials, rows, out.width))
    if later:
        say(f"it was gone on with as {later}: see `reenact sweep show {later}`")
    elif sweep is not None and sweep.missing:
        say(f"{_told(sweep.missing)}; go on with `reenact sweep resume {sweep.manifest.run}`")
    return 0


@command.command(name="resume")
@click.argument("run", metavar="RUN", default="last")
@click.option("--failed", is_flag=True, help="Execute the trials again that failed.")
@click.option("--json", "as_json", is_flag=True, help="End stdout with one JSON line about the run.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
def resume(run: str, failed: bool, as_json: bool, quiet: bool) -> int:
    """Go on with RUN, a sweep that was cut short: the trials that are missing, and no others.

    Code and configs are those of the record, whatever was edited since; folders and random choices of the sweep are the same. The
    new trials are of a run of their own, which says what it goes on with.
    """
    from ..replay.resume import continued_by, resuming, sweep_of
    from ..store.refs import resolve
    from . import mirroring
    from .run import record

    with project() as (store, index):
        found = resolve(store, run, index)
        later = continued_by(index, found)
        sweep = sweep_of(store, later or found)
    if later and not quiet:
        say(f"{found} was gone on with already, as {later}: that is gone on with")
    again = dict(sweep.done)
    if not failed:
        again.update({str(trial.job): trial.returned for trial in sweep.failed})
    todo = sweep.missing + (sweep.failed if failed else [])
    if not todo and sweep.manifest.status == "finished":
        say(_nothing(sweep))
        return 0
    if not quiet:
        say(f"{_told(todo)}" if todo else "no trial is known to be missing: the sweep goes on where it was cut short")
    with resuming(store, sweep, again, _Said(quiet)) as request:
        return record(store, request, quiet, as_json, settings=mirroring.wanted(store, None))


class _Said:
    """Progress of what is done before the sweep starts."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet

    def message(self, text: str) -> None:
        if not self._quiet:
            say(text)

    def update(self, equal: int, total: int, elapsed: float, baseline_seconds: float | None) -> None:
        pass


def _told(trials: list[Any]) -> str:
    shown = ", ".join(f"{trial.job} ({' '.join(trial.overrides)})" for trial in trials[:4])
    more = f", and {len(trials) - 4} more" if len(trials) > 4 else ""
    return f"{len(trials)} trial{'s' * (len(trials) != 1)} to do: {shown}{more}"


def _nothing(sweep: Sweep) -> str:
    text = f"nothing to do: all {len(sweep.trials)} trials have ended"
    return text + (f"; {len(sweep.failed)} failed (--failed executes them again)" if sweep.failed else "")


def _plain(trial: Any, rows: Mapping[str, Any]) -> dict[str, Any]:
    row = rows.get(trial.run or "")
    return {
        "job": trial.job,
        "run": trial.run,
        "status": trial.status,
        "overrides": trial.overrides,
        "returned": trial.returned,
        "params": row.params if row else {},
        "metrics": row.metrics if row else {},
    }
