"""``reenact rm``, ``gc`` and ``du``: what runs take, and giving it back."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

import click

from .opened import project, say

if TYPE_CHECKING:
    from ..store.du import DuReport


@click.command(name="rm", short_help="Remove runs.")
@click.argument("runs", metavar="[RUN...]", nargs=-1)
@click.option("--where", metavar="QUERY", help="The runs that match, as of `reenact ls --where`.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def rm(runs: tuple[str, ...], where: str | None, yes: bool) -> int:
    """Remove the records of runs. What they stored stays until `reenact gc`; your own files are never touched."""
    from ..errors import ReenactError
    from ..record.status import run_status
    from ..report.quantities import count, size
    from ..store.checks import check_where
    from ..store.gc import gc
    from ..store.refs import resolve

    if bool(runs) == bool(where):
        raise ReenactError("usage", "name the runs to remove, or say which with --where", valid="one of them")
    with project() as (store, index):
        doomed = list(dict.fromkeys(resolve(store, run, index) for run in runs))
        if where:
            doomed = [row.id for row in index.rows(where)]
            check_where(where, index)
            if not doomed:
                say("no run matches")
                return 1
        rows = {row.id: row for row in index.rows(include_replays=True)}
        doomed += [row.id for row in rows.values() if row.sweep in doomed and row.id not in doomed]
    for run in doomed:
        status = run_status(store.run_dir(run))
        if status.status == "running" and status.host_known:
            raise ReenactError(
                "still-running", f"the run {run} is still running; nothing was removed", fix="stop it first"
            )
    for run in doomed:
        row = rows.get(run)
        say(f"{run}{f' ({row.name})' if row and row.name else ''}{f', {row.status}' if row else ''}")
        if row and row.status == "running":
            say(f"  it seems to run {row.detail}")
    replays = [row.id for row in rows.values() if row.replay_of in doomed and row.id not in doomed]
    if replays:
        say(f"replays of them stay: {', '.join(replays)}")
    if not yes and not _agreed(len(doomed)):
        say("nothing was removed")
        return 1
    for run in doomed:
        store.remove_run(run)
    waste = gc(store, dry_run=True)
    told = f"; {count(len(waste.blobs), 'blob')} ({size(waste.blob_bytes)}) can go now with `reenact gc`"
    say(f"removed {count(len(doomed), 'run')}{told if waste.blobs else ''}")
    return 0


@click.command(name="gc", short_help="Remove what no run needs any more.")
@click.option("--dry-run", is_flag=True, help="Only tell.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def collect(dry_run: bool, as_json: bool) -> int:
    """Remove blobs that no run needs, and what dead processes left lying about."""
    from ..replay.removal import remove_workspace
    from ..report.quantities import count, size
    from ..store.gc import gc

    with project() as (store, _):
        # Opening the index has sealed what was interrupted: an unsealed run holds on to everything newer than it.
        report = gc(store, dry_run, lambda folder: remove_workspace(str(folder)))
    if as_json:
        _print_json({"dry_run": dry_run, **dataclasses.asdict(report)})
        return 0
    word = "would remove" if dry_run else "removed"
    blobs = f"{count(len(report.blobs), 'blob')} ({size(report.blob_bytes)})"
    files = f"{count(len(report.files), 'leftover file or folder', 'leftover files and folders')}"
    sys.stdout.write(f"{word} {blobs} and {files}; {count(report.kept_blobs, 'blob')} kept\n")
    if report.blocked:
        say(f"no blob was removed: it cannot be read what these runs need: {', '.join(report.blocked)}")
    return 0


@click.command(name="du", short_help="Show how large runs are.")
@click.argument("run", metavar="[RUN]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def usage(run: str | None, as_json: bool) -> int:
    """Show bytes by kind, of RUN or of all runs: how much the text of a record would add to git, and the blobs beside it."""
    from ..store.du import copied, du, fit_for_git
    from ..store.refs import resolve

    with project() as (store, index):
        run_id = None if run is None else resolve(store, run, index)
        report = du(store, run_id)
        there = copied(store)
    if as_json:
        _print_json({"run": run_id, **dataclasses.asdict(report), "mlflow": there, "git": fit_for_git(report)})
        return 0
    _print_usage(report, run_id)
    _print_places(report, there)
    for one in report.unreadable:
        say(f"warning: {one}: its manifest cannot be read, so its blobs are not counted")
    return 0


def _agreed(many: int) -> bool:
    """The answer of the person at the terminal.

    Raises:
        ReenactError: ``not-asked`` when nobody is there.
    """
    from ..errors import ReenactError

    if sys.stdin is None or not sys.stdin.isatty():
        raise ReenactError("not-asked", "removing needs a yes, and there is no terminal to ask at", fix="give -y")
    sys.stderr.write(f"Remove {'this run' if many == 1 else f'these {many} runs'}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _print_usage(report: DuReport, run_id: str | None) -> None:
    from ..report.console import console
    from ..report.lines import Lines
    from ..report.quantities import count, size

    out = console(sys.stdout)
    lines = Lines(out.width)
    lines.add((run_id if run_id is not None else count(report.runs, "run"), "bold"))
    rows = [(kind, report.kinds[kind], "") for kind in report.kinds]
    rows.append(("record", report.record, "what a commit of it would add"))
    rows.append(("blobs", report.blobs_unique, "that only it needs" if run_id else "that one run needs"))
    rows.append(("", report.blobs_shared, "that other runs need, too" if run_id else "that several runs need"))
    if report.blobs_unused:
        rows.append(("", report.blobs_unused, "that no run needs (`reenact gc` removes them)"))
    lines.table([[kind, size(amount), told] for kind, amount, told in rows], indent=2, right=(1,))
    out.print(lines.text())


def _print_places(report: DuReport, there: dict[str, int] | None) -> None:
    """Where else it could lie, and what would be there."""
    from ..report.console import console
    from ..report.lines import Lines
    from ..report.quantities import size
    from ..store.du import fit_for_git

    out = console(sys.stdout)
    lines = Lines(out.width)
    git = fit_for_git(report)
    lines.field("git", f"{'fit' if git['fit'] else 'not fit'}: {git['why']}")
    if there is not None:
        lines.field(
            "MLflow",
            f"{size(there['database'])} of database and {size(there['artifacts'])} of files for {there['runs']} runs of this store: "
            "params, metrics, tags, files; not what a replay needs",
        )
    else:
        lines.field("MLflow", "nothing in the store's own database; docs/trackers.md tells what it would keep")
    out.print(lines.text())


def _print_json(data: dict[str, Any]) -> None:
    from ..record.canonical import canonical_json

    sys.stdout.write(canonical_json(data).decode() + "\n")
