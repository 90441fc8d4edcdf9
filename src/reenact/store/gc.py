"""Garbage collection: what no run needs any more."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ReenactError
from ..record import layout
from ..record.atomic import tmp_name
from ..record.contents import noted_digests
from ..record.digests import referenced
from ..record.ids import RUN_ID
from ..record.leftovers import is_rubbish, remove_all, sealed_leftovers
from ..record.schema import load_manifest
from ..record.status import run_status
from . import oci
from .project import Store

_HOUR = 3600.0
_WORKSPACE = ".replay-"


@dataclass
class GcReport:
    """What was removed, or would be. Sizes in bytes.

    ``blocked`` names the runs of which nothing says what they need: while there are any, no blob is removed.
    """

    blobs: list[str] = field(default_factory=list)
    blob_bytes: int = 0
    files: list[str] = field(default_factory=list)
    kept_blobs: int = 0
    blocked: list[str] = field(default_factory=list)


def workspace_folder(store: Store, run_id: str) -> Path:
    """Where the workspace of a replay is to be; `gc` removes it once nobody uses it any more."""
    return store.tmp_folder / tmp_name(f"{_WORKSPACE[1:]}{run_id}")


def gc(store: Store, dry_run: bool = False, remove_workspace: Callable[[Path], None] = shutil.rmtree) -> GcReport:
    """Remove the blobs that no run needs, and what dead processes left lying about.

    A blob stays when a manifest or an OCI image names it, and, while a run is not sealed yet, when it is as new as
    the oldest such run. Blobs stored while this works are newer than its start, and stay.

    Args:
        store: the store.
        dry_run: only tell.
        remove_workspace: removes what a replay that was killed has left, in whatever state; raises OSError.

    Raises:
        ReenactError: ``store-not-writable``, ``no-space``.
    """
    report = GcReport()
    if not store.folder.is_dir():
        return report
    now_ns = _file_system_time(store)
    runs = store.runs()
    needed, oldest_ns = _mark(store, runs, report)
    if not dry_run:
        oci.rebuild_index(store.folder, store.blobs, runs, only_missing=True)
    report.blocked = [run for run in report.blocked if not _image_tells(store, run)]
    needed |= _imaged(store, set(runs))
    threshold_ns = min(now_ns, oldest_ns)
    for digest in list(store.blobs.digests()):
        if digest in needed:
            report.kept_blobs += 1
            continue
        size = store.blobs.size(digest)
        if report.blocked or size is None or not _removed(store, digest, threshold_ns, dry_run):
            report.kept_blobs += 1
            continue
        report.blobs.append(digest)
        report.blob_bytes += size
    _sweep_files(store, runs, report, dry_run)
    for workspace in _workspaces(store):
        report.files.append(os.path.relpath(workspace, store.folder))
        if not dry_run:
            try:
                remove_workspace(workspace)
            except OSError:
                report.files.pop()
    return report


def _workspaces(store: Store) -> list[Path]:
    """Workspaces that no replay uses any more: reenact is gone, and so is the command."""
    found = []
    for path in sorted(store.tmp_folder.glob(f"{_WORKSPACE}*.tmp")):
        run = RUN_ID.match(path.name, len(_WORKSPACE))
        running = run is not None and run_status(store.run_dir(run[0])).status == "running"
        if is_rubbish(path) and not running:
            found.append(path)
    return found


def _mark(store: Store, runs: list[str], report: GcReport) -> tuple[set[str], int]:
    """Digests that runs need, and the time (ns) of the oldest run that is not sealed."""
    needed: set[str] = set()
    oldest_ns = 2**63 - 1
    for run in runs:
        folder = store.run_dir(run)
        manifest = folder / layout.MANIFEST
        if manifest.exists():
            try:
                needed |= referenced(load_manifest(manifest))
            except ReenactError:
                report.blocked.append(run)
            continue
        needed |= noted_digests(folder) | _early(folder)
        try:
            oldest_ns = min(oldest_ns, (folder / layout.START).stat().st_mtime_ns)
        except OSError:
            oldest_ns = 0
    # A run that has a folder but no start.json yet may have stored something, too.
    for entry in _folders(store):
        if entry.name not in runs:
            oldest_ns = min(oldest_ns, entry.stat().st_mtime_ns)
    return needed, oldest_ns


def _early(folder: Path) -> set[str]:
    """Digests in what is written before the manifest: the lock and the patch."""
    found: set[str] = set()
    for name, keys in ((layout.ENVIRONMENT, ("lock",)), (layout.SOURCE, ("patch",))):
        try:
            data = json.loads((folder / name).read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(data, dict):
            found.update(data[key] for key in keys if isinstance(data.get(key), str))
    return found


def _imaged(store: Store, runs: set[str]) -> set[str]:
    """What the images of existing runs reach; an image whose run is gone counts for nothing."""
    found: set[str] = set()
    for entry in oci.read_index(store.folder):
        if (entry.get("annotations") or {}).get(oci.REF_NAME) in runs:
            found |= oci.reachable(store.blobs, str(entry.get("digest")))
    return found


def _image_tells(store: Store, run: str) -> bool:
    """True when the OCI image of a run, whose manifest.json is corrupt, says what it needs."""
    for entry in oci.read_index(store.folder):
        if (entry.get("annotations") or {}).get(oci.REF_NAME) == run:
            return len(oci.reachable(store.blobs, str(entry.get("digest")))) > 1
    return False


def _removed(store: Store, digest: str, threshold_ns: int, dry_run: bool) -> bool:
    if not dry_run:
        return store.blobs.delete_older(digest, threshold_ns)
    try:
        return store.blobs.path(digest).stat().st_mtime_ns < threshold_ns
    except FileNotFoundError:
        return False


def _sweep_files(store: Store, runs: list[str], report: GcReport, dry_run: bool) -> None:
    doomed: list[Path] = []
    folders = [store.folder, store.tmp_folder]
    for entry in _folders(store):
        folder = Path(entry.path)
        folders += [folder, folder / layout.VERDICTS]
        if entry.name not in runs and _abandoned(folder):
            doomed.append(folder)
        elif (folder / layout.MANIFEST).exists():
            doomed += sealed_leftovers(folder)
    for folder in folders:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        doomed += [folder / name for name in names if _is_tmp(name) and is_rubbish(folder / name)]
    doomed += _stale_series(store, runs)
    # How far copies of runs that are gone had come.
    doomed += [path for path in store.series_folder.parent.glob("mlflow/*/*") if path.stem not in runs]
    doomed = list(dict.fromkeys(doomed))
    report.files += [os.path.relpath(path, store.folder) for path in doomed]
    if not dry_run:
        remove_all(doomed)


def _stale_series(store: Store, runs: list[str]) -> list[Path]:
    """What was kept of the metrics of runs that are gone, and what a dead process has left there."""
    try:
        folders = list(store.series_folder.iterdir())
    except OSError:
        return []
    gone = [folder for folder in folders if folder.name not in runs]
    rest = [path for folder in folders if folder not in gone for path in folder.glob(".*.tmp")]
    return gone + [path for path in rest if is_rubbish(path)]


def _is_tmp(name: str) -> bool:
    return name.endswith(".tmp") and not name.startswith(_WORKSPACE)


def _abandoned(folder: Path) -> bool:
    """True for a run folder that never got a start.json, and whose maker is gone."""
    marks = [name for name in os.listdir(folder) if name.startswith(".new.")]
    if marks:
        return all(is_rubbish(folder / name) for name in marks)
    return time.time() - folder.stat().st_mtime > _HOUR


def _folders(store: Store) -> list[os.DirEntry[str]]:
    try:
        return [entry for entry in os.scandir(store.runs_folder) if entry.is_dir() and RUN_ID.fullmatch(entry.name)]
    except OSError:
        return []


def _file_system_time(store: Store) -> int:
    """Now, by the clock that stamps the blobs: on a network file system it is the server's."""
    store.tmp_folder.mkdir(parents=True, exist_ok=True)
    path = store.tmp_folder / tmp_name("clock")
    path.touch()
    now_ns = path.stat().st_mtime_ns
    path.unlink()
    return now_ns
