"""What parsers of command lines found: the ``args`` event, and values as it may be written down."""

from __future__ import annotations

import enum
import math
import os
import re
import sys
from typing import Any

from .argv import without_secrets
from .callsite import call_site, is_users
from .state import Probe

LONGEST = 500
"""Characters of one value that are kept."""

MANY = 200
"""Items of one list or mapping that are kept."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

OTHERS = ("hydra", "pytest", "_pytest", "IPython", "accelerate.commands", "torch.distributed.run", "submitit")
"""Packages that parse words of their own, or words of which another hook tells more."""


def write(probe: Probe, parser: str, prog: Any, values: dict[str, dict[str, Any]]) -> None:
    """Journals what a parser found.

    Args:
        parser: ``argparse``, ``click``, ``absl``, ``jsonargparse``.
        prog: how the parser calls the program.
        values: by name of the param: ``{value, default, origin, options, where}``.
    """
    if values:
        prog = os.path.basename(str(prog)) if prog else None
        probe.journal.write("args", parser=parser, prog=prog, values=values, site=call_site())


def described(name: str, value: Any, default: Any, origin: str, options: Any = (), words: Any = ()) -> dict[str, Any]:
    """One param of the event.

    Args:
        origin: ``argument``, ``default``, ``environment`` or ``config``.
        options: the option strings that set it; none for a positional argument.
        words: as they were typed.
    """
    hidden = _secret(name, value)
    found = {"value": "<redacted>" if hidden else shown(value), "origin": origin, "options": list(options)}
    if origin != "default" or shown(default) != shown(value):
        found["default"] = "<redacted>" if _secret(name, default) else shown(default)
    else:
        found["default"] = found["value"]
    if words:
        text = [str(word)[:LONGEST] for word in words]
        found["where"] = " ".join(without_secrets(_named(name, text) if hidden else text))
    if hidden and origin == "argument":
        found["hidden"] = _places(value)
    return found


def _places(value: Any) -> dict[str, str]:
    """Where the command line has a value that is not to be written down, counted from its end, and what may stand there.

    The journal's first line was written before anybody knew what ``-k`` means: sealing puts that right.
    """
    values = [one for one in (value if isinstance(value, (list, tuple)) else [value]) if isinstance(one, str) and one]
    found = {}
    line = getattr(sys, "orig_argv", None) or getattr(sys, "argv", [])
    for place, word in enumerate(reversed(line[1:]), 1):
        for one in values:
            if word == one or (word.startswith("-") and word.endswith(one)):
                found[str(place)] = word[: len(word) - len(one)] + "<redacted>"
    return found


def _named(name: str, words: list[str]) -> list[str]:
    # An option's short form does not tell that its value is a secret.
    return [words[0], "<redacted>"] if len(words) > 1 else ["<redacted>"]


def _secret(name: str, value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_secret(name, item) for item in list(value)[:MANY])
    return isinstance(value, str) and without_secrets([f"--{name}", value[:5000]])[1] == "<redacted>"


def shown(value: Any, depth: int = 0) -> Any:
    """A value as JSON where it is plain, else as its repr, without addresses and bounded.

    A repr that the program wrote itself is not called: it may do anything.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if isinstance(value, str):
        return without_secrets([str.__str__(value)[:LONGEST]])[0]
    if depth < 4 and isinstance(value, (list, tuple)):
        return [shown(item, depth + 1) for item in value[:MANY]]
    if depth < 4 and isinstance(value, (set, frozenset)):
        return sorted((shown(item, depth + 1) for item in list(value)[:MANY]), key=str)
    if depth < 4 and isinstance(value, dict):
        return {str(key): described_item(str(key), item, depth) for key, item in list(value.items())[:MANY]}
    if isinstance(value, os.PathLike):
        return without_secrets([os.fsdecode(value)[:LONGEST]])[0]
    if isinstance(value, type) or callable(value):
        name = getattr(value, "__qualname__", None)
        if isinstance(name, str):
            return f"{getattr(value, '__module__', '')}.{name}"[:LONGEST]
    code = getattr(type(value).__repr__, "__code__", None)
    if code is not None and is_users(code.co_filename):
        return type(value).__name__
    try:
        return without_secrets([_ADDRESS.sub("", repr(value))[:LONGEST]])[0]
    except Exception:
        return type(value).__name__


def described_item(name: str, value: Any, depth: int) -> Any:
    """An item of a mapping: by its key it may be a secret."""
    return "<redacted>" if _secret(name, value) else shown(value, depth + 1)


def by_another(depth: int, skip: tuple[str, ...]) -> bool:
    """True when the parser is used by a package of `OTHERS` for words of its own.

    Args:
        depth: of the frame that called the wrapper, counted from the caller of this function.
        skip: modules of the parser itself.
    """
    frame: Any = sys._getframe(depth + 1)
    while frame is not None and _of(frame, skip):
        frame = frame.f_back
    return frame is not None and _of(frame, OTHERS)


def _of(frame: Any, names: tuple[str, ...]) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    return any(module == name or module.startswith(name + ".") for name in names)
