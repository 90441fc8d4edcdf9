"""From a query to SQL over the tables of the index."""

from __future__ import annotations

from typing import Any

from ..errors import ReenactError
from ..record.better import direction
from .query import And, Compare, Node, Not

_TEXT_FIELDS = {
    "id": "id",
    "run": "id",
    "name": "name",
    "experiment": "experiment",
    "status": "status",
    "started": "started",
    "ended": "ended",
    "recipe": "recipe",
    "result": "result",
    "note": "note",
    "command": "command",
    "replay_of": "replay_of",
    "sweep": "sweep",
}
_NUMBER_FIELDS = {"exit_code": "exit_code", "duration": "duration", "complete": "complete"}
_TAG_FIELDS = ("tag", "tags")
_METRIC_PARTS = {"last": "last", "min": "low", "max": "high", "count": "count", "first": "first"}

FIELDS = (*_TEXT_FIELDS, *_NUMBER_FIELDS, *_TAG_FIELDS)
"""Names that are fields of a run; any other is a param or a metric."""


def where_clause(node: Node) -> tuple[str, list[Any]]:
    """SQL condition on ``runs`` for a query, and the values of its placeholders.

    A name that is no field matches a param or a metric (its last value; ``name.best``, ``.min``, ``.max``,
    ``.first``, ``.count`` for others). A run that has neither does not match, whatever the operator.

    Raises:
        ReenactError: ``bad-query``, for a comparison of a number field with text.
    """
    if isinstance(node, Compare):
        return _compare(node)
    if isinstance(node, Not):
        clause, values = where_clause(node.part)
        return f"not coalesce({clause}, 0)", values
    clauses: list[str] = []
    values = []
    for part in node.parts:
        clause, more = where_clause(part)
        clauses.append(clause)
        values.extend(more)
    return "(" + (" and " if isinstance(node, And) else " or ").join(clauses) + ")", values


def order_by(sort: str | None) -> tuple[str, list[Any]]:
    """SQL ``order by`` for a field, param or metric; ``-`` before it for descending; newest first when None."""
    newest = "started desc, id desc"
    if not sort or sort == "-":
        return newest, []
    name = sort.lstrip("-+")
    direction = "desc" if sort.startswith("-") else "asc"
    column = _TEXT_FIELDS.get(name) or _NUMBER_FIELDS.get(name)
    if column:
        return f"({column} is null), {column} {direction}, {newest}", []
    metric, part = _metric_of(name)
    numbers = "coalesce((select {} from metrics where name = ? and run = id), (select number from params {}))"
    number = numbers.format(part, "where name = ? and run = id")
    text = "(select text from params where name = ? and run = id)"
    order = f"({number} is null), {number} {direction}, ({text} is null), {text} {direction}, {newest}"
    return order, [metric, name, metric, name, name, name]


def _compare(node: Compare) -> tuple[str, list[Any]]:
    if node.name in _TAG_FIELDS:
        clause, value = _text_test("tag", node)
        if node.op == "!=":
            return "id not in (select run from tags where tag = ?)", [value]
        return f"id in (select run from tags where {clause})", [value]
    if node.name in _TEXT_FIELDS:
        clause, value = _text_test(_TEXT_FIELDS[node.name], node)
        return clause, [value]
    if node.name in _NUMBER_FIELDS:
        number = {"true": 1.0, "false": 0.0}.get(node.text.lower(), node.number)
        if number is None or node.op == "~":
            raise ReenactError(
                "bad-query",
                f"cannot read the query at character {node.position + 1}: {node.name} is a number, "
                f"and is compared with `{node.op}{node.text}`",
                valid=f"{node.name} with one of = != < <= > >= and a number",
            )
        return f"{_NUMBER_FIELDS[node.name]} {node.op} ?", [number]
    return _param_or_metric(node)


def _param_or_metric(node: Compare) -> tuple[str, list[Any]]:
    metric, part = _metric_of(node.name)
    number = node.number
    if number is None and node.text.lower() in ("true", "false"):
        number = float(node.text.lower() == "true")
    if number is None or node.op == "~":
        clause, value = _text_test("text", node)
        return f"id in (select run from params where name = ? and {clause})", [node.name, value]
    return (
        f"(id in (select run from params where name = ? and number {node.op} ?)"
        f" or id in (select run from metrics where name = ? and {part} {node.op} ?))",
        [node.name, number, metric, number],
    )


def _text_test(column: str, node: Compare) -> tuple[str, str]:
    if node.op == "~":
        return f"instr(lower({column}), lower(?)) > 0", node.text
    return f"{column} {node.op} ?", node.text


def _metric_of(name: str) -> tuple[str, str]:
    """Name of the metric, and the column: ``loss.min`` -> (``loss``, ``low``)."""
    stem, dot, part = name.rpartition(".")
    if dot and part == "best":
        part = direction(stem) or "last"
    if dot and part in _METRIC_PARTS:
        return stem, _METRIC_PARTS[part]
    return name, "last"
