"""The image of a run, found again: here, in a file, in a registry, or else built again."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ...engine.cli import Engine
from ...engine.image import Image, find_image, list_images, without_tls
from ...errors import EXIT_NOT_REPLAYABLE, ReenactError
from ..interpreter import find_python, probe_interpreter
from .base import HOST, choose_base
from .build import Wanted, build_lock
from .lockfile import Pin, read_lock, with_pin
from .saved import archived

How = Literal["local", "file", "registry", "rebuilt"]


@dataclass(frozen=True)
class Recovered:
    """An image to execute a run in.

    Attributes:
        image: what the engine says of it.
        how: where it came from.
        same: its layers are those that were recorded.
    """

    image: Image
    how: How
    same: bool


def recover(
    engine: Engine,
    recorded: Mapping[str, Any],
    files: Sequence[Path],
    build: Mapping[str, Any] | None,
    lock: bytes | None,
    say: Callable[[str], None],
) -> Recovered:
    """The image of a record.

    An image is the recorded one when its layers are (``diff_ids``): its id depends on the engine, its name may have moved.

    Args:
        recorded: ``id``, ``diff_ids``, ``tags``, ``repo_digests``, ``os``, ``architecture``, ``name``, ``engine``.
        files: archives that it may be in.
        build: how it was built, as `project.build_record` tells.
        lock: the pylock.toml that it was built of.
        say: gets a line for a person now and then.

    Raises:
        ReenactError: ``image-gone`` (exit code 3), with all that was tried; ``engine-down`` and the like.
    """
    wanted = tuple(recorded.get("diff_ids") or ())
    tried: list[str] = []
    found = _local(engine, recorded, wanted)
    if found is not None:
        return Recovered(found, "local", True)
    tried.append(f"{engine.kind} does not have it")
    for path in files:
        found = _from_file(engine, path, wanted, tried)
        if found is not None:
            say(f"the image was loaded from {path}")
            return Recovered(found, "file", True)
    for name in recorded.get("repo_digests") or ():
        found = _from_registry(engine, str(name), wanted, tried)
        if found is not None:
            say(f"the image was pulled: {name}")
            return Recovered(found, "registry", True)
    if build is None or lock is None:
        tried.append("the record does not tell how it was built")
    else:
        try:
            return _rebuilt(engine, recorded, wanted, build, lock, say)
        except ReenactError as error:
            tried.append(f"it cannot be built again: {error.what}")
    raise ReenactError(
        "image-gone",
        f"the image of the run, {recorded.get('name') or recorded.get('id')}, cannot be had:\n"
        + "\n".join(f"  - {line}" for line in tried),
        fix="load it from where it is kept (reenact image load FILE), or pull it (reenact image pull NAME)",
        exit_code=EXIT_NOT_REPLAYABLE,
    )


def _local(engine: Engine, recorded: Mapping[str, Any], wanted: tuple[str, ...]) -> Image | None:
    found = find_image(engine, str(recorded["id"])) if recorded.get("id") else None
    if found is not None and (not wanted or found.diff_ids == wanted):
        return found
    return _by_layers(engine, wanted)


def _by_layers(engine: Engine, wanted: tuple[str, ...]) -> Image | None:
    """An image of this engine with these layers; one that has a name rather than one that has none."""
    found = [image for image in list_images(engine) if wanted and image.diff_ids == wanted]
    return min(found, key=lambda image: not image.tags) if found else None


def _from_file(engine: Engine, path: Path, wanted: tuple[str, ...], tried: list[str]) -> Image | None:
    try:
        if not any(one.diff_ids == wanted for one in archived(path)):
            tried.append(f"{path} holds another image")
            return None
        engine.call("load", "--input", str(path))
    except ReenactError as error:
        tried.append(f"{path}: {error.what}")
        return None
    return _by_layers(engine, wanted)


def _from_registry(engine: Engine, name: str, wanted: tuple[str, ...], tried: list[str]) -> Image | None:
    if name.startswith("localhost/"):
        return None  # what Podman calls an image that was never in a registry
    try:
        engine.call("pull", *without_tls(engine, name), name)
    except ReenactError as error:
        tried.append(f"{name}: {error.what}")
        return None
    found = find_image(engine, name)
    if found is None or (wanted and found.diff_ids != wanted):
        tried.append(f"{name} is another image now")
        return None
    return found


def _rebuilt(
    engine: Engine,
    recorded: Mapping[str, Any],
    wanted: tuple[str, ...],
    build: Mapping[str, Any],
    data: bytes,
    say: Callable[[str], None],
) -> Recovered:
    if build.get("file"):
        raise ReenactError(
            "own-dockerfile", "it was built by a Dockerfile of the project's own: build that one", exit_code=3
        )
    env = dict(os.environ)
    python = probe_interpreter(find_python(env), env)
    pin = Pin(str(build["base"]), str(build["digest"]))
    platform = build.get("platform")
    with tempfile.TemporaryDirectory(prefix="reenact-rebuild-") as folder:
        try:
            base = choose_base(engine, python, named=None, configured=None, pin=pin, platform=platform, say=say)
        except ReenactError as error:
            if error.slug != "base-gone" or pin.base != HOST:
                raise
            base = choose_base(engine, python, named=HOST, configured=None, pin=None, platform=platform, say=say)
            if base.target.version != build.get("python"):
                raise
            say(f"its base was made of another Python {base.target.version}; this machine's is taken")
        root = Path(folder)
        lock = read_lock(data, root)
        if lock.pin != base.pin:
            lock = read_lock(with_pin(data, base.pin), root)
        name = re.sub(r"[^a-z0-9]+", "-", str(recorded.get("name") or "image").rpartition(":")[0].lower()).strip("-")
        how = Wanted(f"reenact-rebuilt/{name or 'image'}", None, None, bool(build.get("reproducible")), platform)
        image = build_lock(engine, root, lock, base, how, python, env, say).image
    same = bool(wanted) and image.diff_ids == wanted
    say(
        "the image was built again from the lock: "
        + ("its layers are those of the run" if same else "the same packages, but not the same layers")
    )
    return Recovered(image, "rebuilt", same)
