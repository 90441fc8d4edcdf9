"""An image of a project's environment, out of its lock."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ... import __version__
from ...engine.cli import Engine
from ...engine.image import Image, list_images, need_image
from ...errors import EXIT_USAGE, ReenactError
from ...record.atomic import raise_clean, write_atomic
from ..interpreter import find_python, probe_interpreter
from ..packages import distributions
from ..solve import LOCK, find_source
from ..solve import lock as solve
from .base import Base, choose_base
from .builders import Wanted, build_folder, log_path, run_build, secrets_for
from .dockerfiles import build_dockerfile, train_dockerfile
from .lockfile import Lock, configured_base, project_name, read_lock, with_pin
from .reproducible import assemble
from .wheelhouse import Wheel, Wheelhouse, wheels_folder

TRAIN = "train.dockerfile"
LABEL_LOCK = "dev.reenact.lock"
LABEL_BASE = "dev.reenact.base"
LABEL_DIGEST = "dev.reenact.base-digest"
LABEL_PYTHON = "dev.reenact.python"
LABEL_BUILD = "dev.reenact.build"
_NAME = re.compile(r"[a-z0-9]+(?:[._/:-]+[a-z0-9]+)*")


@dataclass(frozen=True)
class Built:
    """An image that is here now.

    Attributes:
        image: what the engine says of it.
        tags: names that it was given.
        lock: digest of the lock.
        base: what it stands on.
        packages: how many distributions it has.
        fresh: it was built now; an image of this lock was not there.
        seconds: what that took.
    """

    image: Image
    tags: tuple[str, ...]
    lock: str
    base: Base
    packages: int
    fresh: bool
    seconds: float


def build_image(
    engine: Engine,
    root: Path,
    wanted: Wanted,
    env: Mapping[str, str],
    say: Callable[[str], None],
    echo: Callable[[str], None] | None = None,
) -> Built:
    """Build the training image of a project.

    Args:
        root: the project; its ``pylock.toml`` is made where there is none, and gets the base pinned.
        env: variables for pip and uv.
        say: gets a line for a person now and then.
        echo: gets what the builder prints.

    Raises:
        ReenactError: ``bad-image-name``, ``no-such-file``, ``unsolvable``, ``no-wheel``, ``build-failed`` and those of `choose_base`.
            Nothing is tagged, and no file of the project written (but a lock that was missing), then.
    """
    began = time.monotonic()
    if wanted.name is not None:
        check_name(wanted.name)
    own_file(root, wanted)
    python = probe_interpreter(find_python(env), env)
    data = project_lock(root, python, env, say)
    lock = read_lock(data, root)
    base = choose_base(
        engine,
        python,
        named=wanted.base,
        configured=configured_base(root),
        pin=lock.pin,
        platform=wanted.platform,
        say=say,
    )
    if lock.pin != base.pin:
        lock = read_lock(with_pin(data, base.pin), root)
    built = build_lock(engine, root, lock, base, wanted, python, env, say, echo)
    if lock.data != data:
        write_atomic(root / LOCK, lock.data)
        say(f"{LOCK} pins the base: {base.pin.base} with {base.pin.digest[:19]}")
    return replace(built, seconds=time.monotonic() - began)


def build_lock(
    engine: Engine,
    root: Path,
    lock: Lock,
    base: Base,
    wanted: Wanted,
    python: Mapping[str, Any],
    env: Mapping[str, str],
    say: Callable[[str], None],
    echo: Callable[[str], None] | None = None,
) -> Built:
    """Build an image of a lock on a base; see `build_image`."""
    began = time.monotonic()
    name = check_name(wanted.name) if wanted.name else project_name(root)
    file = own_file(root, wanted)
    packages = lock.packages(base.target)
    labels = _labels(lock, base, wanted, file)
    tags = (f"{name}:latest", f"{name}:{lock.digest.partition(':')[2][:12]}")
    if file is None and wanted.cache:
        same = find_built(engine, labels)
        if same is not None:
            for tag in tags:
                engine.call("tag", same.id, tag)
            return Built(
                need_image(engine, same.id), tags, lock.digest, base, len(packages), False, time.monotonic() - began
            )
    if file is not None:
        secrets = secrets_for(engine, env)
        run_build(engine, file, root, base, labels, tags, wanted, secrets, log_path(name), echo, wanted.network)
    else:
        house = Wheelhouse(base.target, str(python["executable"]), env, say)
        wheels = house.fetch(packages)
        try:
            with build_folder() as folder:
                if wanted.reproducible:
                    assemble(engine, folder, base, wheels, labels, tags, str(python["executable"]), env)
                else:
                    _fill(folder, wheels, house.uv())
                    own = folder / "Dockerfile"
                    text = build_dockerfile(engine.builder in ("buildx", "buildkit"))
                    # One step; of `--label` the old builder and Podman make one each.
                    quoted = (f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in labels.items())
                    own.write_text(text + f"LABEL {' '.join(quoted)}\n")
                    run_build(engine, own, folder, base, {}, tags, wanted, [], log_path(name), echo, "none")
        except OSError as error:
            raise_clean(error, wheels_folder().parent)
    image = need_image(engine, tags[0])
    return Built(image, tags, lock.digest, base, len(packages), True, time.monotonic() - began)


def project_lock(root: Path, python: Mapping[str, Any], env: Mapping[str, str], say: Callable[[str], None]) -> bytes:
    """The bytes of a project's lock, which is made as ``reenact lock`` does where there is none.

    Raises:
        ReenactError: ``no-uv``, ``unsolvable``.
    """
    path = root / LOCK
    if not path.is_file():
        source = find_source(root)
        installed = None if source else distributions(python.get("path") or [])
        found = solve(root, source, str(python["executable"]), env, installed)
        say(f"there was no lock; {LOCK} is made of {found.source}")
    return path.read_bytes()


def check_name(name: str) -> str:
    """The name as it is, if an engine takes it.

    Raises:
        ReenactError: ``bad-image-name``.
    """
    if not _NAME.fullmatch(name) or ":" in name.rpartition("/")[2]:
        raise ReenactError(
            "bad-image-name",
            f"an image cannot be called {name!r}",
            valid="small letters, digits, and between them . _ - /; the tags are given by reenact",
        )
    return name


def find_built(engine: Engine, labels: Mapping[str, str]) -> Image | None:
    """An image of this engine with just these labels."""
    for image in list_images(engine, f"label={LABEL_LOCK}={labels[LABEL_LOCK]}"):
        if all(image.labels.get(key) == value for key, value in labels.items()):
            return image
    return None


def own_file(root: Path, wanted: Wanted) -> Path | None:
    """The Dockerfile of the project's own, if it is another than the one that is written for it.

    Raises:
        ReenactError: ``no-such-file``, ``no-such-choice``.
    """
    if wanted.file is not None:
        if wanted.reproducible:
            raise ReenactError(
                "no-such-choice",
                "what a Dockerfile builds has other times each time: --reproducible and --file do not go together",
                valid="one of them",
            )
        if not wanted.file.is_file():
            raise ReenactError("no-such-file", f"there is no {wanted.file}", valid="a Dockerfile", exit_code=EXIT_USAGE)
        return wanted.file.resolve()
    kept = root / TRAIN
    if wanted.reproducible or not kept.is_file() or kept.read_text("utf-8", "replace") == train_dockerfile():
        return None
    return kept


def _labels(lock: Lock, base: Base, wanted: Wanted, file: Path | None) -> dict[str, str]:
    record = {
        "schema": 1,
        "reenact": __version__,
        "base": base.pin.base,
        "digest": base.pin.digest,
        "python": base.target.version,
        "platform": wanted.platform,
        "reproducible": wanted.reproducible,
        "file": hashlib.sha256(file.read_bytes()).hexdigest() if file else None,
    }
    return {
        LABEL_LOCK: lock.digest,
        LABEL_BASE: base.pin.base,
        LABEL_DIGEST: base.pin.digest,
        LABEL_PYTHON: base.target.version,
        LABEL_BUILD: json.dumps(record, sort_keys=True, separators=(",", ":")),
    }


def _fill(folder: Path, wheels: Sequence[Wheel], uv: Wheel) -> None:
    """The context of a build: wheels, large ones apart, and uv."""
    for name in ("tools", "heavy", "rest"):
        (folder / name).mkdir()
    _link(uv.path, folder / "tools" / "uv.whl")
    for name in ("heavy", "rest"):
        mine = [wheel for wheel in wheels if wheel.heavy == (name == "heavy")]
        for wheel in mine:
            _link(wheel.path, folder / name / wheel.path.name)
        (folder / name / "requirements.txt").write_text(requirements(mine))


def requirements(wheels: Sequence[Wheel]) -> str:
    """Wheels as pip's requirements with hashes."""
    return "".join(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in wheels)


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)
