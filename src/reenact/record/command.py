"""What a command line says: its script, and the files that it names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from .places import source_of
from .schema import Start

# Interpreter options that take the next argument.
_TAKES_ONE = {"-W", "-X", "--check-hash-based-pycs"}


def script_index(start: Start) -> int | None:
    """Where the script is in argv; for a module, where its name is. None for a command."""
    return script_place(start.argv, start.kind)


def script_place(argv: Sequence[str], kind: str) -> int | None:
    """The same, of a command that has not been started."""
    if kind == "command":
        return None
    index = 1
    while index < len(argv):
        word = argv[index]
        if word == "-m" and kind == "module":
            return index + 1 if index + 1 < len(argv) else None
        if word.startswith("-m") and kind == "module":
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
