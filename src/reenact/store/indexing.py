"""Brings the index up to date with the run folders.

The folders are the truth, and the cache is asked to find the few that must be looked at:

- The time of ``runs/`` tells that a run folder has come or gone: its names are read only where that has changed.
- Runs that are not sealed, and those that changed within the last seconds, are read again each time.
- What reenact itself changes in the folder of a sealed run (labels, verdicts) is noted in ``cache/changes``.
- What anything else changes there (rsync, git, an editor, another machine whose note was lost) is told by the folder's own time alone,
  and to ask 100,000 folders takes half a second. So all are asked each time where that is quick, and else as often as keeps
  that below a hundredth of the time, at least once a minute.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Union

from ..record.changed import read_notes
from ..record.ids import RUN_ID
from .following import Following
from .indexdb import DETAIL_COLUMNS, RUN_COLUMNS, finish
from .project import Store
from .runrows import Found, read_run, with_values

_RACY_NS = 2_000_000_000
"""A folder whose time is this close to now may change again without its time changing."""
_QUICK = 0.02
"""Seconds: where to look at all folders takes less, it is done each time."""
_SELDOM, _LONGEST = 100, 60.0
"""Else after so many times what it took, and after so many seconds."""
_BATCH = 1000
"""Run folders that are read and written together: what a kill costs of an index that is being made."""
_SLICE = 2000
"""Run folders that a poll looks at, besides those that may well have changed."""
GONE = 10_000
"""Removed runs that are remembered for those who follow changes."""
_TOLD = 500
"""Run folders to read from which on progress is told."""

_NEVER = -1

_RUN_MARKS = ", ".join("?" * len(RUN_COLUMNS))

_Stamped = tuple[Found, Union[int, None]]
"""What a folder says, and the time of the folder by which it is known to say that still; None: to be read again."""


class Refresher:
    """Reads run folders into the database of an index.

    Args:
        store: the store.
        db: the database.
        seal: called with the id of each interrupted, unsealed run.
        problems: gets what is wrong with runs, by their ids.
        progress: called with how many folders have been read, and how many there are to read.
    """

    def __init__(
        self,
        store: Store,
        db: sqlite3.Connection,
        seal: Callable[[str], Any],
        problems: dict[str, str],
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._store = store
        self._runs = os.fspath(store.runs_folder)
        self._db = db
        self._seal = seal
        self._problems = problems
        self._progress = progress
        self._keys: dict[str, int] = {}
        self._all: set[str] | None = None
        self._version = -1
        self._turn: list[str] = []
        self._turn_began = 0.0

    def refresh(self, every: bool = False) -> None:
        """Bring the index up to date.

        Args:
            every: look at every run folder.

        Raises:
            sqlite3.Error: the cache cannot be read or written.
        """
        before = self._time_of_runs()
        if every or self._is_due():
            self._look_at_all()
        else:
            self._look_at_some(())
        if self._time_of_runs() != before:
            self._look_at_some(())  # sealing a sweep has made its trials

    def poll(self) -> None:
        """Look at what may have changed, and at some of the other folders in turn, so that all are looked at in the end."""
        if not self._turn:
            if self._turn_began:
                self._set(checked=self._turn_began)
            self._turn = [row[0] for row in self._db.execute("select id from runs order by id")]
            self._turn_began = time.time()
        mine, self._turn = self._turn[-_SLICE:], self._turn[:-_SLICE]
        self._look_at_some(mine)

    def follow(self, following: Following) -> None:
        """Take in what runs that go on have logged by now; those of which that was done last come last.

        Raises:
            sqlite3.Error: as `refresh`.
        """
        going = [
            row[0]
            for row in self._db.execute("select id from runs where stamp is null and status = 'running' order by seq")
        ]
        found: list[_Stamped] = []
        for known in following.look(going):
            one = read_run(self._store.run_dir(known.id), self._seal, self._problems)
            if one is not None and one.going:
                found.append((with_values(one, known.params, known.metrics)._replace(going=False), None))
        if found:
            self._write(found, (), (), dict.fromkeys(going))

    def _is_due(self) -> bool:
        checked, cost = self._db.execute("select checked, cost from meta").fetchone()
        if checked is None or cost is None or cost < _QUICK:
            return True
        return not 0 <= time.time() - checked < min(_LONGEST, _SELDOM * cost)

    def _look_at_all(self) -> None:
        began, clock = time.time(), time.perf_counter()
        looked = self._time_of_runs(settled=True)
        notes = read_notes(self._store.folder, None, 0)
        known = dict(self._db.execute("select id, stamp from runs"))
        now = self._stamps(name for name in self._names() if name in known or RUN_ID.fullmatch(name))
        cost = time.perf_counter() - clock
        changed: dict[str, int] = {}
        gone: list[str] = []
        if now != known:
            changed = {run: stamp for run, stamp in now.items() if known.get(run) != stamp}
            gone = [run for run in known if run not in now]
        gone += [run for run in self._pending() if run not in now]
        self._take(changed, gone, known)
        first = self._db.execute("select checked from meta").fetchone()[0] is None
        if first:
            finish(self._db)
        if changed or gone or cost >= _QUICK or first:
            self._set(looked=looked, checked=began, cost=cost, notes=notes.inode, offset=notes.offset)

    def _look_at_some(self, more: Iterable[str]) -> None:
        """Look at what may have changed, and at more."""
        before = self._db.execute("select looked, notes, offset from meta").fetchone()
        notes = read_notes(self._store.folder, *before[1:])
        if notes.ids is None:  # they began anew: some may have been missed
            self._look_at_all()
            return
        looked = self._time_of_runs(settled=True)
        wanted = dict.fromkeys([*notes.ids, *more])
        wanted.update(self._db.execute("select id, null from runs where stamp is null"))
        wanted.update(dict.fromkeys(self._pending()))
        gone: set[str] = set()
        if looked is None or looked != before[0]:
            known = self._ids()  # before the names: what another process adds meanwhile is not gone
            names = set(self._names())
            gone |= known - names
            wanted.update(dict.fromkeys(name for name in names - known if RUN_ID.fullmatch(name)))
        now = self._stamps(wanted)
        seen = self._known(list(wanted))
        gone.update(run for run in wanted if run not in now)
        self._take({run: stamp for run, stamp in now.items() if seen.get(run) != stamp}, sorted(gone), seen)
        after = (looked, notes.inode, notes.offset)
        if after != before:
            self._set(looked=after[0], notes=after[1], offset=after[2])

    def _take(self, changed: dict[str, int], gone: Sequence[str], seen: Mapping[str, int | None]) -> None:
        """Read run folders that have changed, and write what they say.

        Args:
            changed: the folders and their times.
            gone: runs and folders that are not there any more.
            seen: the times that the index had of the runs when that was found.
        """
        if gone:
            self._write([], gone, (), seen)
        order = sorted(changed)
        tell = self._progress if self._progress is not None and len(order) >= _TOLD else None
        for start in range(0, len(order), _BATCH):
            some = order[start : start + _BATCH]
            if start:
                # Another process may be at the same work.
                seen = self._known(some)
                some = [run for run in some if seen.get(run) != changed[run]]
            found: list[_Stamped] = []
            empty: list[str] = []
            now = time.time_ns()
            for run in some:
                one = read_run(self._store.run_dir(run), self._seal, self._problems)
                if one is None:
                    empty.append(run)
                else:
                    settled = one.settled and now - changed[run] > _RACY_NS
                    found.append((one, changed[run] if settled else None))
            self._write(found, empty, empty, seen)
            if tell is not None:
                tell(min(start + _BATCH, len(order)), len(order))

    def _write(
        self, found: Sequence[_Stamped], gone: Sequence[str], empty: Sequence[str], seen: Mapping[str, int | None]
    ) -> None:
        """Write what was read, in one go: nobody sees a part of it."""
        db = self._db
        there = self._known([*(one.id for one, _ in found), *gone], "num")
        same = {one.id for one, _ in found if one.id in there and self._says(one, there[one.id])}
        stamps = [(stamp, run) for (one, stamp) in found if (run := one.id) in same and seen.get(run) != stamp]
        found = [(one, stamp) for one, stamp in found if one.id not in same]
        pending = self._pending()
        began = [run for run in (*(one.id for one, _ in found), *gone) if run in pending and run not in empty]
        empty = [run for run in empty if run not in pending]
        gone = [run for run in gone if run in there]
        if not (stamps or found or began or empty or gone):
            return
        db.execute("begin immediate")
        try:
            db.executemany("update runs set stamp = ? where id = ?", stamps)
            db.executemany("delete from pending where id = ?", ((run,) for run in began))
            db.executemany("insert or ignore into pending values (?)", ((run,) for run in empty))
            if found or gone:
                db.execute("update meta set seq = seq + 1")
                seq = db.execute("select seq from meta").fetchone()[0]
                ids = [one.id for one, _ in found]
                stamped = self._known(ids)
                # Another process has written of it meanwhile, perhaps something newer: it is looked at again.
                found = [
                    (one, stamp if one.id not in stamped or stamped[one.id] == seen.get(one.id, _NEVER) else None)
                    for one, stamp in found
                ]
                self._forget(list(self._known([*ids, *gone], "num").values()))
                db.executemany("insert into gone values (?, ?)", ((seq, run) for run in gone))
                db.execute("delete from gone where rowid <= (select max(rowid) from gone) - ?", [GONE])
                self._insert(found, seq)
            db.execute("commit")
        except BaseException:
            self._keys = {}
            if db.in_transaction:
                db.execute("rollback")
            raise
        if self._all is not None:
            self._all.update(one.id for one, _ in found)
            self._all.difference_update(gone)

    def _says(self, one: Found, num: int) -> bool:
        """Whether the index says the same of a run already: then nobody is told of a change."""
        row = self._db.execute(
            f"select {', '.join(f'r.{column}' for column in one.row)}, d.tags, d.verdicts, d.params, d.metrics"
            " from runs r join details d using (num) where r.num = ?",
            [num],
        ).fetchone()
        mine = (*one.row.values(), _text(one.tags), one.verdicts)
        return bool(row == (*mine, one.params, one.metrics) or (one.going and row is not None and row[:-2] == mine))

    def _pending(self) -> set[str]:
        return {row[0] for row in self._db.execute("select id from pending")}

    def _ids(self) -> set[str]:
        """The runs that the index has, kept as long as no other process has written."""
        version = self._db.execute("pragma data_version").fetchone()[0]
        if self._all is None or version != self._version:
            self._version = version
            self._all = {row[0] for row in self._db.execute("select id from runs")}
        return self._all

    def _forget(self, nums: Sequence[int]) -> None:
        for num in nums:
            row = self._db.execute("select tags, keys from details where num = ?", [num]).fetchone()
            tags, keys = (json.loads(text) for text in row) if row else ((), ())
            self._db.executemany("delete from tags where tag = ? and run = ?", ((tag, num) for tag in tags))
            for table in ("params", "metrics"):
                self._db.executemany(f"delete from {table} where key = ? and run = ?", ((key, num) for key in keys))
            self._db.execute("delete from runs where num = ?", [num])
            self._db.execute("delete from details where num = ?", [num])

    def _insert(self, found: Sequence[tuple[Found, int | None]], seq: int) -> None:
        db = self._db
        num = db.execute("select coalesce(max(num), 0) from runs").fetchone()[0]
        runs, details, tags, params, metrics = [], [], [], [], []
        for one, stamp in found:
            num += 1
            row = {**one.row, "stamp": stamp, "seq": seq}
            runs.append((num, *[row[column] for column in RUN_COLUMNS]))
            keys: dict[int, None] = {}
            for name, number, text in one.param_rows:
                key = self._key(name)
                keys[key] = None
                params.append((key, num, number, text))
            for name, last, low, high, count, first in one.metric_rows:
                key = self._key(name)
                keys[key] = None
                metrics.append((key, num, last, low, high, count, first))
            tags += [(tag, num) for tag in one.tags]
            details.append((num, _text(one.tags), one.params, one.metrics, one.verdicts, _text(list(keys))))
        db.executemany(f"insert into runs values (?, {_RUN_MARKS})", runs)
        db.executemany(f"insert into details values (?, {', '.join('?' * len(DETAIL_COLUMNS))})", details)
        db.executemany("insert or ignore into tags values (?, ?)", tags)
        db.executemany("insert or ignore into params values (?, ?, ?, ?)", params)
        db.executemany("insert or ignore into metrics values (?, ?, ?, ?, ?, ?, ?)", metrics)

    def _key(self, name: str) -> int:
        """The number of a name, in a transaction that writes."""
        key = self._keys.get(name)
        if key is None:
            row = self._db.execute("select key from names where name = ?", [name]).fetchone()
            if row is None:
                key = int(self._db.execute("insert into names (name) values (?)", [name]).lastrowid or 0)
            else:
                key = int(row[0])
            self._keys[name] = key
        return key

    def _names(self) -> list[str]:
        try:
            return os.listdir(self._runs)
        except OSError:
            return []

    def _stamps(self, names: Iterable[str]) -> dict[str, int]:
        """The times of run folders: they tell of manifest.json and labels.json (renamed into them) and of new verdicts
        (`write_verdict` sets it). One question a folder, not three.
        """
        found = {}
        stat, head = os.stat, self._runs + os.sep
        for name in names:
            try:
                found[name] = stat(head + name).st_mtime_ns
            except OSError:
                continue
        return found

    def _time_of_runs(self, settled: bool = False) -> int | None:
        """The time of ``runs/``; with `settled`, None where it may change again without another time."""
        try:
            stamp = os.stat(self._runs).st_mtime_ns
        except OSError:
            return None
        return stamp if not settled or time.time_ns() - stamp > _RACY_NS else None

    def _known(self, runs: Sequence[str], column: str = "stamp") -> dict[str, Any]:
        found: dict[str, Any] = {}
        for start in range(0, len(runs), 500):
            some = runs[start : start + 500]
            sql = f"select id, {column} from runs where id in ({', '.join('?' * len(some))})"
            found.update(self._db.execute(sql, some))
        return found

    def _set(self, **values: Any) -> None:
        """What is to be known the next time; where it cannot be written, more is looked at then."""
        try:
            self._db.execute(f"update meta set {', '.join(f'{key} = ?' for key in values)}", list(values.values()))
        except sqlite3.OperationalError:
            pass


def _text(words: list[Any]) -> str:
    return json.dumps(words) if words else "[]"
