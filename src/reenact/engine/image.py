"""What an engine says of an image."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from typing import Any

from ..errors import EXIT_USAGE, ReenactError
from .cli import Engine
from .failures import explain


@dataclass(frozen=True)
class Image:
    """An image that an engine has.

    Attributes:
        id: what the engine calls it, ``sha256:…``: the digest of its config (of its manifest with containerd's store).
        diff_ids: digests of its unpacked layers in order: the same on every engine.
        tags: names with tag.
        repo_digests: ``name@sha256:…``, as a registry knows it.
        os, architecture: as Go spells them (``linux``, ``amd64``).
        size: bytes, unpacked.
        created: UTC, ISO 8601.
        config: its settings: ``Env``, ``Entrypoint``, ``Cmd``, ``User``, ``WorkingDir``, ``Labels``.
    """

    id: str
    diff_ids: tuple[str, ...]
    tags: tuple[str, ...]
    repo_digests: tuple[str, ...]
    os: str
    architecture: str
    size: int
    created: str
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.config.get("Labels") or {})

    @property
    def name(self) -> str:
        """A tag where there is one, else the id."""
        return self.tags[0] if self.tags else self.id

    @property
    def variables(self) -> dict[str, str]:
        """Its environment variables."""
        pairs = (entry.partition("=") for entry in self.config.get("Env") or [])
        return {name: value for name, _, value in pairs}

    def to_json(self) -> dict[str, Any]:
        """What a record keeps of it."""
        return {
            "id": self.id,
            "diff_ids": list(self.diff_ids),
            "tags": list(self.tags),
            "repo_digests": list(self.repo_digests),
            "os": self.os,
            "architecture": self.architecture,
        }


def find_image(engine: Engine, name: str) -> Image | None:
    """The image of that name, tag, id or digest; None where the engine has none.

    Raises:
        ReenactError: the engine cannot be asked.
    """
    done = engine.call("image", "inspect", name, check=False)
    if done.returncode != 0:
        error = explain(engine.kind, ("image", "inspect"), done.stderr, engine.env)
        if error.slug in ("no-image", "engine-failed") or "no such" in done.stderr.lower():
            return None
        raise error
    return _image(json.loads(done.stdout)[0])


def need_image(engine: Engine, name: str) -> Image:
    """Like `find_image`, and an image that is not there is an error.

    Raises:
        ReenactError: ``no-image``, or the engine cannot be asked.
    """
    image = find_image(engine, name)
    if image is None:
        raise ReenactError(
            "no-image",
            f"{engine.kind} has no image {name}",
            fix=f"reenact image build, `reenact image pull {name}` or `reenact image load FILE`; "
            "`reenact image ls` shows those that are here",
            exit_code=EXIT_USAGE,
        )
    return image


def check_platform(engine: Engine, image: Image) -> None:
    """Refuse an image whose programs this machine cannot execute.

    Raises:
        ReenactError: ``wrong-platform`` (exit code 2).
    """
    here = engine.architecture
    if not here or not image.architecture or image.architecture == here or _emulates(image.architecture):
        return
    raise ReenactError(
        "wrong-platform",
        f"{image.name} is made for {image.os}/{image.architecture}, and {engine.kind} executes linux/{here} here",
        fix="take an image for this machine, or build it here: reenact image build",
        exit_code=EXIT_USAGE,
    )


def _emulates(architecture: str) -> bool:
    """The kernel hands programs of another machine to an emulator; Docker Desktop always does."""
    names = {"amd64": "x86_64", "arm64": "aarch64", "386": "i386"}
    emulator = f"/proc/sys/fs/binfmt_misc/qemu-{names.get(architecture, architecture)}"
    return sys.platform == "darwin" or os.path.exists(emulator)


def list_images(engine: Engine, *filters: str) -> list[Image]:
    """The images of an engine, newest first; ``filters`` as the engine takes them (``label=…``)."""
    words = [word for text in filters for word in ("--filter", text)]
    ids = engine.call("images", "--quiet", "--no-trunc", *words).stdout.split()
    unique = list(dict.fromkeys(ids))
    if not unique:
        return []
    found = [_image(entry) for entry in json.loads(engine.call("image", "inspect", *unique).stdout)]
    return sorted(found, key=lambda image: image.created, reverse=True)


def without_tls(engine: Engine, name: str) -> list[str]:
    """Words for a registry on this machine, which has no certificate: Docker needs none of it, Podman to be told."""
    loopback = ("127.", "localhost:", "localhost/", "[::1]")
    return ["--tls-verify=false"] if engine.kind == "podman" and name.startswith(loopback) else []


def _image(data: dict[str, Any]) -> Image:
    digest = str(data["Id"])
    return Image(
        id=digest if ":" in digest else f"sha256:{digest}",
        diff_ids=tuple((data.get("RootFS") or {}).get("Layers") or ()),
        tags=tuple(data.get("RepoTags") or ()),
        repo_digests=tuple(data.get("RepoDigests") or ()),
        os=str(data.get("Os") or ""),
        architecture=str(data.get("Architecture") or ""),
        size=int(data.get("Size") or 0),
        created=str(data.get("Created") or ""),
        config=dict(data.get("Config") or {}),
    )
