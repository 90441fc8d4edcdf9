"""The list of runs, as the page asks for it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ..errors import ReenactError
from ..record.better import direction
from ..report.compare import ASIDE, metric_names
from ..report.groups import FIELDS, group_json, grouped, needed
from ..report.runcolumns import PARTS, value_of
from ..report.tables import command_text, differing_of
from ..store.checks import check_where
from ..store.index import Index, Page, RunRow
from ..store.project import Store

T = TypeVar("T")
_STALE = 1.0
_METRICS, _PARAMS = 3, 5
_VALID = 40
_SOME = 500
"""Runs whose metrics are looked at to choose those that tell the most."""
_OPERATOR = re.compile(r"[=<>~()]|\b(and|or|not)\b", re.IGNORECASE)


class Runs:
    """The index of a store, used by one thread: a connection of SQLite's belongs to the thread that made it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._pool = ThreadPoolExecutor(1, "index")
        self._index: Index = self._pool.submit(Index, store, live=True).result()
        self._version: str | None = None
        self._looked = 0.0
        self._closed = threading.Event()

    def close(self) -> None:
        """Close the index."""
        if not self._closed.is_set():
            self._closed.set()
            self._pool.submit(self._index.close).result()
            self._pool.shutdown()

    def ask(self, work: Callable[[Index], T]) -> T:
        """Do something with the index, which is at most a second behind the run folders."""
        return self._pool.submit(self._do, work).result()

    def _do(self, work: Callable[[Index], T]) -> T:
        if time.monotonic() - self._looked > _STALE:
            self._version = self._index.changed_since(self._version).token
            self._looked = time.monotonic()
        return work(self._index)

    def version(self) -> str:
        """Another text after every change."""
        return self.ask(lambda index: self._version or "")

    def rows(self, ids: Sequence[str]) -> list[RunRow]:
        """These runs, in this order.

        Raises:
            ReenactError: ``unknown-run``.
        """
        found = self.ask(lambda index: [index.row(run) for run in ids])
        for run, row in zip(ids, found):
            if row is None:
                raise ReenactError("unknown-run", f"there is no run {run!r}")
        return [row for row in found if row is not None]

    def page(self, where: str, sort: str | None, offset: int, limit: int, everything: bool) -> tuple[list[RunRow], int]:
        """A stretch of the list, and how many runs there are in all.

        Args:
            where: a query, or words that a run's id, name, command, note or tags contain.

        Raises:
            ReenactError: ``bad-query``.
        """
        query = as_query(where)

        def work(index: Index) -> Page:
            found = index.page(query, sort, offset, limit, include_replays=everything)
            if query and not found.total:
                check_where(query, index)
            return found

        found = self.ask(work)
        return found.rows, found.total

    def check_columns(self, columns: Sequence[str]) -> None:
        """Raises ReenactError ``unknown-key`` for one that is no metric or param of any run."""

        def work(index: Index) -> None:
            for key in columns:
                stem, _, part = key.rpartition(".")
                if not index.has_name(key) and not (part in PARTS and index.has_name(stem)):
                    valid = ", ".join(index.names(_VALID))
                    raise ReenactError("unknown-key", f"no run here has {key!r} to show", valid=valid)

        self.ask(work)

    def groups(self, where: str, key: str, metrics: Sequence[str], everything: bool) -> list[dict[str, Any]]:
        """The runs in groups: see `report.groups`. Raises ReenactError ``bad-query``, ``unknown-key``."""
        query = as_query(where)

        def work(index: Index) -> list[dict[str, Any]]:
            chosen = list(metrics)
            if not chosen:
                some = index.rows(query, limit=_SOME, include_replays=everything)
                chosen = [name for name in telling(some) if any(name in row.metrics for row in some)]
            rows = index.partial(needed(key, chosen), query, include_replays=everything)
            if rows and key not in FIELDS and not any(key in row.params for row in rows):
                params = dict.fromkeys(
                    name for row in index.rows(query, limit=_SOME, include_replays=everything) for name in row.params
                )
                raise ReenactError(
                    "unknown-key",
                    f"no run here has a param {key!r} to group by",
                    valid=", ".join([*FIELDS, *list(params)[:20]]),
                )
            return group_json(grouped(rows, key, chosen), key)

        return self.ask(work)


def as_query(text: str) -> str | None:
    """What was typed as a query: words without any operator are looked for in what a run is called by."""
    if not text.strip() or _OPERATOR.search(text):
        return text
    fields = ("id", "name", "command", "note", "experiment", "tag")
    quoted = ('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in text.replace('"', " ").split())
    return " and ".join("(" + " or ".join(f"{field}~{word}" for field in fields) + ")" for word in quoted)


def telling(rows: Sequence[RunRow]) -> list[str]:
    """The metrics and params that tell the most of these runs."""
    names = [name for name in metric_names(rows) if not name.startswith(ASIDE)] or metric_names(rows)
    metrics = [name for name in names if direction(name) is not None] or names
    return [*metrics[:_METRICS], *differing_of(rows)[:_PARAMS]]


def told(rows: Sequence[RunRow], columns: Sequence[str]) -> dict[str, Any]:
    """Runs as the page takes them.

    Args:
        columns: metrics and params shown; those that tell the most when there are none.

    Returns:
        {columns: [{key, kind, better}], rows: [{id, name, …, values}]}
    """
    keys = list(columns) or telling(rows)
    metrics = {name for row in rows for name in row.metrics}

    def kind(key: str) -> str:
        return "metric" if key in metrics or key.rpartition(".")[0] in metrics else "param"

    heads = [{"key": key, "kind": kind(key), "better": direction(key)} for key in keys]
    return {"columns": heads, "rows": [_row(row, keys) for row in rows]}


def _row(row: RunRow, keys: Sequence[str]) -> dict[str, Any]:
    standing = [one for one in row.verdicts if not one.get("fresh_entropy")]
    same = (
        "id",
        "name",
        "experiment",
        "tags",
        "note",
        "status",
        "exit_code",
        "started",
        "duration",
        "replay_of",
        "sweep",
    )
    return {
        **{key: getattr(row, key) for key in same},
        "command": command_text(row.command),
        "verdict": standing[-1].get("verdict") if standing else None,
        "gaps": row.recipe is not None and not row.complete,
        "values": [value_of(row, key) for key in keys],
    }
