"""``reenact ls``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click

from .opened import project, say

if TYPE_CHECKING:
    from ..record.better import Direction
    from ..report.groups import Group
    from ..report.runcolumns import Valued
    from ..store.index import Index, RunRow
    from ..store.partialrows import PartialRow
    from ..store.project import Store

KEYS = (
    *("id", "name", "experiment", "tags", "status", "exit_code", "started", "params", "metrics"),
    *("recipe", "result", "complete", "verdicts"),
)
"""Keys of each run in ``ls --json``."""

_SPARKED = 200
"""Runs whose curves are drawn: each is read from its run folder."""
_LONG = 2_000
"""Runs from which on a listing is printed while it is read."""


@click.command(name="ls", short_help="List the runs.")
@click.option("--where", metavar="QUERY", help='Only runs that match, such as "loss<0.3 and lr=1e-3".')
@click.option(
    "--tag", "tags", multiple=True, metavar="TAG", help="Only runs with this tag; may be given several times."
)
@click.option("--experiment", metavar="NAME", help="Only runs of this experiment.")
@click.option("--sort", metavar="[-]KEY", help="Sort by a field, param or metric; - before it for descending.")
@click.option("--best", metavar="METRIC", help="Best first: the smallest of a loss or error, the largest of a score.")
@click.option("--min/--max", "smallest", default=None, help="Which is the best, where the metric's name does not tell.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many.")
@click.option(
    "--columns", "chosen", multiple=True, metavar="KEY,…", help="Show these: fields, params, metrics (acc, loss.min)."
)
@click.option("--spark", is_flag=True, help="Show curves of the metrics, in a line each.")
@click.option(
    "--group-by", "group", metavar="KEY", help="Groups by a param, experiment or tag: mean and best of the metrics."
)
@click.option("--all", "everything", is_flag=True, help="Also the runs that are replays of others.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def ls(
    where: str | None,
    tags: tuple[str, ...],
    experiment: str | None,
    sort: str | None,
    best: str | None,
    smallest: bool | None,
    limit: int | None,
    chosen: tuple[str, ...],
    spark: bool,
    group: str | None,
    everything: bool,
    as_json: bool,
) -> int:
    """List the runs, newest first.

    A QUERY compares fields (id, name, experiment, status, exit_code, started, duration, tag, note, command, …), params and
    metrics (a metric's last value; loss.best, .min, .max, .first, .count) with = != < <= > >= ~ (contains), joined by and, or, not
    and parentheses.
    """
    with project(live=True) as (store, index):
        towards = _towards(best, smallest, sort)
        if best is not None:
            sort = f"{best}.min" if towards == "min" else f"-{best}.max"
        found = index.each(where, tags, experiment, sort, limit, everything)
        if where:
            from ..store.checks import check_where

            check_where(where, index)
        for run, problem in sorted(index.problems.items()):
            say(f"warning: {run}: {problem}")
        if as_json and group is None and not chosen and best is None:
            _print_json(found)
            return 0
        rows = list(islice(found, _LONG + 1))
        if group is not None and rows:
            if best is None and sort and not as_json:
                _check_sort(sort, rows, index)

            def read(names: Sequence[str]) -> list[PartialRow]:
                return index.partial(names, where, tags, experiment, sort, limit, everything)

            _print_groups(rows, read, group, _keys(chosen, rows, index), best, towards, as_json)
            return 0
        if len(rows) > _LONG and not (chosen or spark or best):
            if sort:
                _check_sort(sort, rows, index)
            _print_long(chain(rows, found), rows, sort)
            return 0
        rows += found
        if best is not None:
            _check_metric(best, rows)
        elif sort and not as_json:
            _check_sort(sort, rows, index)
        keys = _keys(chosen, rows, index)
        if as_json and (rows or group is None):
            _print_json(rows)
            return 0
        if not rows:
            if as_json:
                sys.stdout.write("[]\n")
            say(_nothing(index, bool(where or tags or experiment), everything))
            return 0
        if keys or spark or best:
            _print_chosen(store, rows, keys, sort, spark)
        else:
            _print_table(rows, sort)
    return 0


def _print_json(rows: Iterable[RunRow]) -> None:
    from ..record.canonical import canonical_json

    before = "["
    for row in rows:
        data = {key: getattr(row, key) for key in KEYS}
        sys.stdout.write(before + canonical_json(data).decode())
        before = ","
    sys.stdout.write("]\n" if before == "," else "[]\n")


def _print_long(rows: Iterable[RunRow], first: Sequence[RunRow], sort: str | None) -> None:
    from ..report.console import console
    from ..report.longtable import print_runs

    told = dict.fromkeys(["loss", *_sorted_by(first, sort)])
    print_runs(console(sys.stdout), rows, [name for name in told if any(name in row.metrics for row in first)])


def _print_table(rows: Sequence[RunRow], sort: str | None) -> None:
    from ..report.console import console, print_lines
    from ..report.tables import runs_table

    out = console(sys.stdout)
    print_lines(out, runs_table(rows, out.width, metrics=["loss", *_sorted_by(rows, sort)]))


def _sorted_by(rows: Sequence[RunRow], sort: str | None) -> list[str]:
    """The metric that the runs are sorted by."""
    key = (sort or "").lstrip("-+")
    return [name for name in (key, key.rpartition(".")[0]) if sort and any(name in row.metrics for row in rows)]


def _print_chosen(store: Store, rows: Sequence[RunRow], keys: list[str], sort: str | None, spark: bool) -> None:
    from ..report.console import console, print_lines
    from ..report.runcolumns import FIELDS, chosen_table, metric_of
    from ..report.tables import differing_of

    optional: list[str] = []
    if not keys:
        told = [(sort or "").lstrip("-+")] if _sorted_by(rows, sort) else ["loss"]
        keys = ["age", "status", "time", *(key for key in told if any(metric_of(key, row.metrics) for row in rows))]
        optional = [field for field in ("verdict", "name") if any(FIELDS[field](row).plain for row in rows)]
        optional += differing_of(rows)[:4]
    extra: dict[str, list[str]] = {}
    if spark:
        found = {metric[0]: None for key in keys for row in rows if (metric := metric_of(key, row.metrics)) is not None}
        names = list(found) or ["loss"]
        extra = {f"{name} curve": [] for name in names}
        for number, row in enumerate(rows):
            curves = _sparks(store, row, names) if number < _SPARKED else {}
            for name in names:
                extra[f"{name} curve"].append(curves.get(name, ""))
        if len(rows) > _SPARKED:
            say(f"curves of the first {_SPARKED} runs only; --limit and --where choose which")
    out = console(sys.stdout)
    print_lines(out, chosen_table(rows, keys, extra, optional, out.width))


def _sparks(store: Store, row: RunRow, names: Sequence[str]) -> dict[str, str]:
    from ..record.series import read
    from ..report.curves import sparkline

    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    series = read(store.run_dir(row.id), names, store.series_folder)
    return {name: sparkline(one, ascii_only=encoding != "utf8") for name, one in series.items()}


def _print_groups(
    some: Sequence[RunRow],
    read: Callable[[Sequence[str]], list[PartialRow]],
    group: str,
    keys: list[str],
    best: str | None,
    towards: Direction | None,
    as_json: bool,
) -> None:
    """Print the runs in groups.

    Args:
        some: the first of the runs.
        read: all of them, with the params and metrics of these names.
        group: what they are grouped by.
        keys: the columns that were chosen.
        best: the metric by whose best the groups are ordered.
        towards: what is best of it.
        as_json: as JSON.
    """
    from ..errors import ReenactError
    from ..record.canonical import canonical_json
    from ..report.compare import metric_names
    from ..report.console import console
    from ..report.groups import FIELDS, group_json, grouped, groups_table, needed
    from ..report.runcolumns import metric_of

    first = [f"{best}.{towards}"] if best is not None else []
    usual = metric_names(some)[:2]
    rows = read(needed(group, [*first, *keys, *usual]))
    if best is not None:
        _check_metric(best, rows, some)
    if group not in FIELDS and not any(group in row.params for row in rows):
        params = dict.fromkeys(name for row in some for name in row.params)
        raise ReenactError(
            "unknown-key",
            f"no run here has a param {group!r} to group by",
            valid=", ".join([*FIELDS, *list(params)[:20]]),
        )
    metrics = [*first, *(key for key in keys if any(metric_of(key, row.metrics) for row in rows))]
    metrics = list(dict.fromkeys(metrics)) or usual
    groups = grouped(rows, group, metrics, towards)
    if best is not None:
        sign = 1.0 if towards == "min" else -1.0

        def place(one: Group) -> tuple[bool, float]:
            top = one.stats[metrics[0]].best
            return top is None, 0.0 if top is None else sign * top

        groups.sort(key=place)
    if as_json:
        sys.stdout.write(canonical_json(group_json(groups, group)).decode() + "\n")
        return
    out = console(sys.stdout)
    out.print(groups_table(groups, group, metrics))


def _towards(best: str | None, smallest: bool | None, sort: str | None) -> Direction | None:
    """Whether the smallest or the largest is the best; None where nothing is sorted by that.

    Raises:
        ReenactError: ``bad-options``, ``no-direction``.
    """
    from ..errors import ReenactError
    from ..record.better import direction

    if best is None:
        if smallest is not None:
            raise ReenactError("bad-options", "--min and --max go with --best METRIC")
        return None
    if sort is not None:
        raise ReenactError("bad-options", "--best and --sort are two orders: give one")
    if smallest is not None:
        return "min" if smallest else "max"
    found = direction(best)
    if found is None:
        raise ReenactError(
            "no-direction",
            f"the name {best!r} does not tell whether less or more of it is better",
            fix="add --min or --max",
        )
    return found


def _keys(chosen: Sequence[str], rows: Sequence[RunRow], index: Index) -> list[str]:
    """The columns that were chosen; a name with a comma in it is given alone.

    Raises:
        ReenactError: ``unknown-key`` for one that no run has.
    """
    if not chosen:
        return []
    from ..report.runcolumns import FIELDS, known_names, metric_of
    from ..store.checks import unknown_key

    known = known_names(rows)
    found: list[str] = []
    for words in chosen:
        for key in [words] if words in known else [word.strip() for word in words.split(",")]:
            if not key:
                continue
            if not (key in FIELDS or key in known or metric_of(key, known) or index.has_name(key)):
                raise unknown_key(key, "show", index, FIELDS)
            found.append(key)
    return found


def _check_metric(best: str, rows: Sequence[Valued], some: Sequence[RunRow] | None = None) -> None:
    """A metric that none of the rows has is an error, which names those that some of them have."""
    from ..errors import ReenactError

    if not rows or any(best in row.metrics for row in rows):
        return
    names = dict.fromkeys(name for row in (some or rows) for name in row.metrics)
    raise ReenactError(
        "unknown-metric", f"no run here has a metric {best!r}", valid=", ".join(list(names)[:20]) or None
    )


def _nothing(index: Index, filtered: bool, everything: bool) -> str:
    if filtered and index.rows(include_replays=everything, limit=1):
        return "no run matches"
    if not everything and index.rows(include_replays=True, limit=1):
        return "there are only replays here (--all lists them)"
    return "no runs have been recorded here yet; record one with `reenact run COMMAND`"


def _check_sort(sort: str, rows: Sequence[Any], index: Index) -> None:
    """A key that no run has would leave the order as it was without a word."""
    from ..store.checks import unknown_key
    from ..store.sql import FIELDS

    key = sort.lstrip("-+")
    fields = [field for field in FIELDS if field not in ("tag", "tags")]
    if rows and key not in fields and not index.has_name(key):
        raise unknown_key(key, "sort by", index, fields)
