"""``reenact image ls``, ``pull``, ``push``, ``save``, ``load``, ``rm`` and ``shell``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .opened import say

if TYPE_CHECKING:
    from ..engine.cli import Engine
    from ..engine.image import Image


@click.command(name="ls")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def ls(as_json: bool) -> int:
    """The images that were built of locks, newest first: of which, on what base, and which runs ran in them."""
    from ..engine.find import find_engine
    from ..engine.image import list_images
    from ..environment.images.build import LABEL_BASE, LABEL_LOCK, LABEL_PYTHON
    from ..environment.images.exchange import recorded_images
    from ..environment.images.lockfile import lock_digest
    from ..environment.solve import LOCK

    root, store = _places()
    lock = root / LOCK
    present = lock_digest(lock.read_bytes()) if lock.is_file() else None
    used: dict[tuple[str, ...], list[str]] = {}
    for run, found in recorded_images(store) if store else ():
        used.setdefault(tuple(found["diff_ids"]), []).append(run)
    rows: list[dict[str, Any]] = []
    for image in list_images(find_engine(), f"label={LABEL_LOCK}"):
        labels = image.labels
        row: dict[str, Any] = {"id": image.id, "tags": list(image.tags), "lock": labels[LABEL_LOCK]}
        row |= {
            "present": labels[LABEL_LOCK] == present,
            "base": labels.get(LABEL_BASE),
            "python": labels.get(LABEL_PYTHON),
        }
        row |= {"size": image.size, "created": image.created, "runs": used.get(image.diff_ids, [])}
        rows.append(row)
    if as_json:
        sys.stdout.write(json.dumps(rows) + "\n")
    elif not rows:
        say("there is no image of a lock; `reenact image build` makes one")
    else:
        _print(rows)
    return 0


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.console import JustifyMethod
    from rich.table import Table

    from ..report.console import console
    from ..report.quantities import plain, size

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("image", "id", "lock", "base", "python", "size", "runs"):
        free = title == "base"
        justify: JustifyMethod = "right" if title in ("size", "runs") else "left"
        table.add_column(title, justify=justify, overflow="fold", no_wrap=not free, min_width=8 if free else None)
    for row in rows:
        lock = row["lock"][7:19] + (" *" if row["present"] else "")
        cells = ["\n".join(row["tags"]) or "(no name)", row["id"][7:19], lock, row["base"] or "?", row["python"] or "?"]
        table.add_row(*map(plain_lines, cells), plain(size(row["size"])), str(len(row["runs"])))
    out = console(sys.stdout)
    if not out.is_terminal:
        out.width = 500  # a name is one word for grep
    out.print(table)
    if any(row["present"] for row in rows):
        say("* the present lock")


def plain_lines(text: str) -> str:
    """Text for a cell, its lines kept."""
    from ..report.quantities import plain

    return plain(text, lines=True)


@click.command(name="pull")
@click.argument("name")
def pull(name: str) -> int:
    """Pull the image NAME from a registry, and say whether it is the one that runs recorded. The login is the engine's own."""
    from ..engine.find import find_engine
    from ..environment.images import exchange

    _tell(exchange.pull(find_engine(), name, _echo()), name)
    return 0


@click.command(name="push")
@click.argument("name")
@click.argument("target", required=False)
def push(name: str, target: str | None) -> int:
    """Push the image NAME to a registry, as TARGET if that is given. The login is the engine's own."""
    from ..engine.find import find_engine
    from ..environment.images import exchange
    from ..environment.images.saved import note_pushed
    from ..store.project import Store

    image, there = exchange.push(find_engine(), name, target, _echo())
    if there is not None:
        note_pushed(Store.open(os.getcwd(), create=True).folder, there, image)
    say(f"{target or image.name} is pushed: {there or image.id}")
    sys.stdout.write(f"{there or image.id}\n")
    return 0


@click.command(name="save")
@click.argument("name", metavar="NAME|RUN")
@click.argument("file", required=False)
def save(name: str, file: str | None) -> int:
    """Save an image, or that of a run, to FILE, below .reenact/images if not given; `verify` finds it there."""
    from ..engine.find import find_engine
    from ..environment.images import saved
    from ..report.quantities import size
    from ..store.project import Store

    engine = find_engine()
    image = _named(engine, name)
    store = Store.open(os.getcwd(), create=True)
    path = saved.save(engine, image, Path(file) if file else None, store.folder)
    say(f"{image.name} is saved, {size(path.stat().st_size)}")
    sys.stdout.write(f"{path}\n")
    return 0


@click.command(name="load")
@click.argument("file")
def load(file: str) -> int:
    """Load the images of FILE, and say whether they are those that runs recorded."""
    from ..engine.find import find_engine
    from ..environment.images import exchange

    for image in exchange.load(find_engine(), Path(file), None):
        _tell(image, image.name)
    return 0


@click.command(name="rm")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Also an image that runs ran in.")
def rm(names: tuple[str, ...], force: bool) -> int:
    """Remove images. One that runs ran in, and that no other name keeps, wants --force: their replays would need it."""
    from ..engine.find import find_engine
    from ..engine.image import need_image
    from ..environment.images.exchange import runs_of
    from ..errors import ReenactError

    engine = find_engine()
    _, store = _places()
    images = [(name, need_image(engine, name)) for name in names]
    for name, image in images:
        used = runs_of(image, store)
        if used and not force and len(image.tags) <= 1:
            raise ReenactError(
                "image-in-use",
                f"{len(used)} runs ran in {name} ({', '.join(used[:3])}{', …' if len(used) > 3 else ''})",
                fix=f"keep it in a file first (reenact image save {name}), or remove it all the same: --force",
            )
    for name, _ in images:
        engine.call("image", "rm", *(["--force"] if force else []), name)
        say(f"{name} is removed")
    return 0


@click.command(name="shell", context_settings={"ignore_unknown_options": True})
@click.argument("words", metavar="[NAME] [-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@click.option("--network", metavar="NET", help="As the engine takes it: none, host, bridge.")
def shell(words: tuple[str, ...], network: str | None) -> int:
    """A shell, or COMMAND, in the project's image or in NAME, with the project at its own path, as the current user.

    Nothing is recorded of it; `reenact run --image` does that. Exit code: the command's.
    """
    from ..engine.find import find_engine
    from ..environment.images.project import project_image

    engine = find_engine()
    root, _ = _places()
    name, command = _split(words)
    image = _named(engine, name) if name is not None else project_image(engine, root)
    if engine.remote:
        say("warning: the engine is on another machine, where the project's folder is not this one")
    call = ["run", "--rm", "--init", "--mount", f"type=bind,source={root},target={root}", "--workdir", os.getcwd()]
    call += ["--interactive", *(["--tty"] if sys.stdin.isatty() else [])]
    call += ["--userns=keep-id"] if engine.kind == "podman" and engine.rootless else []
    user = f"{os.getuid()}:{os.getgid()}"
    call += ["--user", user, "--env", "HOME=/tmp", "--env", f"USER={os.environ.get('USER') or os.getuid()}"]
    call += ["--network", network] if network else []
    return engine.stream([*call, image.name, *(command or ("/bin/sh",))])


def _split(words: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The image's name, and the command behind ``--``, which click has taken out of the words."""
    given = sys.argv[1:]
    if "--" in given:
        behind = len(given) - given.index("--") - 1
        before, command = words[: len(words) - behind], words[len(words) - behind :]
    else:
        before, command = words[:1], words[1:]
    return (before[0] if before else None), command


def _places() -> tuple[Path, Path | None]:
    """The project, and its store where it has one."""
    from .. import knobs
    from ..store.project import Store, find_root

    root = Path(find_root(os.getcwd()))
    folder = Store(root, knobs.text(knobs.STORE)).folder
    return root, folder if folder.is_dir() else None


def _named(engine: Engine, name: str) -> Image:
    """An image by its name, or by a run that ran in it."""
    from ..engine.image import find_image, need_image
    from ..environment.images.exchange import recorded_images
    from ..errors import ReenactError
    from ..store.project import Store
    from ..store.refs import resolve

    found = find_image(engine, name)
    _, folder = _places()
    if found is not None or folder is None:
        return found or need_image(engine, name)
    try:
        run = resolve(Store.open(os.getcwd()), name)
    except ReenactError:
        return need_image(engine, name)
    recorded = dict(recorded_images(folder)).get(run)
    if recorded is None:
        raise ReenactError("no-image", f"the run {run} ran in no image", fix="name an image: `reenact image ls`")
    return find_image(engine, recorded["id"]) or need_image(engine, recorded.get("name") or recorded["id"])


def _tell(image: Image, name: str) -> None:
    """Say what an image that has come is, and whether runs know it."""
    from ..environment.images.exchange import recorded_images
    from ..report.quantities import count

    _, store = _places()
    known = list(recorded_images(store)) if store else []
    same = [run for run, found in known if tuple(found["diff_ids"]) == image.diff_ids]
    other = [run for run, found in known if name in (found.get("name"), *(found.get("tags") or ())) and run not in same]
    text = f"{name} is here: {image.id[:19]}"
    if same:
        text += f"; it is the image of {count(len(same), 'run')}, by its layers ({same[-1]})"
    if other:
        text += f"; it is not what {count(len(other), 'run')} recorded under that name ({other[-1]})"
    say(text)
    sys.stdout.write(image.id + "\n")


def _echo() -> Any:
    from ..report.console import is_terminal

    return sys.stderr.write if is_terminal(sys.stderr) else None
