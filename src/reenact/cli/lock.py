"""``reenact lock``."""

from __future__ import annotations

import json
import os
import sys

import click

from .opened import say


@click.command(name="lock", short_help="Lock the project's packages: pylock.toml, with a hash for every file.")
@click.option(
    "--from", "source", metavar="FILE", help="pyproject.toml, requirements.txt, uv.lock, or `env`: what is installed."
)
@click.option("--upgrade", is_flag=True, help="Take the newest versions that fit, not those of the lock that is there.")
@click.option("--python", metavar="PATH", help="Interpreter that the lock is for; the python on PATH if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(source: str | None, upgrade: bool, python: str | None, as_json: bool) -> int:
    """Write pylock.toml (PEP 751), which pip and uv install from.

    It is made of uv.lock, which stays as it is, else of pyproject.toml, requirements.in or requirements.txt, else of what is installed.
    """
    from pathlib import Path

    from ..environment.interpreter import find_python, probe_interpreter
    from ..environment.packages import distributions
    from ..environment.solve import SOURCES, find_source, lock
    from ..errors import ReenactError
    from ..store.project import find_root

    root = Path(find_root(os.getcwd()))
    env = dict(os.environ)
    if python is not None:
        env["REENACT_PYTHON"] = python
    interpreter = find_python(env)
    env.pop("REENACT_PYTHON", None)
    if source is None:
        source = find_source(root)
    elif source == "env":
        source = None
    elif not (root / source).is_file():
        valid = ", ".join([*(name for name in SOURCES if (root / name).is_file()), "env"])
        raise ReenactError("no-source", f"there is no {source} in {root}", valid=valid)
    installed = None
    if source is None:
        installed = distributions(probe_interpreter(interpreter, env).get("path") or [])
    found = lock(root, source, interpreter, env, installed, upgrade=upgrade)
    if as_json:
        told = {"path": str(found.path), "source": found.source, "packages": found.packages, "changed": found.changed}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        say(
            f"{found.path.name}: {found.packages} packages, of {found.source}"
            + ("" if found.changed else "; nothing changed")
        )
    return 0
