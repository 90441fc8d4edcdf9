"""``reenact publish``: runs as text for git."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from .opened import project, say

_LARGE = 50_000_000


@click.command(name="publish", short_help="Write runs as small text for git.")
@click.argument("runs", metavar="[RUN...]", nargs=-1)
@click.option(
    "--git",
    "folder",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder to write, to be committed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: {runs, there, bytes}.")
def command(runs: tuple[str, ...], folder: Path, as_json: bool) -> int:
    """Write the text of RUNs (of all that have ended) into DIR: record, metrics, end of the log, lock, config, and a README.md with a table.

    Contents (code, data, weights) are not in it, nor are the shell's variables but for those that the program looked up. The same runs give
    the same bytes.
    """
    from ..exchange.published import publish, refuse_odd
    from ..report.quantities import count, size
    from ..store.refs import resolve

    refuse_odd(folder)
    with project() as (store, index):
        if runs:
            ids = [resolve(store, run, index) for run in runs]
        else:
            ids = [row.id for row in index.rows(sort="started") if row.status in ("finished", "failed", "interrupted")]
        found = publish(store, list(dict.fromkeys(ids)), folder)
    if as_json:
        sys.stdout.write(json.dumps({"runs": found.runs, "there": found.there, "bytes": found.size}) + "\n")
    say(f"{count(len(found.runs), 'run')} written; {folder} has {count(found.there, 'run')}, {size(found.size)}")
    if found.size > _LARGE:
        say("that is much for git: name the runs that matter")
    return 0
