"""Which engine this machine has."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from .. import knobs
from ..errors import EXIT_MISSING, EXIT_USAGE, ReenactError
from .cli import Engine
from .failures import config_unreadable

NAMES = ("docker", "podman")


def find_engine(env: Mapping[str, str] | None = None, *, alive: bool = True) -> Engine:
    """The engine that REENACT_ENGINE names (a name on PATH or a path), else Docker, else Podman.

    Without REENACT_ENGINE, Podman is taken where Docker is installed and its daemon does not run.

    Args:
        env: the environment to look in and to call it with; this process's own when None.
        alive: ask it whether it can be used.

    Raises:
        ReenactError: ``no-engine``, or why it cannot be used (exit code 4).
    """
    variables = dict(os.environ if env is None else env)
    path = variables.get("PATH", os.defpath)
    asked = variables.get(knobs.ENGINE)
    if asked:
        program = shutil.which(os.path.expanduser(asked), path=path)
        name = next((name for name in NAMES if os.path.basename(asked).startswith(name)), None)
        if program is None or name is None:
            raise ReenactError(
                "no-engine",
                f"{knobs.ENGINE} is {asked!r}, which is no engine that is here",
                valid="docker, podman, or the path of one of them",
                exit_code=EXIT_MISSING if name else EXIT_USAGE,
            )
        return _ready(Engine(name, os.path.abspath(program), variables), alive)  # type: ignore[arg-type]
    first: ReenactError | None = None
    for name in NAMES:
        program = shutil.which(name, path=path)
        if program is None:
            continue
        try:
            return _ready(Engine(name, os.path.abspath(program), variables), alive)  # type: ignore[arg-type]
        except ReenactError as error:
            first = first or error
    if first is not None:
        raise first
    raise ReenactError(
        "no-engine",
        "neither docker nor podman is on PATH",
        fix="install one (Debian: sudo apt-get install docker.io), or run without --image",
        exit_code=EXIT_MISSING,
    )


def _ready(engine: Engine, alive: bool) -> Engine:
    folder = engine.env.get("DOCKER_CONFIG") or os.path.join(engine.env.get("HOME") or "/", ".docker")
    config = os.path.join(folder, "config.json")
    # The client only warns, and then asks registries without its credentials.
    if engine.kind == "docker" and os.path.exists(config) and not os.access(config, os.R_OK):
        raise config_unreadable(engine.kind, engine.env, f"{config}: permission denied")
    if alive:
        engine.about  # noqa: B018 - asks it
    return engine
