"""How large records are, by kind."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ReenactError
from ..record import layout
from ..record.digests import referenced
from ..record.schema import load_manifest
from . import oci
from .project import Store

KINDS = ("manifest", "journal", "trace", "log", "metrics", "media", "lock")
_FOLDERS = {layout.JOURNAL: "journal", layout.TRACE: "trace", layout.METRICS: "metrics", layout.MEDIA: "media"}
_FILES = {layout.LOG: "log", layout.PYLOCK: "lock", layout.FREEZE: "lock"}


@dataclass(frozen=True)
class DuReport:
    """Bytes by kind.

    Attributes:
        kinds: ``manifest`` (with all other text), ``journal``, ``trace``, ``log``, ``metrics``, ``media``, ``lock``.
        record: their sum: what a commit of the record would add.
        blobs_unique: blobs that no other run needs; of all runs, that only one needs.
        blobs_shared: blobs that several need.
        blobs_unused: blobs that none needs, which gc removes; 0 when one run was asked for.
        unreadable: runs whose manifest cannot be read, so that their blobs are not counted.
    """

    kinds: dict[str, int]
    record: int
    blobs_unique: int
    blobs_shared: int
    blobs_unused: int
    runs: int
    unreadable: list[str] = field(default_factory=list)


def du(store: Store, run_id: str | None = None) -> DuReport:
    """Measure one run, or all.

    Args:
        store: the store.
        run_id: full id of a run; all runs when None.
    """
    runs = store.runs()
    asked = runs if run_id is None else [run_id]
    kinds = dict.fromkeys(KINDS, 0)
    for run in asked:
        _measure(store.run_dir(run), kinds)
    users: Counter[str] = Counter()
    own: set[str] = set()
    unreadable: list[str] = []
    for run in runs:
        path = store.run_dir(run) / layout.MANIFEST
        if not path.exists():
            continue
        try:
            digests = referenced(load_manifest(path))
        except ReenactError:
            unreadable.append(run)
            continue
        users.update(digests)
        if run in asked:
            own |= digests
    # The image manifest of each run, and its config: the run as an OCI tool sees it.
    for entry in oci.read_index(store.folder):
        images = oci.reachable(store.blobs, str(entry.get("digest"))) - users.keys()
        users.update(images)
        if run_id is None:
            own |= images
    unique = shared = unused = 0
    for digest in store.blobs.digests():
        size = store.blobs.size(digest) or 0
        if digest in own:
            unique, shared = (unique + size, shared) if users[digest] == 1 else (unique, shared + size)
        elif run_id is None:
            unused += size
    return DuReport(kinds, sum(kinds.values()), unique, shared, unused, len(asked), unreadable)


MOST_TEXT = 1_000_000
"""Bytes of text of one run up to which it is no burden for git, which keeps every version for ever."""


def fit_for_git(report: DuReport) -> dict[str, Any]:
    """Whether git is a place for these records: ``fit``, ``text`` (bytes of a run on average), ``blobs``, and ``why``."""
    blobs = report.blobs_unique + report.blobs_shared
    text = report.record // max(1, report.runs)
    fit = text <= MOST_TEXT
    if fit:
        why = "the text of a record is small"
    else:
        why = "the text of a record is large (traces, journals, logs, uncommitted files); `reenact publish` writes the small part of it"
    if blobs:
        why += "; its blobs (code, data, weights) are not for git: the store's .gitignore leaves them out"
    return {"fit": fit, "text": text, "blobs": blobs, "why": why}


def copied(store: Store) -> dict[str, int] | None:
    """What MLflow keeps of this store's runs in the store's own database: ``runs``, ``database``, ``artifacts``; None without one."""
    database = store.folder / "mlflow.db"
    if not database.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
            (runs,) = db.execute(
                "select count(*) from runs join tags on tags.run_uuid = runs.run_uuid "
                "where tags.key = 'reenact.run' and runs.lifecycle_stage = 'active'"
            ).fetchone()
    except sqlite3.Error:
        runs = 0
    artifacts = 0
    for place, _, names in os.walk(store.folder / "mlflow-artifacts"):
        artifacts += sum(os.lstat(os.path.join(place, name)).st_size for name in names)
    return {"runs": int(runs), "database": database.stat().st_size, "artifacts": artifacts}


def _measure(folder: Path, kinds: dict[str, int]) -> None:
    for place, _, names in os.walk(folder):
        top = Path(place).relative_to(folder).parts[:1]
        for name in names:
            kind = _FOLDERS.get(top[0], "manifest") if top else _FILES.get(name, "manifest")
            try:
                kinds[kind] += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
