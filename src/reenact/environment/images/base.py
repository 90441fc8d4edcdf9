"""The base of an image: named by a flag, a setting or the lock, resolved to a digest, asked what Python it has."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...engine.cli import Engine
from ...engine.image import Image, find_image, need_image, without_tls
from ...errors import EXIT_MISSING, EXIT_USAGE, ReenactError
from ...record.atomic import write_atomic
from .hostbase import ARCHITECTURES, host_base
from .lockfile import Pin
from .target import LOOK, Target
from .wheelhouse import wheels_folder

HOST = "host"
_ASK = 'p="$(command -v python3 || command -v python)" || { echo no-python; exit 0; }; exec "$p" -c "$0"'


@dataclass(frozen=True)
class Base:
    """A base that is here.

    Attributes:
        pin: its name and digest, as a lock keeps them: a registry's digest, else the image's id.
        image: what the engine says of it.
        source: what FROM is given.
        target: its Python.
    """

    pin: Pin
    image: Image
    source: str
    target: Target


def choose_base(
    engine: Engine,
    python: Mapping[str, Any],
    *,
    named: str | None,
    configured: str | None,
    pin: Pin | None,
    platform: str | None,
    say: Callable[[str], None],
) -> Base:
    """The base to use, pulled or made where it is not here.

    Args:
        python: the project's interpreter, as `interpreter.probe_interpreter` tells.
        named: by a flag: resolved anew.
        configured: by pyproject.toml: as the lock pins it, where it pins that one.
        pin: the lock's.
        platform: ``linux/arm64``; the engine's own when None.

    Raises:
        ReenactError: it cannot be had: nothing else is taken instead, but where nothing was named, configured or pinned.
    """
    minor = ".".join(str(python["version"]).split(".")[:2])
    name = named or configured or (pin.base if pin else None)
    if pin is not None and named is None and name == pin.base:
        return _ready(engine, pin, _pinned(engine, pin, python, platform, say), platform)
    if name == HOST:
        return _host(engine, python, platform)
    if name is not None:
        return _resolved(engine, name, _have(engine, name, platform, say), platform)
    default = f"python:{minor}-slim"
    try:
        return _resolved(engine, default, _have(engine, default, platform, say), platform)
    except ReenactError as error:
        if error.slug in ("engine-down", "engine-denied", "engine-config", "no-space", "wrong-platform") or platform:
            raise
        try:
            base = _host(engine, python, platform)
        except ReenactError:
            raise error from None
        say(f"{error.what}; so the base is made of this machine's Python {base.target.version} (host)")
        return base


def _host(engine: Engine, python: Mapping[str, Any], platform: str | None) -> Base:
    image = host_base(engine, python)
    return _ready(engine, Pin(HOST, image.id), image, platform)


def _have(engine: Engine, name: str, platform: str | None, say: Callable[[str], None]) -> Image:
    image = find_image(engine, name)
    if image is not None and (platform is None or _of(image, platform)):
        return image
    say(f"pulling {name}")
    try:
        engine.call("pull", *without_tls(engine, name), *(["--platform", platform] if platform else []), name)
    except ReenactError as error:
        raise ReenactError(
            error.slug,
            f"the base image {name} cannot be had: {error.what}",
            fix="name one that is here (`reenact image ls`), or make one of this machine's Python: reenact image build --base host",
            exit_code=error.exit_code,
        ) from None
    return need_image(engine, name)


def _resolved(engine: Engine, name: str, image: Image, platform: str | None) -> Base:
    digest = next((one.partition("@")[2] for one in image.repo_digests if _same(one.partition("@")[0], name)), image.id)
    return _ready(engine, Pin(name.partition("@")[0], digest), image, platform)


def _pinned(
    engine: Engine, pin: Pin, python: Mapping[str, Any], platform: str | None, say: Callable[[str], None]
) -> Image:
    """The very image of a pin.

    Raises:
        ReenactError: ``base-gone``.
    """
    exact = f"{repository(pin.base)}@{pin.digest}"
    image = find_image(engine, pin.digest) or (find_image(engine, exact) if pin.base != HOST else None)
    if image is not None and (platform is None or _of(image, platform)):
        return image
    why = "this machine's Python is another one"
    if pin.base == HOST:
        made = host_base(engine, python)
        if made.id == pin.digest:
            return made
    else:
        try:
            return _have(engine, exact, platform, say)
        except ReenactError as error:
            why = error.what
    raise ReenactError(
        "base-gone",
        f"the base that pylock.toml pins, {pin.base} with {pin.digest[:19]}, cannot be had: {why}",
        fix=f"pin what there is now: reenact image build --base {pin.base}",
        exit_code=EXIT_MISSING,
    )


def _ready(engine: Engine, pin: Pin, image: Image, platform: str | None) -> Base:
    wanted = platform or f"linux/{_architecture(engine)}"
    if not _of(image, wanted):
        raise ReenactError(
            "wrong-platform",
            f"the base image {pin.base} is for {image.os}/{image.architecture}, and {wanted} is wanted",
            fix="name a base that is made for it (--base)"
            if pin.base == HOST
            else f"{engine.kind} pull --platform {wanted} {pin.base}, or --platform {image.os}/{image.architecture}",
            exit_code=EXIT_USAGE,
        )
    exact = f"{repository(pin.base)}@{pin.digest}"
    known = [one for one in image.repo_digests if one.endswith(pin.digest)]
    source = known[0] if known and pin.digest != image.id else image.name
    if source == image.id:
        # BuildKit takes no bare id.
        source = f"reenact-base:{image.id.partition(':')[2][:12]}"
        engine.call("tag", image.id, source)
    return Base(pin, image, source if source != exact else exact, _look(engine, image, pin.base))


def repository(name: str) -> str:
    """A name without its tag and digest."""
    name = name.partition("@")[0]
    head, sep, last = name.rpartition("/")
    return head + sep + last.partition(":")[0]


def _same(a: str, b: str) -> bool:
    def whole(name: str) -> str:
        name = repository(name)
        for prefix in ("docker.io/", "library/"):
            name = name.removeprefix(prefix)
        return name

    return whole(a) == whole(b)


def _of(image: Image, platform: str) -> bool:
    return f"{image.os}/{image.architecture}" == "/".join(platform.split("/")[:2])


def _architecture(engine: Engine) -> str:
    told = engine.alive()
    name = str(told.get("Architecture") or (told.get("host") or {}).get("arch") or os.uname().machine)
    return ARCHITECTURES.get(name, name)


def _look(engine: Engine, image: Image, name: str) -> Target:
    """Ask the base's Python; an image never changes, so that one answer is kept.

    Raises:
        ReenactError: ``no-python-in-base``; ``wrong-platform``.
    """
    key = hashlib.sha256(LOOK.encode()).hexdigest()[:8]
    kept = wheels_folder().parent / "bases" / f"{image.id.partition(':')[2]}-{key}.json"
    try:
        return Target.read(json.loads(kept.read_text()))
    except (OSError, ValueError, KeyError):
        pass
    out = engine.call(
        "run", "--rm", "--network", "none", "--user", "0:0", "--entrypoint", "/bin/sh", image.id, "-c", _ASK, LOOK
    ).stdout
    try:
        told = json.loads(out.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise ReenactError(
            "no-python-in-base",
            f"the base image {name} has no Python that starts",
            fix="name one that has (python:3.12-slim), or install it in one of your own",
            exit_code=EXIT_USAGE,
        ) from None
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(kept, json.dumps(told).encode())
    return Target.read(told)
