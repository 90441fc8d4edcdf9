"""The listing of runs: a SQLite cache of what the run folders say. It can be deleted at any time."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..errors import ReenactError
from ..record import layout
from ..record.canonical import canonical_json
from ..record.ids import RUN_ID
from ..record.labels import read_labels
from ..record.schema import Manifest, Metric, load_manifest, load_start
from ..record.status import StatusInfo, run_status
from ..record.trials import command_of
from ..record.verdicts import read_verdicts
from . import query as language
from .project import Store
from .sql import order_by, where_clause

_decode = msgspec.json.Decoder().decode
_VERSION = 3
_SCHEMA = """
create table runs (
    id text primary key, stamp integer, replay_of text, sweep text, resumes text, name text, experiment text, status text, detail text,
    exit_code integer, started text, ended text, duration real, recipe text, result text, complete integer, note text,
    command text, tags text, params text, metrics text, verdicts text
) without rowid;
create index runs_started on runs (started);
create index runs_recipe on runs (recipe);
create table tags (tag text, run text, primary key (tag, run)) without rowid;
create index tags_run on tags (run);
create table params (name text, run text, number real, text text, primary key (name, run)) without rowid;
create index params_run on params (run);
create table metrics (
    name text, run text, last real, low real, high real, count integer, first real, primary key (name, run)
) without rowid;
create index metrics_run on metrics (run);
"""
_COLUMNS = (
    *(
        "id",
        "stamp",
        "replay_of",
        "sweep",
        "resumes",
        "name",
        "experiment",
        "status",
        "detail",
        "exit_code",
        "started",
        "ended",
    ),
    *("duration", "recipe", "result", "complete", "note", "command", "tags", "params", "metrics", "verdicts"),
)
# A folder whose time is this close to now may change again without its time changing.
_RACY_NS = 2_000_000_000


@dataclass(frozen=True)
class RunRow:
    """One run of a listing. Durations in seconds; ``metrics`` maps a name to {last, min, max, count, first}."""

    id: str
    name: str | None
    experiment: str | None
    tags: list[str]
    status: str
    exit_code: int | None
    started: str
    ended: str | None
    duration: float | None
    params: dict[str, Any]
    metrics: dict[str, dict[str, Any]]
    recipe: str | None
    result: str | None
    complete: bool
    verdicts: list[dict[str, Any]]
    command: list[str]
    note: str | None
    replay_of: str | None
    sweep: str | None
    resumes: str | None
    detail: str


class Brief(NamedTuple):
    """What a run can be named by."""

    id: str
    name: str | None
    replay_of: str | None
    sweep: str | None


class Index:
    """Lists, filters and sorts the runs of a store.

    Opening it brings it up to date: changed run folders are read again, and runs that were interrupted are sealed.

    Args:
        store: the store.
        seal: called with the id of each interrupted, unsealed run; ``store.seal`` when None. What it raises as a
            ReenactError is kept in ``problems``.
    """

    def __init__(self, store: Store, seal: Callable[[str], Any] | None = None) -> None:
        self.store = store
        self.problems: dict[str, str] = {}
        self._seal = store.seal if seal is None else seal
        self._db = self._open()
        self.refresh()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the cache."""
        self._db.close()

    def refresh(self) -> None:
        """Read what has changed since the last time."""
        try:
            self._refresh()
        except sqlite3.Error:
            self._rebuild()

    def _rebuild(self) -> None:
        """The cache is locked for long, cannot be written, or is corrupt: go on in memory; the folders are the truth."""
        self._db.close()
        try:
            db = sqlite3.connect(self.store.index_path, timeout=0)
            db.execute("pragma user_version = 0")  # the next one to open it makes it anew
            db.close()
        except sqlite3.Error:
            pass
        self._db = _create(sqlite3.connect(":memory:"))
        self._refresh()

    def names(self) -> list[str]:
        """Names of the params and metrics that any run has, replays too."""
        found = self._db.execute("select name from metrics union select name from params order by name")
        return [row[0] for row in found]

    def rows(
        self,
        where: str | None = None,
        tags: Iterable[str] = (),
        experiment: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
        include_replays: bool = False,
    ) -> list[RunRow]:
        """The runs that match, newest first unless sorted otherwise.

        Args:
            where: a query, see `store.query`.
            tags: tags that a run must all have.
            experiment: the experiment that it must be of.
            sort: a field, param or metric; ``-`` before it for descending. Runs without it come last.
            limit: at most so many.
            include_replays: also the runs that are replays of others.

        Raises:
            ReenactError: ``bad-query`` (exit code 2).
        """
        conditions: list[str] = []
        values: list[Any] = []
        if not include_replays:
            conditions.append("replay_of is null")
        if experiment is not None:
            conditions.append("experiment = ?")
            values.append(experiment)
        for tag in tags:
            conditions.append("id in (select run from tags where tag = ?)")
            values.append(tag)
        if where and where.strip():
            clause, more = where_clause(language.parse(where))
            conditions.append(clause)
            values.extend(more)
        order, more = order_by(sort)
        sql = f"select * from runs{' where ' + ' and '.join(conditions) if conditions else ''} order by {order}"
        values.extend(more)
        if limit is not None:
            sql += " limit ?"
            values.append(limit)
        return self._query(sql, values)

    def briefs(self) -> list[Brief]:
        """All runs, replays and trials too, newest first, with what names them and no more."""
        sql = "select id, name, replay_of, sweep from runs order by started desc, id desc"
        try:
            return [Brief(*row) for row in self._db.execute(sql)]
        except sqlite3.Error:
            self._rebuild()
            return [Brief(*row) for row in self._db.execute(sql)]

    def row(self, run_id: str) -> RunRow | None:
        """One run by its full id."""
        found = self._query("select * from runs where id = ?", [run_id])
        return found[0] if found else None

    def trials(self, sweep: str) -> list[RunRow]:
        """The trials of a sweep, by the number of their job; none of a run that is no sweep."""
        found = self._query("select * from runs where sweep = ?", [sweep])
        return sorted(found, key=lambda row: int(row.id.rpartition(".")[2]))

    def same_recipe(self, recipe: str) -> list[RunRow]:
        """Finished runs with this recipe, newest first."""
        sql = "select * from runs where recipe = ? and status = 'finished' order by started desc, id desc"
        return self._query(sql, [recipe])

    def _query(self, sql: str, values: list[Any]) -> list[RunRow]:
        try:
            return [_row(row) for row in self._db.execute(sql, values)]
        except (sqlite3.Error, ValueError):
            self._rebuild()
            return [_row(row) for row in self._db.execute(sql, values)]

    def _open(self) -> sqlite3.Connection:
        path = self.store.index_path
        for _ in range(2):
            try:
                db = sqlite3.connect(path, timeout=5)
                version = db.execute("pragma user_version").fetchone()[0]
                if version == _VERSION:
                    return _prepare(db)
                db.close()
                if version == 0 and path.stat().st_size == 0:
                    return _create(sqlite3.connect(path, timeout=5))
            except sqlite3.OperationalError:
                break  # locked or read-only
            except (sqlite3.DatabaseError, OSError):
                pass
            # Another version, or corrupt: it is a cache.
            try:
                path.unlink(missing_ok=True)
            except OSError:
                break
        return _create(sqlite3.connect(":memory:"))

    def _refresh(self) -> None:
        before = len(os.listdir(self.store.runs_folder)) if self.store.runs_folder.is_dir() else 0
        self._read_changed()
        if self.store.runs_folder.is_dir() and len(os.listdir(self.store.runs_folder)) != before:
            self._read_changed()  # sealing a sweep has made its trials

    def _read_changed(self) -> None:
        known = dict(self._db.execute("select id, stamp from runs"))
        now = time.time_ns()
        present: dict[str, int] = {}
        try:
            with os.scandir(self.store.runs_folder) as entries:
                for entry in entries:
                    if RUN_ID.fullmatch(entry.name):
                        # Its own time tells of manifest.json and labels.json (renamed into it) and of new verdicts
                        # (write_verdict touches it): one stat a run, not three.
                        present[entry.name] = entry.stat().st_mtime_ns
        except OSError:
            pass
        gone = [(run_id,) for run_id in known if run_id not in present]
        fresh = []
        for run_id, stamp in present.items():
            if known.get(run_id) == stamp:
                continue
            record = self._read(run_id)
            if record is None:
                gone.append((run_id,))
                continue
            row, manifest = record
            row["stamp"] = stamp if manifest is not None and now - stamp > _RACY_NS else None
            fresh.append((row, manifest))
        if not gone and not fresh:
            return
        with self._db:
            stale = [*gone, *((row["id"],) for row, _ in fresh)]
            for table, key in (("runs", "id"), ("tags", "run"), ("params", "run"), ("metrics", "run")):
                self._db.executemany(f"delete from {table} where {key} = ?", stale)
            for row, manifest in fresh:
                self._insert(row, manifest)

    def _read(self, run_id: str) -> tuple[dict[str, Any], Manifest | None] | None:
        folder = self.store.run_dir(run_id)
        if not (folder / layout.START).exists() and not (folder / layout.MANIFEST).exists():
            return None
        status = run_status(folder)
        if not status.sealed and status.status not in ("running", "unreadable"):
            try:
                self._seal(run_id)
                status = run_status(folder)
            except (ReenactError, OSError) as error:
                self.problems[run_id] = str(error)
        labels = read_labels(folder)
        row: dict[str, Any] = dict.fromkeys(_COLUMNS)
        row.update(id=run_id, name=labels.name, note=labels.note, status=status.status, detail=status.detail)
        row.update(tags=labels.tags, params={}, metrics={}, verdicts=[], command=[], complete=False, started="")
        manifest = None
        try:
            if status.sealed:
                manifest = load_manifest(folder / layout.MANIFEST)
                _describe(row, manifest, folder)
            else:
                _describe_start(row, folder, status)
        except ReenactError as error:
            row.update(status="unreadable", detail=error.what)
            self.problems[run_id] = error.what
        row["started"] = row["started"] or _time_of(run_id)
        return row, manifest

    def _insert(self, row: dict[str, Any], manifest: Manifest | None) -> None:
        run_id = row["id"]
        packed = {
            key: canonical_json(value).decode() if isinstance(value, (list, dict)) else _storable(value)
            for key, value in row.items()
        }
        marks = ", ".join("?" * len(_COLUMNS))
        self._db.execute(f"insert into runs values ({marks})", [packed[column] for column in _COLUMNS])
        self._db.executemany(
            "insert or ignore into tags values (?, ?)", [(_storable(tag), run_id) for tag in row["tags"]]
        )
        if manifest is None:
            return
        params = [(_storable(name), run_id, *_number_and_text(value)) for name, value in manifest.params.items()]
        self._db.executemany("insert or ignore into params values (?, ?, ?, ?)", params)
        metrics = [
            (_storable(name), run_id, _real(m.last), _real(m.min), _real(m.max), m.count, _real(m.first))
            for name, m in manifest.metrics.items()
        ]
        self._db.executemany("insert or ignore into metrics values (?, ?, ?, ?, ?, ?, ?)", metrics)


def _create(db: sqlite3.Connection) -> sqlite3.Connection:
    with db:
        db.executescript(_SCHEMA)
        db.execute(f"pragma user_version = {_VERSION}")
    return _prepare(db)


def _prepare(db: sqlite3.Connection) -> sqlite3.Connection:
    # A rollback journal: a write-ahead log does not work on shared file systems. A cache need not survive a crash.
    db.execute("pragma journal_mode = delete")
    db.execute("pragma synchronous = off")
    db.row_factory = sqlite3.Row
    return db


def _describe(row: dict[str, Any], manifest: Manifest, folder: Path) -> None:
    row.update(
        experiment=manifest.experiment,
        exit_code=manifest.exit_code,
        started=manifest.started,
        ended=manifest.ended,
        duration=manifest.resources.wall,
        params=manifest.params,
        metrics={name: _plain_metric(metric) for name, metric in manifest.metrics.items()},
        recipe=manifest.recipe,
        result=manifest.result,
        complete=manifest.complete,
        command=command_of(manifest),
        replay_of=manifest.replay_of,
        sweep=manifest.trial_of.run if manifest.trial_of is not None else None,
        resumes=manifest.resumes,
        verdicts=[
            {
                "verdict": verdict.verdict,
                "candidate": verdict.candidate,
                "when": verdict.when,
                "fresh_entropy": verdict.fresh_entropy,
            }
            for verdict in read_verdicts(folder)
        ],
    )


def _describe_start(row: dict[str, Any], folder: Path, status: StatusInfo) -> None:
    start = load_start(folder / layout.START)
    row.update(experiment=start.experiment, started=start.started, command=start.argv, replay_of=start.replay_of)
    row["resumes"] = start.resumes


def _plain_metric(metric: Metric) -> dict[str, Any]:
    return {"last": metric.last, "min": metric.min, "max": metric.max, "count": metric.count, "first": metric.first}


def _row(row: sqlite3.Row) -> RunRow:
    values = dict(row)
    del values["stamp"]
    for key in ("tags", "params", "metrics", "verdicts", "command"):
        values[key] = _decoded(values[key])
    for metric in values["metrics"].values():
        for key, value in metric.items():
            if isinstance(value, str):
                metric[key] = float(value)
    values["complete"] = bool(values["complete"])
    return RunRow(**values)


def _decoded(text: str) -> Any:
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeError):  # the escapes of a name that is no UTF-8
        return json.loads(text)


def _number_and_text(value: Any) -> tuple[float | None, str]:
    if isinstance(value, bool):
        return float(value), "true" if value else "false"
    if isinstance(value, (int, float)):
        return _real(value), repr(value)
    return None, _storable(value) if isinstance(value, str) else canonical_json(value).decode()


def _storable(value: Any) -> Any:
    """Text as SQLite takes it: a lone surrogate, as of an odd file name, becomes its escape."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _real(value: float | None) -> float | None:
    # SQLite has no NaN: it becomes NULL, which no comparison matches, as with NaN itself.
    try:
        return None if value is None or math.isnan(value) else float(value)
    except OverflowError:
        return math.copysign(math.inf, value) if value is not None else None


def _time_of(run_id: str) -> str:
    """When a run whose record cannot be read began, from its id."""
    return f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}T{run_id[9:11]}:{run_id[11:13]}:{run_id[13:15]}.000Z"
