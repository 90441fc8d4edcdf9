"""Overrides of constants: from ``lr=1e-4`` on the command line to a place in a source and what stands there instead."""

from __future__ import annotations

import ast
import difflib
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ReenactError
from ..probe.redact import redact_argv
from ..record.command import script_place
from ..record.schema import Override
from .constants import Constant, constants
from .sources import Source, module_source, program, read_script
from .words import reads_words

_PAIR = re.compile(r"([A-Za-z_][\w.]*)=(.*)$", re.DOTALL)
_INTEGER = re.compile(r"[+-]?\d+$")
_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf)$")
_WORDS = {"true": True, "false": False, "null": None, "none": None, "~": None}


def load(argv: Sequence[str], kind: str, cwd: str, env: Mapping[str, str]) -> list[Source]:
    """The sources of what a command runs; none for a command that is no Python, or that cannot be looked into."""
    index = script_place(list(argv), kind)
    if index is None:
        return []
    try:
        if kind == "module":
            name = argv[index].removeprefix("-m")
            folders = [cwd, *(os.path.join(cwd, one) for one in env.get("PYTHONPATH", "").split(os.pathsep) if one)]
            script = module_source(name, folders)
            return program(script, folders) if script is not None else []
        path = os.path.join(cwd, argv[index])
        if os.path.isdir(path) or not os.path.isfile(path):
            return []
        return program(read_script(path), [os.path.dirname(os.path.realpath(path))])
    except (ReenactError, RecursionError):
        return []


def load_script(script: str, cwd: str) -> list[Source]:
    """The sources of a script.

    Raises:
        ReenactError: it is not there, or no Python.
    """
    path = os.path.join(cwd, script)
    if os.path.isdir(path) and os.path.isfile(os.path.join(path, "__main__.py")):
        path = os.path.join(path, "__main__.py")
    return program(read_script(path), [os.path.dirname(os.path.realpath(path))])


def overrides(
    argv: Sequence[str], kind: str, sources: Sequence[Source], root: str, told: Sequence[Constant] | None = None
) -> list[Override]:
    """The constants that a command's words change; none for a program that looks at its words itself.

    Raises:
        ReenactError: there is no such constant, or the value is not of its type.
    """
    index = script_place(list(argv), kind)
    if index is None or not sources or not any(_PAIR.match(word) for word in argv[index + 1 :]):
        return []
    if reads_words(sources):
        return []
    known = constants(sources) if told is None else list(told)
    script = os.path.basename(sources[0].path)
    found: dict[tuple[str, int], Override] = {}
    for word in argv[index + 1 :]:
        pair = _PAIR.match(word)
        if pair is None:
            continue
        if redact_argv([word])[1]:
            raise ReenactError(
                "override",
                f"{pair[1]} looks like a secret, which no record holds: a replay would lack it",
                fix="let the script take it from an environment variable",
            )
        constant = find(pair[1], known, script)
        value = converted(pair[2], constant)
        place = os.path.realpath(constant.source.path)
        inside = os.path.relpath(place, os.path.realpath(root))
        start, end = constant.span
        found[place, start] = Override(
            name=constant.name,
            value=value,
            default=constant.value,
            word=word,
            file=place if inside.startswith(os.pardir + os.sep) else inside,
            line=constant.line,
            start=start,
            end=end,
            text=_in_place(value, constant.source.data[start:end]),
        )
    _refuse_options(argv[:index])
    return list(found.values())


def unread(argv: Sequence[str], kind: str, sources: Sequence[Source], changes: Sequence[Override]) -> list[str]:
    """The words after a script that nothing reads, as far as its source tells: they are no overrides, and it looks at no command line."""
    index = script_place(list(argv), kind)
    if index is None or not sources or reads_words(sources):
        return []
    used = {change.word for change in changes}
    return [word for word in argv[index + 1 :] if word not in used]


def _refuse_options(words: Sequence[str]) -> None:
    for word in words[1:]:
        if re.match(r"-[A-Za-z]*[IES]", word):
            raise ReenactError(
                "override",
                f"constants cannot be overridden under `python {word}`: it keeps reenact out of the process",
                fix=f"leave {word} out, or edit the script",
            )


def find(name: str, known: Sequence[Constant], script: str) -> Constant:
    """The constant of a name, or of a name that ends so where only one does.

    Raises:
        ReenactError: there is none, or there are several.
    """
    for constant in known:
        if constant.name == name:
            return constant
    ending = [constant for constant in known if constant.name.endswith("." + name)]
    if len(ending) == 1:
        return ending[0]
    names = list(dict.fromkeys(constant.name for constant in known))
    if ending:
        raise ReenactError("override", f"{name!r} is not one constant", valid=", ".join(c.name for c in ending))
    if not names:
        raise ReenactError(
            "override", f"{script} has no constant that {name}=… could override", fix=f"`reenact config {script}`"
        )
    short = {each.rpartition(".")[2]: each for each in reversed(names)}
    near = difflib.get_close_matches(name, [*names, *short], n=3, cutoff=0.5)
    fix = "did you mean " + " or ".join(dict.fromkeys(short.get(one, one) for one in near)) + "?" if near else None
    shown = names[:40] + ([f"and {len(names) - 40} more"] if len(names) > 40 else [])
    raise ReenactError("override", f"{script} has no constant {name!r}", valid=", ".join(shown), fix=fix)


def converted(text: str, constant: Constant) -> Any:
    """A word's value as the type of the constant.

    Raises:
        ReenactError: it is of another type.
    """
    default = constant.value
    value = _parsed(text, isinstance(default, str))
    if default is None or type(value) is type(default):
        return value
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(value)
    if isinstance(default, list) and isinstance(value, tuple):
        return list(value)
    raise ReenactError(
        "override",
        f"{constant.name} is {constant.type} ({default!r}), and {text!r} is {'None' if value is None else type(value).__name__}",
        valid={"bool": "true, false"}.get(constant.type, f"a value of type {constant.type}"),
    )


def _parsed(text: str, as_text: bool) -> Any:
    """A word as YAML would read it; for a string, as it is unless it is quoted."""
    if as_text:
        if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
            return text[1:-1]
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.match(text):
        return int(text)
    if _NUMBER.match(text):
        return float(text)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value if isinstance(value, (bool, int, float, str, list, tuple, dict)) else text


def _in_place(value: Any, before: bytes) -> str:
    """A literal for a value, over as many lines as what it stands in for, so that the lines below keep their numbers."""
    text = _written(value)
    lines = before.count(b"\n") or before.count(b"\r")
    # In brackets a negative number stays one operand.
    return f"({text}{chr(10) * lines})" if lines or text.startswith("-") else text


def _written(value: Any) -> str:
    if isinstance(value, float) and math.isinf(value):
        return "1e999" if value > 0 else "-1e999"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(_written(one) for one in value) + (
            "," if isinstance(value, tuple) and len(value) == 1 else ""
        )
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_written(key)}: {_written(one)}" for key, one in value.items()) + "}"
    return repr(value)


def applied(data: bytes, changes: Sequence[Override]) -> bytes:
    """A source with overrides in their places."""
    for change in sorted(changes, key=lambda change: change.start, reverse=True):
        data = data[: change.start] + change.text.encode() + data[change.end :]
    return data
