"""``reenact show``, ``logs`` and ``path``: one run and its files."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .opened import project, say

if TYPE_CHECKING:
    from ..store.project import Store

_PIECE = 1 << 20
_PAUSE = 0.1


@click.command(name="show", short_help="Show everything that is recorded of a run.")
@click.argument("run", metavar="RUN")
@click.option("--all", "everything", is_flag=True, help="Do not shorten long lists.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest.")
def show(run: str, everything: bool, as_json: bool) -> int:
    """Show what ran, how it ended, and all that went in and came out.

    With --json: the manifest as it was sealed; of a run that still runs, the fields that are known. Names, tags and notes that
    were changed afterwards are told by `reenact ls --json`.
    """
    from ..store.refs import resolve

    with project() as (store, index):
        folder = store.run_dir(resolve(store, run, index))
    if as_json:
        _print_manifest(folder, store.series_folder)
        return 0
    import msgspec

    from ..record.known import known
    from ..record.labels import read_labels
    from ..record.verdicts import read_verdicts
    from ..report.console import console
    from ..report.show import render_show

    data, detail = known(folder, store.series_folder)
    out = console(sys.stdout)
    out.print(
        render_show(
            data,
            labels=msgspec.to_builtins(read_labels(folder)),
            verdicts=[msgspec.to_builtins(verdict) for verdict in read_verdicts(folder)],
            folder=_near(folder),
            detail=detail,
            width=out.width,
            everything=everything,
        )
    )
    return 0


@click.command(name="logs", short_help="Print what a run wrote to the terminal.")
@click.argument("run", metavar="RUN")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends.")
def logs(run: str, follow: bool) -> int:
    """Print what RUN wrote to the terminal, byte for byte."""
    from ..record import layout
    from ..store.refs import resolve

    with project() as (store, index):
        folder = store.run_dir(resolve(store, run, index))
    if not _follow(folder, follow) and not (folder / layout.LOG).exists():
        say(f"{folder.name} has no log")
    return 0


def follow(folder: Path) -> None:
    """Print what a run writes to the terminal, from its beginning until it ends."""
    _follow(folder, True)


def _follow(folder: Path, until_end: bool) -> int:
    """Copy a run's log to stdout, and what comes to it until the run ends; how many bytes that were."""
    from ..record import layout
    from ..record.status import run_status

    at = 0
    while True:
        # Asked before the copy, so that what was written up to the end is copied.
        running = until_end and folder.exists() and run_status(folder).status == "running"
        at = _copy(folder / layout.LOG, at)
        if not running:
            return at
        time.sleep(_PAUSE)


@click.command(name="path", short_help="Print where a run, or a file of it, lies.")
@click.argument("run", metavar="RUN")
@click.argument("file", metavar="[FILE]", required=False)
def path(run: str, file: str | None) -> int:
    """Print the folder of RUN, or where FILE of it lies: a file of the folder (log.txt), else the stored content of an output,
    input or source file (read it, do not change it).
    """
    from ..store.refs import resolve

    with project() as (store, index):
        folder = store.run_dir(resolve(store, run, index))
        found = folder if file is None else _file(store, folder, file)
    _write(os.fsencode(found) + b"\n")
    return 0


def _print_manifest(folder: Path, cache: Path) -> None:
    from ..record import layout
    from ..record.canonical import canonical_json
    from ..record.known import known
    from ..record.schema import load_manifest

    path = folder / layout.MANIFEST
    if path.exists():
        load_manifest(path)  # a corrupt one is an error, not output
        text = path.read_bytes().decode()
    else:
        text = canonical_json(known(folder, cache)[0]).decode()
    sys.stdout.write(text.rstrip("\n") + "\n")


def _near(folder: Path) -> str:
    """The run folder from here where it is below, else in full."""
    here = os.path.relpath(folder)
    return str(folder) if here.startswith("..") else here


def _copy(path: Path, at: int) -> int:
    """Copy the file to stdout from a position on; the position reached."""
    try:
        with open(path, "rb") as file:
            file.seek(at)
            while piece := file.read(_PIECE):
                _write(piece)
                at += len(piece)
    except FileNotFoundError:
        pass
    return at


def _write(data: bytes) -> None:
    """Bytes to stdout, unchanged where it takes bytes."""
    out = sys.stdout
    if hasattr(out, "buffer"):
        out.flush()
        rest = memoryview(data)
        while rest:  # with PYTHONUNBUFFERED the buffer is the bare file, which may take less than it is given
            rest = rest[out.buffer.write(rest) or 0 :]
        out.buffer.flush()
    else:
        out.write(data.decode("utf-8", "replace"))


def _file(store: Store, folder: Path, name: str) -> Path:
    from ..errors import ReenactError
    from ..record import layout
    from ..record.schema import load_manifest

    found = folder / name
    if os.path.normpath(found).startswith(f"{folder}{os.sep}") and found.exists():
        return Path(os.path.normpath(found))
    held = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    known: dict[str, str | None] = {}
    if (folder / layout.MANIFEST).exists():
        manifest = load_manifest(folder / layout.MANIFEST)
        for files in (manifest.outputs, manifest.code.files, manifest.inputs):
            for one in files:
                known.setdefault(one.path, one.digest)
    if name in known:
        digest = known[name]
        if digest is not None and store.blobs.has(digest):
            return store.blobs.path(digest)
        raise ReenactError(
            "not-stored",
            f"the content of {name} is not in the store: only its digest is known ({digest or 'not hashed'})",
        )
    near = [other for other in known if os.path.basename(other) == os.path.basename(name)][:8]
    raise ReenactError(
        "unknown-file",
        f"the run {folder.name} has no file {name!r}",
        valid=", ".join(near or held),
        fix=f"see `reenact show --all {folder.name}`",
    )
