"""What a rule hands over, and what is told of it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)
"""``error``: the result will differ; ``warning``: it may; ``note``: hygiene."""


@dataclass(frozen=True)
class Hit:
    """A place that a rule found.

    Attributes:
        path: the file, as it is shown.
        line, column: both from 1.
        end: last line of the place; a comment on any line from `line` on to here silences it.
        severity, fix: of this place, where they are not the rule's.
    """

    path: str
    line: int
    column: int
    what: str
    end: int
    severity: str | None = None
    fix: str | None = None


@dataclass(frozen=True)
class Finding:
    """A `Hit` with what its rule says about it."""

    rule: str
    severity: str
    path: str
    line: int
    column: int
    what: str
    why: str
    fix: str


@dataclass(frozen=True)
class Problem:
    """A file that could not be looked at, and why not."""

    path: str
    what: str


def hit(path: str, node: ast.AST, what: str, severity: str | None = None, fix: str | None = None) -> Hit:
    """A hit at a node of the syntax tree."""
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
    end = getattr(node, "end_lineno", None) or line if isinstance(node, (ast.expr, ast.keyword)) else line
    return Hit(path, line, column, what, end, severity, fix)
