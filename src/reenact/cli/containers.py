"""``reenact cp`` and ``commit``: what a run has left, in its record or in its container."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from ..errors import EXIT_USAGE, ReenactError
from .opened import project, say


@click.command(name="cp", short_help="Copy what a run wrote.")
@click.argument("source", metavar="RUN:PATH")
@click.argument("target", metavar="DEST")
def cp(source: str, target: str) -> int:
    """Copy PATH, a file or folder of RUN, to DEST.

    PATH is one that the run wrote or read, as it was then, relative to the project; or an absolute path in the container
    of the run, where that is still there.
    """
    from ..store.refs import resolve

    run, colon, path = source.partition(":")
    if not colon or not run or not path:
        raise ReenactError("usage", f"{source} names no file of a run", valid="RUN:PATH, such as last:model.pt")
    with project() as (store, index):
        folder = store.run_dir(resolve(store, run, index))
        files = _recorded(folder, path)
        if files:
            _copy_recorded(store, folder.name, files, path, target)
        else:
            _copy_contained(folder, path, target)
    return 0


@click.command(name="commit", short_help="Keep what a run changed in its container, as an image.")
@click.argument("run", metavar="RUN")
@click.argument("name", metavar="NAME")
def commit(run: str, name: str) -> int:
    """Make the image NAME of the image of RUN and what RUN has changed in its container."""
    from ..environment.images.build import check_name
    from ..execute.commit import commit as put_together
    from ..record.container import engine_of, load_container
    from ..record.schema import load_start
    from ..store.refs import resolve

    check_name(name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name)
    with project() as (store, index):
        folder = store.run_dir(resolve(store, run, index))
    container = load_container(folder)
    if container is None:
        raise ReenactError("no-container", f"{folder.name} did not run in a container")
    if not container.get("ended"):
        raise ReenactError("still-running", f"{folder.name} has not ended yet", fix=f"reenact wait {folder.name}")
    engine = engine_of(container)
    start = load_start(folder / "start.json")
    image = str((start.container or {})["image"]["id"])
    left = container.get("left") or []
    if container.get("removed") and not left:
        engine.call("tag", image, name)
        say(f"{folder.name} changed nothing in its container: {name} is its image")
        return 0
    _need(engine, container, folder)
    made = put_together(engine, container["id"], left, image, name, folder.name)
    say(f"{name} is {made}: {len(left)} {'file' if len(left) == 1 else 'files'} on top of the image of {folder.name}")
    say("nobody can tell how they came about: a Dockerfile says more (reenact image build --dockerfile)")
    return 0


def _recorded(folder: Path, path: str) -> dict[str, str | None]:
    """Files of the record that are meant, with their digests."""
    from ..record import layout
    from ..record.schema import load_manifest

    if not (folder / layout.MANIFEST).exists():
        return {}
    manifest = load_manifest(folder / layout.MANIFEST)
    known: dict[str, str | None] = {}
    for files in (manifest.outputs, manifest.code.files, manifest.inputs):
        for one in files:
            known.setdefault(one.path, one.digest)
    wanted = os.path.normpath(path)
    inside = os.path.relpath(wanted, manifest.command.root) if os.path.isabs(wanted) else wanted
    for name in (wanted, inside):
        if name in known:
            return {name: known[name]}
        below = {other: digest for other, digest in known.items() if name == "." or other.startswith(name + "/")}
        if below:
            return below
    return {}


def _copy_recorded(store: Any, run: str, files: dict[str, str | None], path: str, target: str) -> None:
    missing = [name for name, digest in files.items() if digest is None or not store.blobs.has(digest)]
    if missing:
        raise ReenactError(
            "not-stored",
            f"of {len(missing)} of these files only the digest is in the record: {', '.join(missing[:3])}",
            fix="they are inputs: take them from where they lay",
        )
    single = len(files) == 1 and not _is_folder(files, path)
    if target == "-":
        if not single:
            raise ReenactError("usage", f"{path} is a folder: only one file can go to stdout")
        with open(store.blobs.path(next(iter(files.values()))), "rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    base = os.path.commonpath([os.path.dirname(name) for name in files]) if not single else ""
    for name, digest in files.items():
        if single:
            place = os.path.join(target, os.path.basename(name)) if os.path.isdir(target) else target
            if not os.path.isdir(os.path.dirname(os.path.abspath(place))):
                raise ReenactError("no-such-folder", f"there is no folder {os.path.dirname(os.path.abspath(place))}")
        else:
            place = os.path.join(target, os.path.relpath(name, base) if base else name)
        os.makedirs(os.path.dirname(os.path.abspath(place)), exist_ok=True)
        _put(store.blobs.path(digest), place)
    say(f"{len(files)} {'file' if len(files) == 1 else 'files'} of {run} copied to {target}")


def _is_folder(files: dict[str, str | None], path: str) -> bool:
    return not any(name == os.path.normpath(path) or os.path.normpath(path).endswith("/" + name) for name in files)


def _put(source: Path, place: str) -> None:
    """Copy aside and rename: a copy that is cut short leaves what was there."""
    handle, aside = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(place)), prefix=".reenact-")
    os.close(handle)
    try:
        shutil.copyfile(source, aside)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(aside, 0o666 & ~mask)
        os.replace(aside, place)
    except BaseException:
        os.unlink(aside)
        raise


def _copy_contained(folder: Path, path: str, target: str) -> None:
    from ..record.container import engine_of, load_container

    container = load_container(folder)
    if container is None or not path.startswith("/"):
        raise ReenactError(
            "unknown-file",
            f"the run {folder.name} has no file {path!r}",
            valid=", ".join((container or {}).get("left") or []) or None,
            fix=f"see `reenact show --all {folder.name}`",
        )
    if target == "-":
        raise ReenactError(
            "usage", "what is in a container cannot go to stdout", fix=f"reenact cp {folder.name}:{path} ."
        )
    engine = engine_of(container)
    _need(engine, container, folder)
    done = engine.call("cp", f"{container['id']}:{path}", target, check=False)
    if done.returncode != 0:
        if (
            "no such" in done.stderr.lower()
            or "could not find" in done.stderr.lower()
            or "not found" in done.stderr.lower()
        ):
            raise ReenactError(
                "unknown-file",
                f"the container of {folder.name} has no {path}",
                valid=", ".join(container.get("left") or []) or None,
            )
        from ..engine.failures import explain

        raise explain(engine.kind, ("cp",), done.stderr, engine.env)
    say(f"{path} of the container of {folder.name} copied to {target}")


def _need(engine: Any, container: dict[str, Any], folder: Path) -> None:
    if not engine.exists("container", container["id"]):
        engine.alive()
        raise ReenactError(
            "no-container",
            f"the container of {folder.name} is gone"
            + (": it had left nothing of its own" if container.get("removed") else ""),
            fix="outputs are in the record: `reenact show " + folder.name + "`",
            exit_code=EXIT_USAGE,
        )
