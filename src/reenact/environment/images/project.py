"""The image that belongs to a project as it is now, and what a record keeps of how an image was built."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...engine.cli import Engine
from ...engine.image import Image, list_images
from ...errors import EXIT_USAGE, ReenactError
from ..solve import LOCK
from .build import LABEL_BUILD, LABEL_LOCK
from .lockfile import lock_digest, project_name


def project_image(engine: Engine, root: Path) -> Image:
    """The image of the project's present lock; of several the one that is tagged as the project's latest, else the newest.

    Raises:
        ReenactError: ``no-image``; it says so where one of an older lock is there.
    """
    fix = "reenact image build"
    lock = root / LOCK
    if not lock.is_file():
        raise ReenactError("no-image", f"there is no {LOCK} in {root}, which an image is built of", fix=fix)
    digest = lock_digest(lock.read_bytes())
    name = project_name(root)
    found = list_images(engine, f"label={LABEL_LOCK}={digest}")
    for image in found:
        if any(_short(tag) == f"{name}:latest" for tag in image.tags):
            return image
    if found:
        return found[0]
    older = [image for image in list_images(engine, f"label={LABEL_LOCK}") if name in map(_repository, image.tags)]
    what = f"{engine.kind} has no image of the present {LOCK}"
    if older:
        what += f"; {older[0].name} is of an older one ({older[0].labels[LABEL_LOCK][7:19]}, now {digest[7:19]})"
    raise ReenactError("no-image", what, fix=fix, exit_code=EXIT_USAGE)


def build_record(image: Image) -> Mapping[str, Any] | None:
    """How an image was built, as `recover` needs it to build it again; None for an image that was not built here.

    Returns:
        ``{schema, reenact, base, digest, python, platform, reproducible, file}``, and ``lock``, the digest of the lock.
    """
    text = image.labels.get(LABEL_BUILD)
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    return {**found, "lock": image.labels.get(LABEL_LOCK)} if isinstance(found, dict) else None


def _short(tag: str) -> str:
    return tag.removeprefix("localhost/").removeprefix("docker.io/").removeprefix("library/")


def _repository(tag: str) -> str:
    return _short(tag).rpartition(":")[0]
