"""``reenact compare``: runs side by side, and their curves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from .opened import project, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..record.series import Series
    from ..report.curves import Curve
    from ..store.index import RunRow
    from ..store.project import Store

KEYS = ("id", "name", "experiment", "tags", "status", "exit_code", "started", "duration", "complete", "verdicts")
"""Keys of each run in ``compare --json``."""

_DRAWN = 2
_PLOTTED = 12
_IN_TERMINAL = 800
_IN_FILE = 1500


@click.command(name="compare", short_help="Show runs side by side, with their curves.")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be given several times."
)
@click.option("--all", "everything", is_flag=True, help="Also params that do not differ, and all metrics.")
@click.option("--log", is_flag=True, help="A logarithmic scale of values.")
@click.option("--plot", metavar="FILE", help="Write the curves to FILE: .svg, .html, or .png (needs reenact[plot]).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    runs: tuple[str, ...], metrics: tuple[str, ...], everything: bool, log: bool, plot: str | None, as_json: bool
) -> int:
    """Show runs side by side: params that differ, metrics (the last value and the best), status, and curves.

    A sweep means all of its trials. The best is the smallest where the name says loss, error or perplexity, the largest where it
    says accuracy, score, F1 and the like.
    """
    from ..report.plots import check_target
    from ..store.refs import expand

    target = check_target(plot) if plot else None
    with project(live=True) as (store, index):
        rows = expand(store, runs, index)
        asked = asked_metrics(store, rows, metrics)
        rows = [_filled(store, row, asked) for row in rows]
    if as_json:
        _print_json(store, rows, asked, everything)
    else:
        _print(store, rows, asked, everything, log, draw=target is None)
    if target is not None:
        _plot(store, rows, asked, log, target)
    return 0


def _print(store: Store, rows: list[RunRow], asked: list[str], everything: bool, log: bool, draw: bool) -> None:
    from rich.text import Text

    from ..report.compare import compare_text
    from ..report.console import console
    from ..report.curves import chart, legend

    out = console(sys.stdout)
    out.print(compare_text(rows, out.width, metrics=asked, everything=everything))
    if not draw:
        return
    color = out.color_system is not None and not out.no_color
    ascii_only = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "") != "utf8"
    for name in asked or _telling(rows, _DRAWN):
        curves = _curves(store, rows, name, _IN_TERMINAL)
        if not curves:
            continue
        out.print(Text())
        out.print(chart(name, curves, out.width, log=log, color=color, ascii_only=ascii_only))
        if len(rows) > 1:
            out.print(legend(curves, out.width, color))


def _plot(store: Store, rows: list[RunRow], asked: list[str], log: bool, target: Path) -> None:
    from ..errors import ReenactError
    from ..report.plots import write_plot

    names = asked or _telling(rows, _PLOTTED, others=True)
    panels = [(name, curves) for name in names if (curves := _curves(store, rows, name, _IN_FILE))]
    if not panels:
        raise ReenactError("nothing-to-plot", "none of these runs has a metric with more than one point")
    write_plot(target, panels, log=log)
    say(f"wrote {target}")


def _curves(store: Store, rows: list[RunRow], name: str, points: int) -> list[Curve]:
    from ..record.series import overview
    from ..report.compare import run_marks
    from ..report.curves import Curve

    found = []
    for place, (mark, row) in enumerate(zip(run_marks(len(rows)), rows)):
        series = overview(store.run_dir(row.id), name, points, store.series_folder)
        if series is not None and len(series):
            found.append(Curve(mark, series, row.name or row.id, place=place))
    return found


def _series(store: Store, run: str, name: str) -> Series | None:
    from ..record.series import read

    return read(store.run_dir(run), [name], store.series_folder).get(name)


def _telling(rows: list[RunRow], most: int, others: bool = False) -> list[str]:
    """The metrics to draw when none was asked for: those with curves, and of these those of which less or more is better."""
    from ..record.better import direction
    from ..report.compare import ASIDE, metric_names

    names = [
        name for name in metric_names(rows) if any((row.metrics.get(name) or {}).get("count", 0) > 1 for row in rows)
    ]
    logged = [name for name in names if not name.startswith(ASIDE)] or names
    telling = [name for name in logged if direction(name) is not None]
    return (names if others else telling or names[:1])[:most]


def asked_metrics(store: Store, rows: Sequence[RunRow], metrics: tuple[str, ...]) -> list[str]:
    """The metrics that were named; one that no run has is an error with those that there are.

    Raises:
        ReenactError: ``unknown-metric``.
    """
    import difflib

    from ..errors import ReenactError
    from ..record.series import names

    known = dict.fromkeys(name for row in rows for name in row.metrics)
    missing = [name for name in metrics if name not in known]
    for row in rows if missing else ():
        known.update(dict.fromkeys(names(store.run_dir(row.id), store.series_folder)))
        if all(name in known for name in missing):
            break
    for name in missing:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            raise ReenactError(
                "unknown-metric",
                f"none of these runs has a metric {name!r}",
                valid=", ".join(list(known)[:20]) + (f", and {len(known) - 20} more" if len(known) > 20 else "")
                or None,
                fix="did you mean " + " or ".join(near) + "?" if near else None,
            )
    return list(dict.fromkeys(metrics))


def _filled(store: Store, row: RunRow, asked: Sequence[str]) -> RunRow:
    """A run with the metrics that were asked for and no manifest has: learning rates."""
    import dataclasses

    from ..record.series import read, summary

    missing = [name for name in asked if name not in row.metrics]
    if not missing:
        return row
    metrics = dict(row.metrics)
    for name, series in read(store.run_dir(row.id), missing, store.series_folder).items():
        told = summary(series)
        metrics[name] = {key: getattr(told, key) for key in ("last", "min", "max", "count", "first")}
    return dataclasses.replace(row, metrics=metrics)


def _print_json(store: Store, rows: list[RunRow], asked: list[str], everything: bool) -> None:
    from ..record.better import best, direction
    from ..record.canonical import canonical_json
    from ..report.compare import differing, metric_names

    runs = []
    for row in rows:
        metrics = {name: {**row.metrics[name], "best": best(name, row.metrics[name])} for name in row.metrics}
        runs.append({**{key: getattr(row, key) for key in KEYS}, "params": row.params, "metrics": metrics})
    params = [
        {"name": name, "differs": differs, "values": [row.params.get(name) for row in rows]}
        for name, differs in differing(rows, everything).items()
    ]
    names = metric_names(rows, asked)
    curves = []
    for name in asked:
        for row in rows:
            series = _series(store, row.id, name)
            if series is not None:
                curves.append(
                    {
                        **{"metric": name, "run": row.id, "skipped": series.skipped},
                        **{"steps": list(series.steps), "values": list(series.values)},
                        "times": None if series.times is None else list(series.times),
                    }
                )
    data = {
        "runs": runs,
        "params": params,
        "metrics": [{"name": name, "better": direction(name)} for name in names],
        "curves": curves,
    }
    sys.stdout.write(canonical_json(data).decode() + "\n")
