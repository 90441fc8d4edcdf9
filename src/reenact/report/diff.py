"""Why two runs differ, for a person: what went in, the first difference, the causes, what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import IO, Any

from rich.text import Text

from . import difference
from .console import console
from .lines import LABEL, Lines
from .quantities import count, digest, plain

_MINOR = "cannot change the numbers"
_PATCH = {"+++": "bold", "---": "bold", "@@": "cyan", "+": "green", "-": "red"}


def render_diff(data: Mapping[str, Any], stream: IO[str]) -> None:
    """Print the data of ``reenact diff --json`` for a person; see `diff_text`."""
    out = console(stream)
    out.print(diff_text(data, out.width))


def diff_text(data: Mapping[str, Any], width: int = 80) -> Text:
    """The report of a diff.

    Args:
        data: {inputs: [{kind, name, a, b}], first_difference, causes, outputs}; used where they are there: a, b (run
            ids), of an input detail (of code: the patch) and bits, steps {a, b}, same_recipe, same_result.
        width: columns.
    """
    lines = Lines(width)
    steps = data.get("steps") or {}
    for side in ("a", "b"):
        if data.get(side):
            told = f"  {count(steps[side], 'step')}" if steps.get(side) else ""
            lines.field(side, Text().append(plain(data[side]), style="bold").append(told, style=LABEL), label_width=2)
    inputs = data.get("inputs") or []
    if not inputs:
        lines.heading("what went in")
        lines.sentence("nothing that was recorded differs", indent=2)
    for kind, changes in groupby(inputs, key=lambda change: str(change.get("kind"))):
        found = list(changes)
        lines.heading(plain(kind), f"{len(found)} differ" if len(found) > 1 else "differs")
        for change in found:
            _change(lines, kind, change)
    none = "the traces are equal" if any(steps.values()) else "neither run has a trace of training"
    difference.first_difference(lines, data.get("first_difference"), none, ("run a", "run b"))
    difference.causes(lines, data.get("causes") or [])
    difference.outputs(lines, data.get("outputs") or [], only=("a", "b"))
    _closing(lines, data)
    return lines.text()


def _change(lines: Lines, kind: str, change: Mapping[str, Any]) -> None:
    detail = str(change.get("detail") or "")
    minor = _MINOR if change.get("bits") is False else ""
    if kind == "code" and "\n" in detail:
        _patch(lines, detail)
        return
    name = plain(change.get("name"))
    a, b = (_value(change.get(side)) for side in ("a", "b"))
    remark = "; ".join(part for part in (plain(detail), minor) if part)
    head = "" if name == kind else f"{name}: "
    if len(head) + len(a) + len(b) + 6 <= lines.width and "\n" not in a + b:
        lines.add(head, (a, "red"), " -> ", (b, "green"), indent=2)
    else:
        lines.add(head.strip(), indent=2)
        lines.sentence(a, indent=4, lead=Text("a  ", style=LABEL), style="red")
        lines.sentence(b, indent=4, lead=Text("b  ", style=LABEL), style="green")
    if remark:
        lines.sentence(remark, indent=4, style=LABEL)


def _patch(lines: Lines, patch: str) -> None:
    for line in plain(patch, lines=True).removesuffix("\n").split("\n"):
        style: Sequence[str] = [_PATCH[start] for start in _PATCH if line.startswith(start)]
        lines.add((line, style[0] if style else ""))


def _value(value: Any) -> str:
    return digest(None if value is None else str(value))


def _closing(lines: Lines, data: Mapping[str, Any]) -> None:
    recipe, result = data.get("same_recipe"), data.get("same_result")
    if recipe is None and result is None:
        return
    lines.blank()
    words = {True: "the same", False: "different", None: "unknown"}
    lines.add(f"recipe: {words[recipe]}, result: {words[result]}")
