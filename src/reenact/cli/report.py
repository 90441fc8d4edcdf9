"""``reenact report``: runs as one HTML file."""

from __future__ import annotations

import os
import sys

import click

from ..errors import ReenactError
from .compare import asked_metrics
from .opened import project, say


@click.command(name="report", short_help="Write runs as one HTML file.")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "-o", "--output", metavar="FILE", help="The file to write; `-` for stdout. report-RUN.html when not given."
)
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME", help="Draw only this metric; may be given several times."
)
def command(runs: tuple[str, ...], output: str | None, metrics: tuple[str, ...]) -> int:
    """Write one HTML file that needs no network: what the run was, its params, curves, images, outputs, log, environment, what the
    record knows that it missed, and the verdicts.

    Of several runs: what differs, their curves together; of two also the first step that differs, and the causes. A sweep means all of its trials.
    """
    from ..report.page.report import report
    from ..store.refs import expand, resolve

    with project(live=True) as (store, index):
        rows = expand(store, runs, index)
        if len(runs) == 1 and len(rows) > 1:
            found = index.row(resolve(store, runs[0], index))
            rows = [found, *rows] if found is not None else rows
        asked = asked_metrics(store, rows, metrics)
        text = report(store, rows, asked)
    if output == "-":
        sys.stdout.write(text)
        return 0
    target = output or f"report-{rows[0].id}{f'-and-{len(rows) - 1}' if len(rows) > 1 else ''}.html"
    data = text.encode("utf-8", "replace")
    try:
        with open(target, "wb") as file:
            file.write(data)
    except OSError as error:
        raise ReenactError(
            "not-written", f"cannot write {os.fspath(target)}: {error.strerror}", fix="-o FILE"
        ) from error
    from ..report.quantities import size

    say(f"wrote {target}, {size(len(data))}")
    return 0
