"""The interpreter that a replay uses: the recorded one where its packages are what they were, else one made again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ..environment.interpreter import probe_interpreter
from ..environment.packages import distributions
from ..environment.recreate import Package, Recreated, recreate, same_distributions
from ..environment.variables import replay_env
from ..errors import EXIT_MISSING, ReenactError
from ..record.schema import Manifest
from ..store.project import Store
from .prepare import Options, Progress

INSTALLERS = frozenset({"pip", "uv", "wheel"})
"""Packages that a program does not compute with: alone they are no reason to make an environment."""

TOLD_AT_MOST = 5
"""Packages of which each is named."""


@dataclass(frozen=True)
class Chosen:
    """What executes a replay.

    Attributes:
        python: the interpreter; None for a command that is no Python.
        folder: the environment that was made for it, which goes first on PATH; None where it is one that was there.
    """

    python: str | None
    folder: Path | None = None


def environments_folder() -> Path:
    """Where environments are kept, for all projects: they are large, and uv links their files to its own cache beside them."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reenact" / "envs"


def choose_interpreter(store: Store, baseline: Manifest, options: Options, progress: Progress) -> Chosen:
    """The interpreter to use, with the recorded packages as far as they can be had.

    Raises:
        ReenactError: ``no-python`` (exit code 4).
    """
    named = baseline.command.kind != "command" or os.path.basename(baseline.command.argv[0]).startswith("python")
    if options.python is not None:
        found = shutil.which(options.python)
        if found is None:
            raise ReenactError("no-python", f"there is no interpreter {options.python}", exit_code=EXIT_MISSING)
        return Chosen(found if named else None)
    before = baseline.command.interpreter if named else baseline.environment.python.get("executable")
    if not options.in_place_env and baseline.environment.distributions:
        wrong = _changed(store, baseline, before)
        if any(package.name not in INSTALLERS for package in wrong):
            made = _made_again(baseline, wrong, progress)
            if made is not None:
                return Chosen(made.python if named else None, made.folder)
    if not named:
        return Chosen(None)
    if before is not None and os.access(before, os.X_OK):
        return Chosen(before)
    found = shutil.which(os.path.basename(baseline.command.argv[0])) or shutil.which("python3")
    if found is None:
        raise ReenactError(
            "no-python",
            f"the recorded interpreter {before} is gone, and there is no other on PATH",
            fix="activate an environment, or name one with --python",
            exit_code=EXIT_MISSING,
        )
    return Chosen(found)


def _changed(store: Store, baseline: Manifest, python: str | None) -> list[Package]:
    """The recorded packages that the recorded interpreter has not, or has otherwise."""
    version = baseline.environment.python.get("version")
    if python is None or not os.access(python, os.X_OK):
        return [Package("python", str(version), f"{python} is gone")]
    recorded = [msgspec.to_builtins(dist) for dist in baseline.environment.distributions]
    env = replay_env(baseline.command.env, dict(os.environ))
    about: dict[str, Any] = probe_interpreter(python, env, str(store.folder / "cache" / "interpreters.json"))
    wrong = same_distributions(recorded, distributions(about.get("path") or []))
    if version and about.get("version") != version:
        wrong.insert(0, Package("python", version, f"{about.get('version')} is there"))
    return wrong


def _made_again(baseline: Manifest, wrong: Sequence[Package], progress: Progress) -> Recreated | None:
    """The recorded environment, made again; None where that cannot be done, which is told."""
    progress.message(f"environment: {_told(wrong)}: the recorded one is made again (--in-place-env uses this one)")
    try:
        made = recreate(msgspec.to_builtins(baseline.environment), environments_folder(), dict(os.environ))
    except ReenactError as error:
        progress.message(f"environment: it cannot be made again: {error.what}; it is used as it is")
        return None
    if made.wrong:
        progress.message(f"environment: could not be had: {_told(made.wrong)}; it is used as it is")
        return None
    progress.message(
        f"environment: {made.equal + made.unknown} of {made.equal + made.unknown} packages are as recorded, in {made.folder}"
    )
    return made


def _told(packages: Sequence[Package]) -> str:
    shown = ", ".join(f"{one.name} {one.version} ({one.why})" for one in packages[:TOLD_AT_MOST])
    return shown + (f", and {len(packages) - TOLD_AT_MOST} more" if len(packages) > TOLD_AT_MOST else "")
