"""Params as the words of a command line tell them, for programs whose parser is not known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..command import script_index
from ..hydra import composed
from ..imported import told
from ..schema import Origin
from . import parsers
from .base import Context, Param

_INTEGER = re.compile(r"[+-]?\d+$")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_PAIR = re.compile(r"\+{0,2}([A-Za-z_][\w./@-]*)=(.*)$", re.DOTALL)
_OPTION = re.compile(r"--([A-Za-z][\w.-]*)(?:=(.*))?$", re.DOTALL)


def params(context: Context) -> Iterator[Param]:
    """``--key value``, ``--key=value``, ``--flag`` and ``key=value`` after the script; none where a parser or Hydra read them."""
    if parsers.parses(context) or composed(context) or told(context.folder):
        return
    start = context.start
    index = script_index(start)
    overridden = {change.word for change in start.overrides}
    words = [word for word in start.argv[1 if index is None else index + 1 :] if word not in overridden]
    for name, value in argv_params(words).items():
        yield Param(name, value, Origin("argument"))


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
