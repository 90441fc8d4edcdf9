"""Images that come and go: registries and files, and what the runs of a project know of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...engine.cli import Engine
from ...engine.failures import explain
from ...engine.image import Image, find_image, need_image, without_tls
from ...errors import ReenactError
from ...record import layout
from .base import repository
from .saved import archived


def pull(engine: Engine, name: str, echo: Callable[[str], None] | None = None) -> Image:
    """Pull an image by name, tag or digest.

    Raises:
        ReenactError: ``no-registry``, ``no-login``, ``no-image``, ``no-space``, ``wrong-platform``.
    """
    _transfer(engine, ["pull", *without_tls(engine, name), name], echo)
    return need_image(engine, name)


def push(
    engine: Engine, name: str, target: str | None, echo: Callable[[str], None] | None = None
) -> tuple[Image, str | None]:
    """Push an image, under another name where ``target`` is given.

    Returns:
        the image, and its name with the digest that the registry knows it by, if the engine tells.

    Raises:
        ReenactError: as `pull`.
    """
    image = need_image(engine, name)
    there = target or image.name
    new = target is not None and find_image(engine, target) is None
    if target is not None:
        engine.call("tag", image.id, target)
    try:
        _transfer(engine, ["push", *without_tls(engine, there), there], echo)
    except ReenactError:
        if new:
            engine.call("rmi", there, check=False)
        raise
    image = need_image(engine, there)
    mine = [one for one in image.repo_digests if repository(one) == repository(there)]
    return image, mine[0] if mine else None


def load(engine: Engine, path: Path, echo: Callable[[str], None] | None = None) -> list[Image]:
    """Load the images of an archive, whose table of contents is read first.

    Raises:
        ReenactError: ``bad-archive``, ``no-such-file``, ``no-space``.
    """
    wanted = archived(path)
    _transfer(engine, ["load", "--input", str(path)], echo)
    found = []
    for one in wanted:
        image = next((image for name in (*one.tags, one.id) if (image := find_image(engine, name)) is not None), None)
        found += [image] if image is not None else []
    return found


def _transfer(engine: Engine, words: Sequence[str], echo: Callable[[str], None] | None) -> None:
    said: list[str] = []

    def line(text: str) -> None:
        said.append(text)
        if echo is not None:
            echo(text)

    if engine.follow(words, line, {}) != 0:
        raise explain(engine.kind, words, "".join(said[-20:]), engine.env)


def recorded_image(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a run's manifest tells of the image that it ran in, with the ``name`` that was asked for; None where it ran in none."""
    container = manifest.get("container") or {}
    image = container.get("image")
    return {**image, "name": container.get("name")} if isinstance(image, dict) and image.get("diff_ids") else None


def recorded_images(store: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(run, image) for every sealed run of a store that ran in one."""
    for path in sorted((store / "runs").glob(f"*/{layout.MANIFEST}")):
        try:
            data = path.read_bytes()
            found = recorded_image(json.loads(data)) if b'"diff_ids"' in data else None
        except (OSError, ValueError):
            continue
        if found is not None:
            yield path.parent.name, found


def runs_of(image: Image, store: Path | None) -> list[str]:
    """The runs that ran in an image, oldest first; told by its layers."""
    if store is None:
        return []
    return [run for run, found in recorded_images(store) if tuple(found["diff_ids"]) == image.diff_ids]
