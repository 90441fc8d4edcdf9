"""``reenact diff``: why two runs differ."""

from __future__ import annotations

import json
import os
import sys

import click


@click.command(name="diff", short_help="Say why two runs differ.")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option(
    "--tolerance", type=float, metavar="REL", help="Compare numbers by value, within this relative difference."
)
@click.option("--ignore", multiple=True, metavar="PATTERN", help="Outputs not to compare; may be given several times.")
@click.option(
    "--closer/--no-closer",
    default=None,
    help="Replay both runs to name an event that was not sampled (by default where that takes under a minute).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    a: str, b: str, tolerance: float | None, ignore: tuple[str, ...], closer: bool | None, as_json: bool
) -> int:
    """Say why run A and run B differ: what went in, the first event that differs, the causes, the outputs.

    A and B are ids, beginnings of ids, names, `last`, `last~1`.
    """
    from ..replay.compare import Tolerance
    from ..replay.diff import diff
    from ..report.progress import VerifyProgress
    from ..store.project import Store
    from ..store.refs import resolve

    store = Store.open(os.getcwd())
    with VerifyProgress(sys.stderr) as progress:
        found = diff(
            store,
            resolve(store, a),
            resolve(store, b),
            tolerance=Tolerance(tolerance) if tolerance is not None else None,
            ignore=ignore,
            closer=closer,
            progress=progress,
        )
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        from ..report.diff import render_diff

        render_diff(found, sys.stdout)
    return 0
