"""``reenact image``: the project's environment as a container image."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from . import imagestore
from .opened import say

if TYPE_CHECKING:
    from pathlib import Path


@click.group(name="image", short_help="Build, keep and exchange container images of the project's environment.")
def command() -> None:
    """The project's environment as a container image, made of its lock. The code is not in it: `run --image` mounts it."""


@command.command(name="build")
@click.option("--name", metavar="NAME", help="Call it NAME; the project's name if not given.")
@click.option("--base", metavar="REF|host", help="Stand on this image, or on one made of this machine's Python (host).")
@click.option("--file", "file", metavar="DOCKERFILE", help="Build this Dockerfile instead of reenact's own.")
@click.option(
    "--dockerfile", "write", is_flag=True, help="Write train.dockerfile and predict.dockerfile, build nothing."
)
@click.option("--reproducible", is_flag=True, help="Assemble it so that it has the same id every time.")
@click.option("--platform", metavar="P", help="Build for this platform: linux/arm64.")
@click.option("--network", metavar="NET", help="What the steps of your own Dockerfile may reach: none, host, …")
@click.option("--no-cache", is_flag=True, help="Build anew, even where this image is there already.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def build(
    name: str | None,
    base: str | None,
    file: str | None,
    write: bool,
    reproducible: bool,
    platform: str | None,
    network: str | None,
    no_cache: bool,
    as_json: bool,
) -> int:
    """Build the training image out of pylock.toml, which is made where there is none.

    The base is the one named by --base, else by [tool.reenact.image] of pyproject.toml, else the one that the lock pins, else
    python:X.Y-slim, else, where that cannot be had, one made of this machine's Python. The lock then pins it by digest. Wheels
    are fetched by pip with your own settings; the build itself has no network.
    """
    from pathlib import Path

    from ..engine.find import find_engine
    from ..environment.images.build import Wanted, build_image
    from ..report.console import is_terminal
    from ..report.quantities import count, duration, size

    root = _root()
    if write:
        return _write_dockerfiles(root, as_json)
    wanted = Wanted(name, base, Path(file) if file else None, reproducible, platform, not no_cache, network)
    echo = _echo if is_terminal(sys.stderr) and not as_json else None
    built = build_image(find_engine(), root, wanted, dict(os.environ), say, echo)
    if as_json:
        image, found = built.image, built.base
        told: dict[str, Any] = {"id": image.id, "diff_ids": list(image.diff_ids), "tags": list(built.tags)}
        told |= {"lock": built.lock, "base": found.pin.base, "base_digest": found.pin.digest}
        told |= {"python": found.target.version, "packages": built.packages, "size": image.size}
        told |= {"fresh": built.fresh, "seconds": round(built.seconds, 3)}
        sys.stdout.write(json.dumps(told) + "\n")
        return 0
    how = f"built in {duration(built.seconds)}" if built.fresh else "was there already"
    say(
        f"{built.tags[0]} ({built.tags[1].rpartition(':')[2]}): {count(built.packages, 'package')} on {built.base.pin.base}, "
        f"Python {built.base.target.version}, {size(built.image.size)}; {how}"
    )
    sys.stdout.write(built.image.id + "\n")
    return 0


def _root() -> Path:
    from pathlib import Path

    from ..store.project import find_root

    return Path(find_root(os.getcwd()))


def _echo(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _write_dockerfiles(root: Path, as_json: bool) -> int:
    """Write the Dockerfiles that are not there yet."""
    from ..environment.images.dockerfiles import predict_dockerfile, train_dockerfile
    from ..environment.images.lockfile import project_name
    from ..record.atomic import write_atomic

    name = project_name(root)
    texts = {"train.dockerfile": train_dockerfile(), "predict.dockerfile": predict_dockerfile(name)}
    written = []
    for file, text in texts.items():
        if (root / file).exists():
            say(f"{file} is there already: it stays as it is")
        else:
            write_atomic(root / file, text.encode())
            written.append(file)
            say(f"{file} written")
    if as_json:
        sys.stdout.write(json.dumps({"written": written}) + "\n")
    return 0


for _verb in (
    imagestore.ls,
    imagestore.pull,
    imagestore.push,
    imagestore.save,
    imagestore.load,
    imagestore.rm,
    imagestore.shell,
):
    command.add_command(_verb)
