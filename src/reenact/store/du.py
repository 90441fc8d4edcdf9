"""How large records are, by kind."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

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


def _measure(folder: Path, kinds: dict[str, int]) -> None:
    for place, _, names in os.walk(folder):
        top = Path(place).relative_to(folder).parts[:1]
        for name in names:
            kind = _FOLDERS.get(top[0], "manifest") if top else _FILES.get(name, "manifest")
            try:
                kinds[kind] += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
