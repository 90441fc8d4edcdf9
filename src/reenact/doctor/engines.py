"""The container engines of this machine, each asked whether it answers, for a few seconds at most."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import knobs
from ..engine.cli import Engine
from ..engine.failures import explain
from ..engine.find import NAMES, find_engine
from ..errors import ReenactError

PATIENCE_S = 8.0
"""Seconds that an engine gets to answer."""


@dataclass(frozen=True)
class Seen:
    """An engine that is installed.

    Attributes:
        engine: how it is called.
        info: what it tells of itself; None where it cannot be used.
        error: why it cannot.
    """

    engine: Engine
    info: dict[str, Any] | None
    error: ReenactError | None = None


def look(env: Mapping[str, str]) -> list[Seen]:
    """The engine that REENACT_ENGINE names, else Docker and Podman as far as they are installed: one that answers first.

    Raises:
        ReenactError: REENACT_ENGINE names none.
    """
    if env.get(knobs.ENGINE):
        try:
            engine = find_engine(env, alive=False)
        except ReenactError as error:
            if error.slug != "engine-config":
                raise
            engine = _unready(env)
        return [_asked(engine)]
    path = env.get("PATH", os.defpath)
    programs = {name: shutil.which(name, path=path) for name in NAMES}
    found = [_asked(Engine(name, os.path.abspath(at), env)) for name, at in programs.items() if at]  # type: ignore[arg-type]
    return sorted(found, key=lambda seen: seen.info is None)


def _unready(env: Mapping[str, str]) -> Engine:
    """The engine that REENACT_ENGINE names, whatever state its settings are in."""
    program = shutil.which(os.path.expanduser(env[knobs.ENGINE]), path=env.get("PATH", os.defpath)) or ""
    return Engine("docker", os.path.abspath(program), env)


def _asked(engine: Engine) -> Seen:
    try:
        # Also refuses settings that cannot be read.
        find_engine({**engine.env, knobs.ENGINE: engine.program}, alive=False)
        done = engine.call("info", "--format", "{{json .}}", timeout=PATIENCE_S)
        info = json.loads(done.stdout)
        # Docker's client answers about itself where the daemon does not.
        errors = info.get("ServerErrors")
        if errors:
            raise explain(engine.kind, ("info",), "\n".join(errors), engine.env)
        return Seen(engine, info)
    except ReenactError as error:
        return Seen(engine, None, error)
    except (OSError, ValueError, AttributeError) as error:
        return Seen(engine, None, ReenactError("engine-answer", f"{engine.kind} does not answer as an engine: {error}"))
