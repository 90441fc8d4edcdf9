"""Arguments that a program's parser takes, read from the calls that define them: argparse, click and absl."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .constants import NotLiteral, literal
from .sources import Source

_SWITCHES = {"store_true": False, "store_false": True, "count": None, "append": None, "store_const": None}
_SILENT = {"help", "version"}


@dataclass(frozen=True)
class Argument:
    """One argument of a command line.

    Attributes:
        name: of the param: ``lr`` of ``--lr``.
        default: its value when it is not given; as source text where ``known`` is false.
        type: name of its type, or null.
        options: the strings that it is given with; none for a positional argument.
        envvar: the environment variable that it may come from.
    """

    name: str
    default: Any
    known: bool
    type: str | None
    options: tuple[str, ...]
    required: bool
    source: Source
    line: int
    envvar: str | None = None


def arguments(sources: Sequence[Source], constants: Mapping[str, Any]) -> list[Argument]:
    """The arguments in the order of their definitions.

    Args:
        constants: values of names that may stand for a default.
    """
    found: list[Argument] = []
    later: dict[str, ast.expr] = {}
    for source in sources:
        calls = [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
        for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
            name = _called(call)
            if name == "set_defaults":
                later.update({word.arg: word.value for word in call.keywords if word.arg})
            found += _of_call(source, call, name, constants)
    return [_with_default(one, later, constants) for one in found]


def _with_default(one: Argument, later: Mapping[str, ast.expr], constants: Mapping[str, Any]) -> Argument:
    if one.name not in later:
        return one
    value, known = _value(later[one.name], constants)
    return Argument(one.name, value, known, one.type, one.options, one.required, one.source, one.line, one.envvar)


def _of_call(source: Source, call: ast.Call, name: str, constants: Mapping[str, Any]) -> Iterator[Argument]:
    words = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    if name == "add_argument" and words:
        yield from _argparse(source, call, words, constants)
    elif name in ("option", "argument") and words and isinstance(call.func, (ast.Attribute, ast.Name)):
        yield from _click(source, call, words, name == "option", constants)
    elif name.startswith("DEFINE_") and words and len(call.args) > 1:
        value, known = _value(call.args[1], constants)
        kind = {"integer": "int", "string": "str", "boolean": "bool"}.get(name[7:], name[7:])
        yield Argument(words[0], value, known, kind, ("--" + words[0],), False, source, call.lineno)


def _argparse(source: Source, call: ast.Call, words: list[str], constants: Mapping[str, Any]) -> Iterator[Argument]:
    given = {word.arg: word.value for word in call.keywords if word.arg}
    action = _text(given.get("action")) or "store"
    if action in _SILENT:
        return
    options = tuple(word for word in words if word.startswith("-"))
    long = [word for word in options if word.startswith("--")] or list(options)
    name = _text(given.get("dest")) or (long[0].lstrip("-").replace("-", "_") if options else words[0])
    value, known = _value(given["default"], constants) if "default" in given else (_SWITCHES.get(action), True)
    required = not options and _text(given.get("nargs")) not in ("?", "*")
    if "required" in given:
        required = bool(_value(given["required"], constants)[0])
    kind = "bool" if action in ("store_true", "store_false") else _type(given.get("type"))
    yield Argument(name, value, known, kind or "str", options, required, source, call.lineno)


def _click(
    source: Source, call: ast.Call, words: list[str], option: bool, constants: Mapping[str, Any]
) -> Iterator[Argument]:
    if option and not any(word.startswith("-") for word in words):
        return
    given = {word.arg: word.value for word in call.keywords if word.arg}
    options = tuple(word for word in words if word.startswith("-"))
    named = [word for word in words if word.isidentifier()]
    longest = max((word.partition("/")[0] for word in options), key=len, default="")
    name = named[0] if named else longest.lstrip("-").replace("-", "_")
    switch = "/" in "".join(options) or ("is_flag" in given and _value(given["is_flag"], constants)[0] is True)
    value, known = _value(given["default"], constants) if "default" in given else (False if switch else None, True)
    required = (
        bool(_value(given["required"], constants)[0]) if "required" in given else not option and "default" not in given
    )
    kind = (
        "bool"
        if switch
        else _type(given.get("type")) or (type(value).__name__ if known and value is not None else "str")
    )
    yield Argument(name, value, known, kind, options, required, source, call.lineno, _text(given.get("envvar")))


def _value(node: ast.expr, constants: Mapping[str, Any]) -> tuple[Any, bool]:
    if isinstance(node, (ast.Name, ast.Attribute)) and ast.unparse(node) in constants:
        return constants[ast.unparse(node)], True
    try:
        return literal(node), True
    except NotLiteral:
        return ast.unparse(node), False


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _type(node: ast.expr | None) -> str | None:
    return None if node is None else ast.unparse(node)


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
