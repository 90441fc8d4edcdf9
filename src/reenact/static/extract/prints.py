"""``print`` that becomes logging, where what it writes stays the same to the byte."""

from __future__ import annotations

import ast

from ..module import Module
from .edits import Edit, Places


def print_edits(module: Module, places: Places, log: str) -> list[Edit]:
    """Edits that turn ``print(a, b)`` into ``log.info("%s %s", a, b)``.

    A print with ``end``, ``sep``, ``file`` or ``flush``, or with a starred argument, stays: a log has no half lines.
    """
    found = []
    for call, name in module.called:
        if name != "builtins.print" or call.keywords or any(isinstance(arg, ast.Starred) for arg in call.args):
            continue
        start, end = places.span(call.func)
        bracket = module.text.index("(", end)
        if module.text[end:bracket].strip():
            continue
        head = f"{log}.info("
        if not call.args:
            head += '""'
        elif len(call.args) > 1 or not _is_text(call.args[0]):
            head += '"' + " ".join(["%s"] * len(call.args)) + '", '
        found.append(Edit(start, bracket + 1, head))
    return found


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
