"""The builders of the engines: what they are called with, what they say, and what they leave behind."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...engine.cli import Engine
from ...engine.failures import explain
from ...errors import ReenactError
from ...record.atomic import tmp_name, tmp_owner
from .base import Base
from .wheelhouse import wheels_folder

_SECRETS = ("pip", "ca")
_COLOUR = r"\x1b\[[0-9;]*m"


@dataclass(frozen=True)
class Wanted:
    """How an image is to be built.

    Attributes:
        name: without a tag; the project's when None.
        base: a name or ``host``; None for what is configured, pinned, or usual.
        file: a Dockerfile of one's own.
        reproducible: the same id each time.
        platform: as Docker spells it; the engine's own when None.
        cache: the builder may take what it built before.
        network: what the steps of a Dockerfile of one's own may reach, as the engine takes it; the engine's own when None.
    """

    name: str | None = None
    base: str | None = None
    file: Path | None = None
    reproducible: bool = False
    platform: str | None = None
    cache: bool = True
    network: str | None = None


def log_path(name: str) -> Path:
    """Where the output of the last build of that name is."""
    folder = wheels_folder().parent / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"image-{name.replace('/', '-')}.log"


@contextmanager
def build_folder() -> Iterator[Path]:
    """A folder beside the cache, so that wheels need not be copied; what a killed build left there is removed."""
    parent = wheels_folder().parent / "builds"
    parent.mkdir(parents=True, exist_ok=True)
    for name in os.listdir(parent):
        owner = tmp_owner(name)
        if owner is not None and owner.host == (tmp_owner(tmp_name("x")) or owner).host and not _alive(owner.pid):
            shutil.rmtree(parent / name, ignore_errors=True)
    folder = parent / tmp_name("build")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_build(
    engine: Engine,
    file: Path,
    context: Path,
    base: Base,
    labels: Mapping[str, str],
    tags: Sequence[str],
    wanted: Wanted,
    secrets: Sequence[str],
    log: Path,
    echo: Callable[[str], None] | None,
    network: str | None,
) -> None:
    """Have the engine build a Dockerfile.

    Raises:
        ReenactError: ``build-failed`` with the last lines, and where the whole output is; ``no-space``, ``wrong-platform`` …
    """
    words = {"buildx": ["buildx", "build", "--load"], "legacy": ["build", "--force-rm"]}.get(engine.builder, ["build"])
    words += ["--file", str(file)]
    text = file.read_text("utf-8", "replace")
    for name, value in (("BASE", base.source), ("PYTHON", base.target.executable)):
        if re.search(rf"^\s*ARG\s+{name}\b", text, re.MULTILINE | re.IGNORECASE):
            words += ["--build-arg", f"{name}={value}"]
    words += [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
    words += [word for tag in tags for word in ("--tag", tag)]
    words += [word for secret in secrets for word in ("--secret", secret)]
    words += ["--network", network] if network else []
    words += ["--platform", wanted.platform] if wanted.platform else []
    words += [] if wanted.cache else ["--no-cache"]
    extra = {"DOCKER_BUILDKIT": "0" if engine.builder == "legacy" else "1", "BUILDKIT_PROGRESS": "plain"}
    before = _stages(engine)
    with open(log, "w", encoding="utf-8", errors="replace") as written:

        def line(text: str) -> None:
            written.write(text)
            if echo is not None:
                echo(text)

        code = None
        try:
            code = engine.follow([*words, str(context)], line, extra)
        finally:
            if code != 0:  # also when it was interrupted
                written.flush()
                mine = set(re.findall(r"---> ([0-9a-f]{12})$", log.read_text("utf-8", "replace"), re.MULTILINE))
                for image in _stages(engine) - before:
                    if image.partition(":")[2][:12] in mine:
                        engine.call("image", "rm", image, check=False)
    if code == 0:
        return
    lines = [text for text in log.read_text("utf-8", "replace").splitlines() if text.strip()]
    error = explain(engine.kind, ("build",), "\n".join(lines[-12:]), engine.env)
    if error.slug in ("no-space", "engine-down", "engine-denied", "engine-config", "wrong-platform"):
        raise error
    told = "\n".join(f"  | {re.sub(_COLOUR, '', text)[:240]}" for text in lines[-12:])
    raise ReenactError(
        "build-failed", f"the image was not built:\n{told}", fix=f"all that was said is in {log}", exit_code=1
    )


def _stages(engine: Engine) -> set[str]:
    """Ids of stages that the old builder keeps as images without a name."""
    if engine.builder != "legacy":
        return set()
    words = ["--quiet", "--no-trunc", "--filter", "dangling=true", "--filter", "label=dev.reenact.stage"]
    return set(engine.call("images", *words, check=False).stdout.split())


def secrets_for(engine: Engine, env: Mapping[str, str]) -> list[str]:
    """What a Dockerfile of one's own may mount: pip's settings and the CA of this machine."""
    if engine.builder not in ("buildx", "buildkit"):
        return []
    home = env.get("HOME", "/")
    configs = [env.get("PIP_CONFIG_FILE"), f"{home}/.config/pip/pip.conf", f"{home}/.pip/pip.conf", "/etc/pip.conf"]
    authorities = [env.get(name) for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")]
    found = []
    for name, places in zip(_SECRETS, (configs, authorities)):
        path = next((place for place in places if place and os.path.isfile(place)), None)
        if path is not None:
            found.append(f"id={name},src={path}")
    return found


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
