"""The listing of runs: a SQLite cache of what the run folders say. It can be deleted at any time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from . import query as language
from .following import Following
from .indexdb import Unusable, discard, in_memory, open_database
from .indexing import GONE, Refresher
from .partialrows import PartialRow, partial_rows
from .project import Store
from .runrows import COLUMNS, RunRow, run_row, words_text
from .sql import PARTS, order_by, where_clause

__all__ = ["Brief", "Changes", "Index", "Page", "RunRow"]

_WAIT = 5.0
"""Seconds to wait for another process that writes the cache."""
_TABLES = ("metrics", "params")
_AT_ONCE = 500
"""Rows that are read together."""
_RUN = ", ".join(f"r.{column}" for column in COLUMNS)
COUNTED = ("experiment", "status", "tag", "sweep", "name")
"""What `Index.counts` can count by."""


class Brief(NamedTuple):
    """What a run can be named by."""

    id: str
    name: str | None
    replay_of: str | None
    sweep: str | None


class Page(NamedTuple):
    """Some rows of a listing, and how many it has in all."""

    rows: list[RunRow]
    total: int


class Changes(NamedTuple):
    """What has changed since a token: ids of runs that are new or say something else now, and of those that are gone.

    ``everything`` is true where that is not known, and all is to be asked for again. ``token`` is for the next time.
    """

    token: str
    ids: list[str]
    gone: list[str]
    everything: bool


class _Asked(NamedTuple):
    """Which runs are asked for."""

    where: str | None
    tags: tuple[str, ...]
    experiment: str | None
    include_replays: bool


class Index:
    """Lists, filters and sorts the runs of a store.

    Opening it brings it up to date: changed run folders are read again, and runs that were interrupted are sealed. Any number of processes may have
    one open; threads may share one where they take turns.

    Args:
        store: the store.
        seal: called with the id of each interrupted, unsealed run; ``store.seal`` when None. What it raises as a
            ReenactError is kept in ``problems``.
        progress: called with how many run folders have been read and how many there are to read, while many are.
        live: runs that go on have the params and metrics that they have by now, too.
    """

    def __init__(
        self,
        store: Store,
        seal: Callable[[str], Any] | None = None,
        progress: Callable[[int, int], None] | None = None,
        live: bool = False,
    ) -> None:
        self.store = store
        self.problems: dict[str, str] = {}
        self._seal = store.seal if seal is None else seal
        self._progress = progress
        self._following = Following(store) if live else None
        try:
            self._use(open_database(store.index_path, _WAIT))
        except Unusable:
            self._use(in_memory(store.index_path))
        self.refresh()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the cache."""
        self._db.close()

    def _use(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._refresher = Refresher(self.store, db, self._seal, self.problems, self._progress)

    def refresh(self, every: bool = False) -> None:
        """Read what has changed since the last time.

        Args:
            every: look at every run folder, however many there are; see `indexing` for what is looked at otherwise.
        """

        def look() -> None:
            self._refresher.refresh(every)
            if self._following is not None:
                self._refresher.follow(self._following)

        self._safely(look)

    def changed_since(self, token: str | None) -> Changes:
        """Look for changes, a part of all run folders at a time, and tell what has changed since a token was given.

        It takes some milliseconds where nothing has, and is meant to be asked once a second.

        Args:
            token: that of the last answer; None for the first.
        """

        def look() -> Changes:
            self._refresher.poll()
            if self._following is not None:
                self._refresher.follow(self._following)
            generation, now = self._db.execute("select generation, seq from meta").fetchone()
            fresh = f"{generation}.{now}"
            if token == fresh:
                return Changes(fresh, [], [], False)
            head, _, number = (token or "").partition(".")
            if head != generation or not number.isdigit() or int(number) < self._forgotten():
                return Changes(fresh, [], [], True)
            values = [int(number)]
            ids = [row[0] for row in self._db.execute("select id from runs where seq > ? order by seq", values)]
            there = set(ids)
            gone = [row[0] for row in self._db.execute("select id from gone where seq > ? order by seq", values)]
            return Changes(fresh, ids, [run for run in dict.fromkeys(gone) if run not in there], False)

        return self._safely(look)

    def _forgotten(self) -> int:
        """What was removed up to this change is not known any more."""
        sql = "select case when count(*) < ? then 0 else min(seq) end from gone"
        return int(self._db.execute(sql, [GONE]).fetchone()[0])

    def names(self, limit: int | None = None) -> list[str]:
        """Names of the params and metrics that any run has, replays too; at most so many."""
        sql = (
            "select name from names n where exists (select 1 from metrics where key = n.key)"
            " or exists (select 1 from params where key = n.key) order by name limit ?"
        )
        return [row[0] for row in self._ask(sql, [-1 if limit is None else limit])]

    def has_name(self, name: str) -> bool:
        """Whether any run has a param or metric of this name, or a metric that ``name.min`` and the like are a part of."""
        stem, _, part = name.rpartition(".")
        names = (name, stem) if part in PARTS and part != name else (name,)
        return bool(self._safely(lambda: any(self._key(table, one) >= 0 for one in names for table in _TABLES)))

    def rows(
        self,
        where: str | None = None,
        tags: Iterable[str] = (),
        experiment: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
        include_replays: bool = False,
        *,
        offset: int = 0,
        ids: Sequence[str] | None = None,
    ) -> list[RunRow]:
        """The runs that match, newest first unless sorted otherwise.

        Args:
            where: a query, see `store.query`.
            tags: tags that a run must all have.
            experiment: the experiment that it must be of.
            sort: a field, param or metric; ``-`` before it for descending. Runs without it come last.
            limit: at most so many.
            include_replays: also the runs that are replays of others.
            offset: so many of the first are left out.
            ids: instead of all that: the runs of these ids, in this order; those that are not there are left out.

        Raises:
            ReenactError: ``bad-query`` (exit code 2).
        """
        return list(self.each(where, tags, experiment, sort, limit, include_replays, offset=offset, ids=ids))

    def partial(
        self,
        names: Collection[str],
        where: str | None = None,
        tags: Iterable[str] = (),
        experiment: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
        include_replays: bool = False,
    ) -> list[PartialRow]:
        """As `rows`, of the params and metrics those of these names alone: a fraction of the time where runs are many."""
        asked = _Asked(where, tuple(tags), experiment, include_replays)
        read = lambda: partial_rows(self._db, self._numbers(asked, sort, limit, 0), names)  # noqa: E731
        found: list[PartialRow] = self._safely(read)
        return found

    def each(
        self,
        where: str | None = None,
        tags: Iterable[str] = (),
        experiment: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
        include_replays: bool = False,
        *,
        offset: int = 0,
        ids: Sequence[str] | None = None,
    ) -> Iterator[RunRow]:
        """As `rows`, one after the other: what is asked for is found at once, and read while it is gone through."""
        if ids is not None:
            return self._each(lambda: self._numbers_of(ids))
        asked = _Asked(where, tuple(tags), experiment, include_replays)
        return self._each(lambda: self._numbers(asked, sort, limit, offset))

    def page(
        self,
        where: str | None = None,
        sort: str | None = None,
        offset: int = 0,
        limit: int = 50,
        *,
        tags: Iterable[str] = (),
        experiment: str | None = None,
        include_replays: bool = False,
    ) -> Page:
        """Some of the runs that match, and how many match in all; only the rows of the page are read.

        Args and errors as of `rows`. Of a listing that changes meanwhile, two pages may share a run or miss one: `changed_since` tells.
        """
        asked = _Asked(where, tuple(tags), experiment, include_replays)
        rows = list(self._each(lambda: self._numbers(asked, sort, limit, offset)))
        total = offset + len(rows) if 0 < len(rows) < limit else self._safely(lambda: self._count(asked))
        return Page(rows, total)

    def count(
        self,
        where: str | None = None,
        *,
        tags: Iterable[str] = (),
        experiment: str | None = None,
        include_replays: bool = False,
    ) -> int:
        """How many runs match. Args and errors as of `rows`."""
        asked = _Asked(where, tuple(tags), experiment, include_replays)
        return int(self._safely(lambda: self._count(asked)))

    def counts(
        self,
        by: str,
        where: str | None = None,
        *,
        tags: Iterable[str] = (),
        experiment: str | None = None,
        include_replays: bool = False,
    ) -> list[tuple[str | None, int]]:
        """How many of the runs that match have each value of a field, most first; None for those without.

        Args:
            by: one of `COUNTED`; a run counts once for each of its tags. The others are as of `rows`.
        """
        if by not in COUNTED:
            raise ValueError(by)
        asked = _Asked(where, tuple(tags), experiment, include_replays)

        def look() -> list[tuple[str | None, int]]:
            if by == "tag":
                clause, values = self._where(asked)
                head = "select t.tag, count(*) from tags t cross join runs r on r.num = t.run"
                rows = self._db.execute(f"{head}{clause} group by t.tag order by 2 desc, 1", values).fetchall()
                clause, values = self._where(asked, "r.num not in (select run from tags)")
                without = self._db.execute(f"select null, count(*) from runs r{clause}", values).fetchone()
                rows = [*rows, without] if without[1] else rows
            else:
                clause, values = self._where(asked)
                sql = f"select r.{by}, count(*) from runs r{clause} group by r.{by} order by 2 desc, 1"
                rows = self._db.execute(sql, values).fetchall()
            return [(row[0], row[1]) for row in rows]

        found: list[tuple[str | None, int]] = self._safely(look)
        return found

    def briefs(self) -> list[Brief]:
        """All runs, replays and trials too, newest first, with what names them and no more."""
        sql = "select id, name, replay_of, sweep from runs order by started desc, id desc"
        return [Brief(*row) for row in self._ask(sql)]

    def latest(self, back: int = 0) -> str | None:
        """The id of the last run that is no replay and no trial, or of the one so many before it; None when there are not as many."""
        sql = (
            "select id from runs where replay_of is null and sweep is null"
            " order by started desc, id desc limit 1 offset ?"
        )
        return next((row[0] for row in self._ask(sql, [back])), None)

    def latest_count(self) -> int:
        """How many runs there are that are no replays and no trials."""
        return int(self._ask("select count(*) from runs where replay_of is null and sweep is null")[0][0])

    def named(self, name: str, replays: bool = False) -> list[Brief]:
        """The runs of a name, newest first; without those that are replays unless these are asked for."""
        also = "" if replays else " and replay_of is null"
        sql = f"select id, name, replay_of, sweep from runs where name = ?{also} order by started desc, id desc"
        return [Brief(*row) for row in self._ask(sql, [name])]

    def beginning(self, start: str) -> list[Brief]:
        """The runs whose ids begin so, replays and trials too, newest first."""
        sql = (
            "select id, name, replay_of, sweep from runs where id >= ? and id < ? and substr(id, 1, ?) = ?"
            " order by started desc, id desc"
        )
        return [Brief(*row) for row in self._ask(sql, [start, start + "\U0010ffff", len(start), start])]

    def near(self, part: str, limit: int) -> list[Brief]:
        """The newest runs that are no replays, and those that have a part of an id in theirs, so many of each."""
        head = "select id, name, replay_of, sweep from runs where replay_of is null"
        order = "order by started desc, id desc limit ?"
        found = self._ask(f"{head} {order}", [limit])
        if part:
            found += self._ask(f"{head} and instr(id, ?) > 0 {order}", [part, limit])
        return list({row[0]: Brief(*row) for row in found}.values())

    def row(self, run_id: str) -> RunRow | None:
        """One run by its full id."""
        return next(iter(self.rows(ids=[run_id])), None)

    def trials(self, sweep: str) -> list[RunRow]:
        """The trials of a sweep, by the number of their job; none of a run that is no sweep."""
        return self.rows(ids=self.trial_ids(sweep))

    def trial_ids(self, sweep: str) -> list[str]:
        """Ids of the trials of a sweep, by the number of their job."""
        found = [row[0] for row in self._ask("select id from runs where sweep = ?", [sweep])]
        return sorted(found, key=lambda run: int(run.rpartition(".")[2]))

    def resumed(self) -> dict[str, str]:
        """The sweeps that were gone on with, and the newest run that does so with each; replays are none."""
        sql = "select resumes, id from runs where resumes is not null and replay_of is null order by started, id"
        return dict(self._ask(sql))

    def same_recipe(self, recipe: str) -> list[RunRow]:
        """Finished runs with this recipe, newest first."""
        sql = "select num from runs where recipe = ? and status = 'finished' order by started desc, id desc"
        return list(self._each(lambda: self._nums(sql, [recipe])))

    def same_command(self, words: Sequence[str], limit: int) -> list[str]:
        """Ids of ended runs of this command that are no replays and no trials, newest first, at most so many."""
        sql = (
            "select id from runs where command = ? and status in ('finished', 'failed') and replay_of is null and sweep is null"
            " order by started desc, id desc limit ?"
        )
        return [row[0] for row in self._ask(sql, [words_text(list(words)), limit])]

    def _where(self, asked: _Asked, *also: str, few: bool = False) -> tuple[str, list[Any]]:
        """The ``where`` of a statement, and the values of its placeholders. ``also`` are conditions before those that are asked for."""
        conditions, values = list(also), []
        if not asked.include_replays:
            conditions.append("r.replay_of is null")
        if asked.experiment is not None:
            conditions.append("r.experiment = ?")
            values.append(asked.experiment)
        for tag in asked.tags:
            conditions.append("r.num in (select run from tags where tag = ?)")
            values.append(tag)
        if asked.where and asked.where.strip():
            clause, more = where_clause(language.parse(asked.where), self._key, few)
            conditions.append(clause)
            values.extend(more)
        return f" where {' and '.join(conditions)}" if conditions else "", values

    def _numbers(self, asked: _Asked, sort: str | None, limit: int | None, offset: int) -> list[int]:
        """The numbers of the runs that match, in order."""
        order = order_by(sort, self._key)
        if limit is not None and order.quick is not None:
            found = self._by_metric(asked, order.quick, [limit, offset])
            if len(found) == limit:
                return found
        clause, values = self._where(asked)
        sql = f"select r.num from runs r{order.joins}{clause} order by {order.terms} limit ? offset ?"
        return self._nums(sql, [*order.values, *values, -1 if limit is None else limit, offset])

    def _by_metric(self, asked: _Asked, quick: tuple[int, str, str], cut: list[int]) -> list[int]:
        """The first runs that match in the order of a metric, without those that lack it."""
        key, part, direction = quick
        clause, values = self._where(asked, "m.key = ?", f"m.{part} is not null", few=part == "last")
        sql = (
            f"select m.run from metrics m cross join runs r on r.num = m.run{clause}"
            f" order by m.{part} {direction}, r.started desc, r.id desc limit ? offset ?"
        )
        return self._nums(sql, [key, *values, *cut])

    def _count(self, asked: _Asked) -> int:
        clause, values = self._where(asked)
        return int(self._db.execute(f"select count(*) from runs r{clause}", values).fetchone()[0])

    def _nums(self, sql: str, values: Sequence[Any]) -> list[int]:
        return [row[0] for row in self._db.execute(sql, values)]

    def _numbers_of(self, ids: Sequence[str]) -> list[int]:
        found: dict[str, int] = {}
        for start in range(0, len(ids), _AT_ONCE):
            some = list(ids[start : start + _AT_ONCE])
            found.update(self._db.execute(f"select id, num from runs where id in ({_marks(some)})", some))
        return [found[run] for run in ids if run in found]

    def _each(self, find: Callable[[], list[int]]) -> Iterator[RunRow]:
        """The rows of runs by their numbers, which `find` gives. What is wrong with the question is raised at once."""
        return self._listed(find, self._safely(find))

    def _listed(self, find: Callable[[], list[int]], nums: list[int]) -> Iterator[RunRow]:
        done = 0
        while done < len(nums):
            try:
                rows = self._read(nums[done : done + _AT_ONCE])
            except (sqlite3.Error, ValueError) as error:
                self._fall_back(error)
                nums = find()  # in the other database they have other numbers
                continue
            done += _AT_ONCE
            yield from rows

    def _read(self, nums: Sequence[int]) -> list[RunRow]:
        sql = (
            f"select r.num, d.tags, d.params, d.metrics, d.verdicts, {_RUN} from runs r join details d on d.num = r.num"
            f" where r.num in ({_marks(nums)})"
        )
        found = {row[0]: run_row(row[5:], row[1:5]) for row in self._db.execute(sql, list(nums))}
        return [found[num] for num in nums if num in found]  # one may be gone meanwhile

    def _key(self, table: str, name: str) -> int:
        sql = f"select key from names n where name = ? and exists (select 1 from {table} where key = n.key)"
        return next((row[0] for row in self._db.execute(sql, [name])), -1)

    def _ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._safely(lambda: self._db.execute(sql, values).fetchall())

    def _safely(self, look: Callable[[], Any]) -> Any:
        """What a look at the cache tells; where that cannot be written or is corrupt, go on in memory: the folders are the truth."""
        try:
            return look()
        except (sqlite3.Error, ValueError) as error:
            self._fall_back(error)
            return look()

    def _fall_back(self, error: Exception) -> None:
        if isinstance(error, (sqlite3.ProgrammingError, sqlite3.InterfaceError)):
            raise error  # ours, not the cache's
        path = None
        self._db.close()
        if isinstance(error, sqlite3.OperationalError) and _only_unwritable(error):
            path = self.store.index_path  # locked for long, or not ours to write: what it has is still true
        else:
            try:
                discard(self.store.index_path)  # the next one to open it makes it anew
            except Unusable:
                pass
        self._use(in_memory(path))
        self._refresher.refresh(every=True)


def _only_unwritable(error: sqlite3.OperationalError) -> bool:
    text = str(error)
    return any(word in text for word in ("locked", "readonly", "read-only", "unable to open", "full"))


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))
