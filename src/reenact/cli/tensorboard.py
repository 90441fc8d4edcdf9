"""``reenact tensorboard``: TensorBoard on live and finished runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import click

from ..errors import ReenactError
from .opened import project, say

_PAUSE = 1.0


@click.command(name="tensorboard", short_help="Look at runs in TensorBoard.")
@click.argument("runs", metavar="[RUN...]", nargs=-1)
@click.option("--port", type=click.IntRange(1, 65535), default=6006, show_default=True, help="Port of the page.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that it is served on.")
@click.option(
    "--last", "count", type=click.IntRange(1), default=50, show_default=True, help="So many runs, if none is named."
)
@click.option("--write", metavar="DIR", help="Write the event files to DIR, and start nothing.")
def command(runs: tuple[str, ...], port: int, host: str, count: int, write: str | None) -> int:
    """Start TensorBoard on RUNs, or on the last ones. Runs that go on are followed. Ctrl-C ends it."""
    from pathlib import Path

    from ..mirror import tensorboard as mirror
    from ..mirror.ports import refuse_taken
    from ..mirror.serving import end, terminated
    from ..store.refs import resolve

    mirror.need_tensorboard()
    with project() as (store, index):
        if runs:
            ids = [resolve(store, run, index) for run in runs]
        else:
            ids = [row.id for row in index.rows() if row.sweep is None or row.status != "missing"][:count]
        names = {row.id: row.name for row in index.rows(include_replays=True)}
    if not ids:
        raise ReenactError("no-runs", "there is no run to show", fix="record one with `reenact run COMMAND`")
    folder = Path(write) if write is not None else store.folder / "cache" / "tensorboard"
    board = mirror.Board(folder, store.folder / "cache" / "series")
    try:
        for run in ids:
            board.add(store.run_dir(run), names.get(run))
        points = board.update()
        if write is not None:
            say(f"{points} points of {len(ids)} {'run' if len(ids) == 1 else 'runs'} written to {folder}")
            return 0
        refuse_taken(host, port)
        words = mirror.command(sys.executable, folder, host, port)
        with terminated():
            # It has a data server, which ends with it.
            process = subprocess.Popen(words, env=mirror.environment(os.environ), start_new_session=True)
            try:
                say(f"http://{host}:{port}  (Ctrl-C ends it)")
                while process.poll() is None:
                    time.sleep(_PAUSE)
                    board.update()
                return process.returncode
            except KeyboardInterrupt:
                return 0
            finally:
                end(process)
    finally:
        board.close()
