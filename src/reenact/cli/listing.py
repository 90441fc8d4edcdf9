"""``reenact ls``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .opened import project, say

if TYPE_CHECKING:
    from ..store.index import Index, RunRow

KEYS = (
    *("id", "name", "experiment", "tags", "status", "exit_code", "started", "params", "metrics"),
    *("recipe", "result", "complete", "verdicts"),
)
"""Keys of each run in ``ls --json``."""


@click.command(name="ls", short_help="List the runs.")
@click.option("--where", metavar="QUERY", help='Only runs that match, such as "loss<0.3 and lr=1e-3".')
@click.option(
    "--tag", "tags", multiple=True, metavar="TAG", help="Only runs with this tag; may be given several times."
)
@click.option("--experiment", metavar="NAME", help="Only runs of this experiment.")
@click.option("--sort", metavar="[-]KEY", help="Sort by a field, param or metric; - before it for descending.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many.")
@click.option("--all", "everything", is_flag=True, help="Also the runs that are replays of others.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def ls(
    where: str | None,
    tags: tuple[str, ...],
    experiment: str | None,
    sort: str | None,
    limit: int | None,
    everything: bool,
    as_json: bool,
) -> int:
    """List the runs, newest first.

    A QUERY compares fields (id, name, experiment, status, exit_code, started, duration, tag, note, command, …), params and
    metrics (a metric's last value; loss.min, .max, .first, .count) with = != < <= > >= ~ (contains), joined by and, or, not
    and parentheses.
    """
    with project() as (_, index):
        rows = index.rows(where, tags, experiment, sort, limit, everything)
        if where:
            _check_where(where, index)
        for run, problem in sorted(index.problems.items()):
            say(f"warning: {run}: {problem}")
        if as_json:
            _print_json(rows)
            return 0
        if sort:
            _check_sort(sort, rows)
        filtered = bool(where or tags or experiment)
        if not rows:
            say(_nothing(index, filtered, everything))
            return 0
        _print_table(rows, sort)
    return 0


def _print_json(rows: Sequence[RunRow]) -> None:
    from ..record.canonical import canonical_json

    data = [{key: getattr(row, key) for key in KEYS} for row in rows]
    sys.stdout.write(canonical_json(data).decode() + "\n")


def _print_table(rows: Sequence[RunRow], sort: str | None) -> None:
    from ..report.console import console
    from ..report.tables import runs_table

    key = (sort or "").lstrip("-+")
    stem = key.rpartition(".")[0]
    metrics = ["loss", *(name for name in (key, stem) if any(name in row.metrics for row in rows))]
    out = console(sys.stdout)
    out.print(runs_table(rows, out.width, metrics=metrics))


def _nothing(index: Index, filtered: bool, everything: bool) -> str:
    if filtered and index.rows(include_replays=everything, limit=1):
        return "no run matches"
    if not everything and index.rows(include_replays=True, limit=1):
        return "there are only replays here (--all lists them)"
    return "no runs have been recorded here yet; record one with `reenact run COMMAND`"


def _check_where(where: str, index: Index) -> None:
    """A name that no run has would match nothing, whatever the operator, without a word."""
    import difflib

    from ..errors import ReenactError
    from ..store.query import names
    from ..store.sql import FIELDS

    known = index.names()
    if not known and not index.rows(include_replays=True, limit=1):
        return
    for name in names(where):
        if name in FIELDS or name in known or name.rpartition(".")[0] in known:
            continue
        valid = [*(field for field in FIELDS if field != "tags"), *known]
        near = difflib.get_close_matches(name, valid, n=3, cutoff=0.5)
        raise ReenactError(
            "unknown-key",
            f"no run here has {name!r} to compare",
            valid=", ".join(valid[:40]),
            fix="did you mean " + " or ".join(near) + "?" if near else None,
        )


def _check_sort(sort: str, rows: Sequence[Any]) -> None:
    """A key that no run has would leave the order as it was without a word."""
    from ..errors import ReenactError
    from ..store.sql import FIELDS

    key = sort.lstrip("-+")
    names = dict.fromkeys(name for row in rows for name in (*row.metrics, *row.params))
    fields = [field for field in FIELDS if field not in ("tag", "tags")]
    if not rows or key in fields or key in names or key.rpartition(".")[0] in names:
        return
    raise ReenactError(
        "unknown-key", f"no run here has {key!r} to sort by", valid=", ".join([*fields, *list(names)[:20]])
    )
