"""Rows of a listing with some of the params and metrics: of 100,000 runs, all of them take seconds to decode."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from .runrows import decoded, storable

_FEW = 500
"""So many runs are looked up one by one; for more, the tables are gone through."""
_PARTS = ("last", "min", "max", "count", "first")


@dataclass
class PartialRow:
    """Of a run what it can be grouped by: see `RunRow`. ``params`` and ``metrics`` have the names that were asked for alone."""

    __slots__ = ("experiment", "id", "metrics", "name", "params", "status", "sweep", "tags")

    id: str
    name: str | None
    experiment: str | None
    status: str
    sweep: str | None
    tags: Sequence[str]
    params: dict[str, Any]
    metrics: dict[str, dict[str, Any]]


def partial_rows(db: sqlite3.Connection, nums: Sequence[int], names: Collection[str]) -> list[PartialRow]:
    """Rows of runs, in this order, without those that are gone.

    Args:
        db: the database of the index.
        nums: the numbers of the runs.
        names: the params and metrics that they have, as far as there are any.

    Raises:
        sqlite3.Error: the database cannot be read.
        ValueError: what is in it is no JSON.
    """
    few = f" in ({', '.join('?' * len(nums))})" if len(nums) <= _FEW else None

    def ask(columns: str, table: str, run: str, key: int | None = None) -> sqlite3.Cursor:
        conditions = [*(["key = ?"] if key is not None else []), *([f"{run}{few}"] if few else [])]
        values = [*([key] if key is not None else []), *(nums if few else [])]
        where = f" where {' and '.join(conditions)}" if conditions else ""
        return db.execute(f"select {columns} from {table}{where}", values)

    wanted = set(nums)
    found = {
        num: PartialRow(run, name, experiment, status, sweep, (), {}, {})
        for num, run, name, experiment, status, sweep in ask("num, id, name, experiment, status, sweep", "runs", "num")
        if num in wanted
    }
    for tag, run in ask("tag, run", "tags", "run"):
        if run in found:
            found[run].tags = (*found[run].tags, tag)
    unclear: dict[int, None] = {}
    for name in names:
        for (key,) in db.execute("select key from names where name = ?", [storable(name)]).fetchall():
            for run, *values in ask("run, last, low, high, count, first", "metrics", "run", key):
                if run in found:
                    found[run].metrics[name] = dict(zip(_PARTS, values))
            for run, number, text in ask("run, number, text", "params", "run", key):
                if run not in found:
                    continue
                if number is None and (text == "null" or text.startswith(("[", "{")) or "\\" in text):
                    unclear[run] = None
                found[run].params[name] = text if number is None else decoded(text)
    _correct(db, found, list(unclear), names)
    return [found[num] for num in nums if num in found]


def _correct(db: sqlite3.Connection, found: dict[int, PartialRow], nums: list[int], names: Collection[str]) -> None:
    """The params of runs where the text does not tell a list from a string that looks like one."""
    for start in range(0, len(nums), _FEW):
        some = nums[start : start + _FEW]
        sql = f"select num, params from details where num in ({', '.join('?' * len(some))})"
        for num, text in db.execute(sql, some):
            params: dict[str, Any] = decoded(text)
            found[num].params.update({name: params[name] for name in names if name in params})
