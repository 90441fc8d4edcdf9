"""What a command line says: its script, and its params."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from .places import source_of
from .schema import Start

_INTEGER = re.compile(r"[+-]?\d+$")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_PAIR = re.compile(r"\+{0,2}([A-Za-z_][\w./@-]*)=(.*)$", re.DOTALL)
_OPTION = re.compile(r"--([A-Za-z][\w.-]*)(?:=(.*))?$", re.DOTALL)
# Interpreter options that take the next argument.
_TAKES_ONE = {"-W", "-X", "--check-hash-based-pycs"}


def script_index(start: Start) -> int | None:
    """Where the script is in argv; for a module, where its name is. None for a command."""
    if start.kind == "command":
        return None
    index = 1
    while index < len(start.argv):
        word = start.argv[index]
        if word == "-m" and start.kind == "module":
            return index + 1 if index + 1 < len(start.argv) else None
        if word.startswith("-m") and start.kind == "module":
            return index
        if word in _TAKES_ONE:
            index += 2
        elif word.startswith("-") and word != "-":
            index += 1
        else:
            return index
    return None


def main_script(start: Start) -> str | None:
    """Absolute path of the script that the command names; None for modules, commands, and files that are not there."""
    index = script_index(start)
    if start.kind != "script" or index is None:
        return None
    path = os.path.normpath(os.path.join(start.cwd, start.argv[index]))
    return path if os.path.isfile(path) else None


def argv_files(start: Start, place: Callable[[str], str]) -> Iterator[tuple[str, bool]]:
    """Absolute paths of the existing regular files that the words of a command name, and whether each is a program.

    A program is what is executed itself, the first file that its arguments name (``bash go.sh``), and what may be
    executed or is Python's. Files of a virtual environment are left out.

    Args:
        place: where a path of the command lies for us.
    """
    first = True
    for index, word in enumerate(start.argv):
        if index == 0 and os.sep not in word:
            continue  # looked up on PATH
        path = os.path.normpath(os.path.join(start.cwd, word))
        if not os.path.isfile(place(path)):
            continue
        prefix = place(os.path.dirname(os.path.dirname(path)))
        if any(os.path.exists(os.path.join(prefix, name)) for name in ("pyvenv.cfg", "conda-meta")):
            continue
        runs = index == 0 or first or os.access(place(path), os.X_OK) or source_of(path) is not None
        first = first and index == 0
        yield path, runs


def argv_params(argv: list[str]) -> dict[str, Any]:
    """Params out of arguments: ``--key value``, ``--key=value``, ``--flag`` and ``key=value``; values are typed.

    Dashes in the names of options become underscores, as argparse has them; a ``+`` before a Hydra override is
    left out. ``--`` ends the options.
    """
    params: dict[str, Any] = {}
    index = 0
    while index < len(argv):
        word = argv[index]
        index += 1
        option = _OPTION.match(word)
        if option:
            name = option[1].replace("-", "_")
            if option[2] is not None:
                params[name] = typed(option[2])
            elif index < len(argv) and _is_value(argv[index]):
                params[name] = typed(argv[index])
                index += 1
            else:
                params[name] = True
            continue
        pair = _PAIR.match(word)
        if pair:
            params[pair[1]] = typed(pair[2])
    return params


def hyper_params(values: Any) -> dict[str, Any]:
    """Params out of the first hyper event: the first group's by name, another group's as ``name.1`` where it differs.

    Args:
        values: one object per param group, as the event holds them.
    """
    groups = [group for group in values if isinstance(group, dict)] if isinstance(values, list) else []
    params: dict[str, Any] = {}
    for number, group in enumerate(groups):
        for name, value in group.items():
            if not _plain(value):
                continue
            if number == 0:
                params[name] = value
            elif groups[0].get(name) != value:
                params[f"{name}.{number}"] = value
    return params


def typed(text: str) -> Any:
    """``text`` as int, float or bool where it is written as one, else as it is."""
    if _INTEGER.match(text):
        return int(text)
    if _NUMBER.match(text):
        return float(text)
    return {"true": True, "false": False}.get(text.lower(), text)


def _is_value(word: str) -> bool:
    # A script after a bare switch (`torchrun --standalone train.py`) is not its value; nor is an override.
    if word.startswith("-") and not _NUMBER.match(word):
        return False
    return not word.endswith(".py") and not _PAIR.match(word)


def _plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_plain(item) for item in value)
    return isinstance(value, (bool, int, float, str))
