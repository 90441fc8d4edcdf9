"""From the words of a command line to what is executed, and whether that has been executed before."""

from __future__ import annotations

import difflib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..environment.interpreter import find_python
from ..errors import ReenactError
from .session import Kind

VALID = "train.py ARGS, python -m package.module ARGS, or -- PROGRAM ARGS"


def resolve_command(words: Sequence[str], cwd: str, env: Mapping[str, str]) -> tuple[tuple[str, ...], Kind]:
    """What to execute for ``reenact run WORDS``: argv with the program first, and its kind.

    ``train.py ARGS`` runs with the ``python`` that the user's shell would find; everything else as it was typed.

    Raises:
        ReenactError: there is no command, no such script or program, or no Python.
    """
    if not words:
        raise ReenactError("no-command", "there is no command to run", valid=VALID)
    first = words[0]
    path = os.path.join(cwd, first)
    if first.endswith(".ipynb"):
        raise ReenactError(
            "notebook", f"{first}: notebooks cannot be run yet", fix="export it as a script: jupyter nbconvert"
        )
    if first.endswith((".py", ".pyw")) or os.path.isfile(os.path.join(path, "__main__.py")):
        if not os.path.exists(path):
            raise _no_script(first, cwd)
        return (_python(env), *words), "script"
    if _is_python(first):
        return tuple(words), python_kind(words)
    found = shutil.which(path if os.sep in first else first, path=env.get("PATH"))
    if found is None:
        if os.path.isfile(path):
            fix = f"`reenact run -- python {first}` if it is a Python script, else chmod +x {first}"
            raise ReenactError("not-executable", f"{first} is not a program", valid=VALID, fix=fix, exit_code=126)
        raise ReenactError(
            "no-program",
            f"there is no program {first!r} on PATH, nor a script of that name",
            valid=VALID,
            exit_code=127,
        )
    return tuple(words), "command"


def inside_command(words: Sequence[str], cwd: str, python: str) -> tuple[tuple[str, ...], Kind]:
    """Like `resolve_command` for a container, where programs are those of its image.

    Args:
        python: the interpreter for scripts, as the image names it.

    Raises:
        ReenactError: there is no command, or no such script.
    """
    if not words:
        raise ReenactError("no-command", "there is no command to run", valid=VALID)
    first = words[0]
    path = os.path.join(cwd, first)
    if first.endswith((".py", ".pyw")) or os.path.isfile(os.path.join(path, "__main__.py")):
        if not os.path.exists(path):
            raise _no_script(first, cwd)
        return (python, *words), "script"
    return tuple(words), python_kind(words) if _is_python(first) else "command"


def python_kind(words: Sequence[str]) -> Kind:
    """Kind of a command whose program is Python."""
    rest = iter(words[1:])
    for word in rest:
        if word == "-m" or (word.startswith("-m") and not word.startswith("--")):
            return "module"
        if word in ("-W", "-X", "--check-hash-based-pycs"):
            next(rest, None)
        elif word.startswith("-c") or word == "-":
            return "command"
        elif not word.startswith("-"):
            return "script"
    return "command"


def _is_python(word: str) -> bool:
    name = os.path.basename(word)
    return (name.startswith("python") and name[6:].replace(".", "").isdigit()) or name in ("python", "pypy", "pypy3")


def _python(env: Mapping[str, str]) -> str:
    """``python`` as the shell would find it, by name where the name is enough."""
    found = find_python(env)
    name = os.path.basename(found)
    return name if shutil.which(name, path=env.get("PATH")) == found else found


def _no_script(name: str, cwd: str) -> ReenactError:
    folder = Path(cwd, os.path.dirname(name))
    scripts = sorted(str(Path(os.path.dirname(name), p.name)) for p in folder.glob("*.py")) if folder.is_dir() else []
    near = difflib.get_close_matches(name, scripts, n=3, cutoff=0.5) or scripts[:5]
    return ReenactError(
        "no-script",
        f"there is no script {name}",
        valid="here are " + ", ".join(near) if near else None,
        fix="check the name and the folder",
    )
