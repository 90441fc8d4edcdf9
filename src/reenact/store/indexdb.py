"""The database of the index: its tables, and how it is opened. It is a cache, which can be deleted at any time."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

VERSION = 4
"""Of the tables below; a database with another number is made anew."""

_SCHEMA = (
    # looked: the modification time of runs/ when its names were last read, null when it may change again without another time;
    # checked, cost: when every folder was last looked at, and how long that took; notes, offset: what was read of the notes.
    "create table meta (generation text, seq integer, looked integer, checked real, cost real, notes integer, offset integer)",
    "insert into meta values (lower(hex(randomblob(8))), 0, null, null, null, null, 0)",
    # What is filtered, sorted and counted by; `details` has what is only shown, so that these rows stay short.
    """create table runs (
        num integer primary key, id text not null, stamp integer, seq integer not null, replay_of text, sweep text, resumes text,
        name text, experiment text, status text, detail text, exit_code integer, started text, ended text, duration real,
        recipe text, result text, complete integer, note text, command text
    )""",
    "create table details (num integer primary key, tags text, params text, metrics text, verdicts text, keys text)",
    "create index runs_id on runs (id, stamp)",
    "create index runs_open on runs (id) where stamp is null",
    "create index runs_started on runs (started, id, replay_of, sweep)",
    "create index runs_seq on runs (seq)",
    "create index runs_recipe on runs (recipe)",
    "create index runs_name on runs (name) where name is not null",
    "create index runs_sweep on runs (sweep) where sweep is not null",
    "create index runs_resumes on runs (resumes) where resumes is not null",
    "create table names (key integer primary key, name text not null unique)",
    "create table tags (tag text, run integer, primary key (tag, run)) without rowid",
    "create table params (key integer, run integer, number real, text text, primary key (key, run)) without rowid",
    """create table metrics (
        key integer, run integer, last real, low real, high real, count integer, first real, primary key (key, run)
    ) without rowid""",
    # Folders that are there and in which no run has begun yet; runs that are gone, for those who follow changes.
    "create table pending (id text primary key) without rowid",
    "create table gone (seq integer, id text)",
)
RUN_COLUMNS = (
    *("id", "stamp", "seq", "replay_of", "sweep", "resumes", "name", "experiment", "status", "detail", "exit_code"),
    *("started", "ended", "duration", "recipe", "result", "complete", "note", "command"),
)
"""Columns of ``runs`` after ``num``."""
DETAIL_COLUMNS = ("tags", "params", "metrics", "verdicts", "keys")
"""Columns of ``details`` after ``num``."""


class Unusable(Exception):
    """The database cannot be opened, or not be made."""


def open_database(path: Path, wait: float) -> sqlite3.Connection:
    """The database at a path, made when it is missing, of another version or corrupt.

    Args:
        path: the file.
        wait: seconds to wait for another process that writes.

    Raises:
        Unusable: it is locked for longer than that, or cannot be read or made.
    """
    for _ in range(3):
        db = None
        try:
            db = sqlite3.connect(path, timeout=wait, isolation_level=None)
            version = db.execute("pragma user_version").fetchone()[0]
            if version == 0 and not db.execute("select count(*) from sqlite_master").fetchone()[0]:
                create_tables(db)
                version = VERSION
            if version == VERSION:
                return prepare(db)
            db.close()
        except sqlite3.OperationalError as error:
            if db is not None:
                db.close()
            raise Unusable(str(error)) from error  # locked or read-only
        except (sqlite3.DatabaseError, OSError):
            if db is not None:
                db.close()
        discard(path)
    raise Unusable("it is corrupt, and cannot be removed")


def discard(path: Path) -> None:
    """Remove the database: another version, or corrupt.

    Raises:
        Unusable: that is not allowed.
    """
    try:
        # The journal first: beside a new database it would be taken for that one's.
        Path(f"{path}-journal").unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    except OSError as error:
        raise Unusable(str(error)) from error


def in_memory(path: Path | None = None) -> sqlite3.Connection:
    """A database in memory: a copy of the one at a path as far as that can be read, else an empty one."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    if path is not None and os.path.exists(path):
        try:
            there = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", timeout=1, uri=True)
            try:
                if there.execute("pragma user_version").fetchone()[0] == VERSION:
                    there.backup(db)
                    return prepare(db)
            finally:
                there.close()
        except sqlite3.Error:
            db.close()
            db = sqlite3.connect(":memory:", isolation_level=None)
    create_tables(db)
    return prepare(db)


def create_tables(db: sqlite3.Connection) -> None:
    """Make the tables, unless another process has just done so."""
    db.execute("pragma synchronous = off")
    db.execute("begin immediate")
    try:
        if db.execute("pragma user_version").fetchone()[0] == 0:
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute(f"pragma user_version = {VERSION}")
        db.execute("commit")
    except BaseException:
        db.execute("rollback")
        raise


def prepare(db: sqlite3.Connection) -> sqlite3.Connection:
    """Settings of a connection."""
    # A rollback journal: a write-ahead log does not work on shared file systems. A cache need not survive a crash of the machine.
    db.execute("pragma synchronous = off")
    db.execute("pragma cache_size = -65536")
    return db
