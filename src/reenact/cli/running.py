"""``reenact ps``, ``stop``, ``wait`` and ``attach``: runs that go on, detached ones above all."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import click

from .opened import project, say

_PAUSE = 0.1


@click.command(name="ps", short_help="List the runs that are going on.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def ps(as_json: bool) -> int:
    """List the runs that are going on, newest first."""
    import json

    from ..report.console import console, print_lines
    from ..report.tables import runs_table

    with project() as (store, index):
        rows = index.rows("status = running", include_replays=True)
    if as_json:
        told = [{"id": row.id, "pid": _pid(store.run_dir(row.id)), "command": row.command} for row in rows]
        sys.stdout.write(json.dumps(told) + "\n")
    elif rows:
        out = console(sys.stdout)
        print_lines(out, runs_table(rows, out.width))
    else:
        say("no run is going on")
    return 0


@click.command(name="stop", short_help="End a run that is going on.")
@click.argument("run", metavar="RUN")
@click.option("--kill", is_flag=True, help="Kill it at once (SIGKILL).")
@click.option(
    "--grace", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Seconds that it has to end."
)
def stop(run: str, kill: bool, grace: float) -> int:
    """Send SIGTERM to RUN, and wait until it has ended and its record is sealed.

    A program that does not end by itself is left alone after the grace period: --kill ends it.
    """
    from ..errors import ReenactError
    from ..record import layout
    from ..record.container import engine_of, load_container
    from ..record.schema import load_process
    from ..record.status import process_alive, run_status

    folder = _folder(run)
    status = run_status(folder)
    if status.status != "running":
        raise ReenactError("not-running", f"{folder.name} is not running: {status.status}")
    if not status.host_known:
        raise ReenactError("elsewhere", f"{folder.name} runs {status.detail}", fix="stop it there")
    process = load_process(folder / layout.PROCESS)
    container = load_container(folder)
    number = signal.SIGKILL if kill else signal.SIGTERM
    if container is not None:
        engine_of(container).call("kill", "--signal", str(int(number)), container["id"], check=False)
    elif process is not None and process_alive(process.pid, process.start_ticks):
        _signal(process.pid, number)
    deadline = time.monotonic() + (grace if not kill else 30.0)
    while run_status(folder).status == "running" and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    if run_status(folder).status == "running":
        raise ReenactError(
            "still-running",
            f"{folder.name} has not ended after {grace:g} s",
            fix=f"reenact stop --kill {folder.name}",
            exit_code=1,
        )
    say(f"{folder.name} has ended, {_sealed(folder)[0]}")
    return 0


@click.command(name="wait", short_help="Wait until runs have ended.")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
def wait(runs: tuple[str, ...]) -> int:
    """Wait until every RUN has ended. The exit code is that of the last one named."""
    code = 0
    for run in runs:
        folder = _folder(run)
        _until_ended(folder)
        word, code = _sealed(folder)
        say(f"{folder.name} has ended, {word}")
    return code


@click.command(name="attach", short_help="Follow a run as if it had been started here.")
@click.argument("run", metavar="RUN")
def attach(run: str) -> int:
    """Print what RUN writes until it ends; the exit code is its own. Ctrl-C leaves it, and the run goes on."""
    from .inspect import follow

    folder = _folder(run)
    try:
        follow(folder)
    except KeyboardInterrupt:
        say(f"left; {folder.name} goes on")
        return 0
    return _sealed(folder)[1]


def _folder(run: str) -> Path:
    from ..store.refs import resolve

    with project() as (store, index):
        return store.run_dir(resolve(store, run, index))


def _pid(folder: Path) -> int | None:
    from ..record import layout
    from ..record.schema import load_process

    process = load_process(folder / layout.PROCESS)
    return process.pid if process is not None else None


def _signal(pid: int, number: int) -> None:
    """To the whole group where the command leads one, so that what it has started ends with it."""
    try:
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        pass


def _until_ended(folder: Path) -> None:
    from ..record.status import run_status

    while run_status(folder).status == "running":
        time.sleep(_PAUSE)


def _sealed(folder: Path) -> tuple[str, int]:
    """How a run ended, in words and as an exit code; seals it where nobody has."""
    from ..record import layout
    from ..record.schema import load_manifest

    with project() as (store, _):  # opening the index seals what nobody else does
        manifest = (
            store.seal(folder.name)
            if not (folder / layout.MANIFEST).exists()
            else load_manifest(folder / layout.MANIFEST)
        )
    code = manifest.exit_code
    return f"{manifest.status}, exit code {code if code is not None else 'unknown'}", 1 if code is None else code
