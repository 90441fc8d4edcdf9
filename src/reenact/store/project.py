"""Where a project's runs are: its root, its store, its run folders."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import knobs
from ..errors import EXIT_USAGE, ReenactError
from ..record import layout
from ..record.atomic import raise_clean, tmp_name, write_atomic
from ..record.canonical import canonical_json
from ..record.collect import Collector
from ..record.container import recover, remove_container
from ..record.ids import RUN_ID, new_run_id
from ..record.scan import Scan
from ..record.schema import Manifest, load_manifest, load_start
from ..record.seal import seal
from ..record.status import run_status
from . import oci
from .blobs import BlobStore
from .filehash import FileHasher

STORE = ".reenact"


def find_root(start: str | os.PathLike[str]) -> Path:
    """The project root for a command given in ``start``: the nearest folder upwards that has a ``.reenact``, else a
    pyproject.toml, else a .git; else ``start`` itself.

    With REENACT_STORE set, a ``.reenact`` is not looked for: the store is elsewhere.
    """
    here = Path(os.path.abspath(start))
    folders = [here, *here.parents]
    marks = ["pyproject.toml", ".git"]
    if knobs.text(knobs.STORE) is None:
        marks.insert(0, STORE)
    for mark in marks:
        for folder in folders:
            found = folder / mark
            if found.is_dir() if mark == STORE else found.exists():
                return folder
    return here


class Store:
    """The runs and blobs of one project.

    Args:
        root: the project root.
        folder: the store; ``.reenact`` below the root when None.
    """

    def __init__(self, root: str | os.PathLike[str], folder: str | os.PathLike[str] | None = None) -> None:
        self.root = Path(os.path.abspath(root))
        self.folder = Path(os.path.abspath(folder)) if folder is not None else self.root / STORE
        self.runs_folder = self.folder / "runs"
        self.tmp_folder = self.folder / "tmp"
        self.index_path = self.folder / "index.sqlite"
        self.series_folder = self.folder / "cache" / "series"
        self.blobs = BlobStore(self.folder)
        self.hasher = FileHasher(self.folder / "cache" / "hashes.sqlite")

    @classmethod
    def open(cls, cwd: str | os.PathLike[str], *, create: bool = False) -> Store:
        """The store for a command given in ``cwd``.

        Args:
            cwd: a folder of the project.
            create: make the store when there is none.

        Raises:
            ReenactError: ``no-store`` when there is none and ``create`` is False; ``store-not-writable`` (exit code
                2) and ``no-space`` when it cannot be made.
        """
        store = cls(find_root(cwd), knobs.text(knobs.STORE))
        if create:
            store.create()
        elif not store.folder.is_dir():
            raise ReenactError(
                "no-store",
                f"no runs have been recorded here: there is no store at {store.folder}",
                fix="record one with `reenact run COMMAND`",
                exit_code=EXIT_USAGE,
            )
        return store

    def create(self) -> None:
        """Make what is missing of the store. Raises ReenactError ``store-not-writable``, ``no-space``."""
        try:
            for folder in (self.runs_folder, self.tmp_folder, self.folder / "cache", self.folder / "blobs" / "sha256"):
                folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self.runs_folder, os.W_OK):
                raise PermissionError(errno.EACCES, "permission denied")
            oci.create_layout(self.folder)
        except OSError as error:
            try:
                raise_clean(error, self.folder)
            except OSError:
                raise ReenactError(
                    "store-not-writable",
                    f"cannot make the store {self.folder}: {error.strerror}",
                    fix="set REENACT_STORE to a folder that can be written",
                    exit_code=EXIT_USAGE,
                ) from error
        ignore = self.folder / ".gitignore"
        if not ignore.exists():
            # The text of a record is small enough to commit; blobs, images that were logged and caches are not for git.
            write_atomic(
                ignore,
                b"/blobs/\n/runs/*/media/*/\n/cache/\n/tmp/\n/index.sqlite*\n/index.json\n/oci-layout\n/mlflow.db*\n/mlflow-artifacts/\n*.tmp\n",
            )

    def new_run_dir(self, run_id: str | None = None) -> Path:
        """Make the folder of a new run; its name is the run id.

        Args:
            run_id: the id; a new one when None.

        Raises:
            ReenactError: ``run-exists``, ``store-not-writable``, ``no-space``.
        """
        while True:
            path = self.runs_folder / (run_id or new_run_id())
            try:
                path.mkdir(parents=True)
                for name in (layout.JOURNAL, layout.TRACE, layout.METRICS):
                    (path / name).mkdir()
                # Tells gc that somebody is at it, for as long as start.json is not there.
                (path / tmp_name("new")).touch()
            except FileExistsError as error:
                if run_id is None:
                    continue
                raise ReenactError("run-exists", f"the run {run_id} exists already in {self.folder}") from error
            except OSError as error:
                raise_clean(error, path)
            return path

    def run_dir(self, run_id: str) -> Path:
        """The run's folder; it need not exist."""
        return self.runs_folder / run_id

    def runs(self) -> list[str]:
        """Ids of all runs that have begun (that have a start.json or a manifest), oldest first."""
        try:
            names = os.listdir(self.runs_folder)
        except OSError:
            return []
        found = []
        for name in names:
            folder = self.runs_folder / name
            if RUN_ID.fullmatch(name) and ((folder / layout.START).exists() or (folder / layout.MANIFEST).exists()):
                found.append(name)
        return sorted(found)

    def manifest(self, run_id: str) -> Manifest:
        """The manifest of a sealed run.

        Raises:
            ReenactError: ``not-sealed`` when it still runs, ``unknown-run``, ``corrupt-manifest`` (exit code 3).
        """
        folder = self.run_dir(run_id)
        if not (folder / layout.MANIFEST).exists():
            if not folder.is_dir():
                raise ReenactError("unknown-run", f"there is no run {run_id} in {self.folder}")
            raise ReenactError(
                "not-sealed", f"the run {run_id} is not sealed yet", fix="wait until it ends, or see `reenact ls`"
            )
        return load_manifest(folder / layout.MANIFEST)

    def remove_run(self, run_id: str) -> None:
        """Remove a run's folder; its blobs stay until gc.

        Raises:
            ReenactError: ``unknown-run``, ``still-running``, ``store-not-writable``.
        """
        folder = self.run_dir(run_id)
        if not folder.is_dir():
            raise ReenactError("unknown-run", f"there is no run {run_id} in {self.folder}")
        status = run_status(folder)
        if status.status == "running" and status.host_known:
            raise ReenactError("still-running", f"the run {run_id} is still running", fix="stop it first")
        remove_container(folder)
        self.tmp_folder.mkdir(exist_ok=True)
        aside = self.tmp_folder / tmp_name("rm")
        try:
            folder.rename(aside)  # gone at once for everyone else, then piece by piece
        except OSError as error:
            raise_clean(error, folder)
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(self.series_folder / run_id, ignore_errors=True)

    def seal(
        self,
        run_id: str,
        *,
        collector: Collector | None = None,
        environment: dict[str, Any] | None = None,
        git: dict[str, Any] | None = None,
        before_scan: Scan | None = None,
        problems: Iterable[str] = (),
    ) -> Manifest:
        """Seal a run that has ended, and list it in the OCI index. See `record.seal.seal`.

        The root is the one that start.json names: it may lie elsewhere than this store.
        """
        folder = self.run_dir(run_id)
        fresh = not (folder / layout.MANIFEST).exists()
        if fresh:
            recover(folder)
        root = load_start(folder / layout.START).root if fresh else self.root
        manifest = seal(
            folder,
            root,
            self.blobs,
            self.hasher,
            collector=collector,
            environment=environment,
            git=git,
            before_scan=before_scan,
            problems=problems,
        )
        if fresh:
            oci.add_run(self.folder, self.blobs, run_id, canonical_json(manifest), manifest)
        return manifest
