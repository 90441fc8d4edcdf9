"""From a query to SQL over the tables of the index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

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

PARTS = (*_METRIC_PARTS, "best")
"""What of a metric can be named: ``loss.min``."""
FIELDS = (*_TEXT_FIELDS, *_NUMBER_FIELDS, *_TAG_FIELDS)
"""Names that are fields of a run; any other is a param or a metric."""


Key = Callable[[str, str], int]
"""From a table (``params`` or ``metrics``) and a name to the name's number; -1 where no run has it there."""


class Order(NamedTuple):
    """How rows are ordered: tables to join beside ``runs as r``, the terms of ``order by``, and the values of each.

    ``quick`` is a metric's number, column and direction, where rows can also be had in the order of that metric alone.
    """

    joins: str
    terms: str
    values: list[Any]
    quick: tuple[int, str, str] | None = None


def where_clause(node: Node, key: Key, few: bool = False) -> tuple[str, list[Any]]:
    """SQL condition on ``runs as r`` for a query, and the values of its placeholders.

    A name that is no field matches a param or a metric (its last value; ``name.best``, ``.min``, ``.max``,
    ``.first``, ``.count`` for others). A run that has neither does not match, whatever the operator.

    Args:
        node: the query.
        key: numbers of names.
        few: it will be asked of few runs, so that params and metrics are better looked up one by one than listed before.

    Raises:
        ReenactError: ``bad-query``, for a comparison of a number field with text.
    """
    if isinstance(node, Compare):
        return _compare(node, key, few)
    if isinstance(node, Not):
        clause, values = where_clause(node.part, key, few)
        return f"not coalesce({clause}, 0)", values
    clauses: list[str] = []
    values = []
    for part in node.parts:
        clause, more = where_clause(part, key, few)
        clauses.append(clause)
        values.extend(more)
    return "(" + (" and " if isinstance(node, And) else " or ").join(clauses) + ")", values


def order_by(sort: str | None, key: Key) -> Order:
    """The order by a field, param or metric; ``-`` before it for descending; newest first when None."""
    newest = "r.started desc, r.id desc"
    if not sort or sort == "-":
        return Order("", newest, [])
    name = sort.lstrip("-+")
    direction = "desc" if sort.startswith("-") else "asc"
    column = _TEXT_FIELDS.get(name) or _NUMBER_FIELDS.get(name)
    if column:
        if column == "started":
            return Order("", f"r.started {direction}, r.id desc", [])
        return Order("", f"(r.{column} is null), r.{column} {direction}, {newest}", [])
    metric, part = _metric_of(name)
    of_metric, of_param = key("metrics", metric), key("params", name)
    joins, values, number = "", [], []
    if of_metric >= 0:
        joins += " left join metrics m on m.key = ? and m.run = r.num"
        values.append(of_metric)
        number.append(f"m.{part}")
    if of_param >= 0:
        joins += " left join params p on p.key = ? and p.run = r.num"
        values.append(of_param)
        number.append("p.number")
    if not number:
        return Order("", newest, [])
    by = f"coalesce({', '.join(number)})" if len(number) > 1 else number[0]
    text = f"(p.text is null), p.text {direction}, " if of_param >= 0 else ""
    order = f"({by} is null), {by} {direction}, {text}{newest}"
    return Order(joins, order, values, (of_metric, part, direction) if of_param < 0 else None)


def _compare(node: Compare, key: Key, few: bool) -> tuple[str, list[Any]]:
    if node.name in _TAG_FIELDS:
        clause, value = _text_test("tag", node)
        if node.op == "!=":
            return "r.num not in (select run from tags where tag = ?)", [value]
        return f"r.num in (select run from tags where {clause})", [value]
    if node.name in _TEXT_FIELDS:
        clause, value = _text_test(f"r.{_TEXT_FIELDS[node.name]}", node)
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
        return f"r.{_NUMBER_FIELDS[node.name]} {node.op} ?", [number]
    return _param_or_metric(node, key, few)


def _param_or_metric(node: Compare, key: Key, few: bool) -> tuple[str, list[Any]]:
    metric, part = _metric_of(node.name)
    number = node.number
    if number is None and node.text.lower() in ("true", "false"):
        number = float(node.text.lower() == "true")
    of_param = key("params", node.name)
    if number is None or node.op == "~":
        clause, value = _text_test("text", node)
        return _has("params", clause, few), [of_param, value]
    of_metric = key("metrics", metric)
    tests: list[str] = []
    values: list[Any] = []
    if of_param >= 0:
        tests.append(_has("params", f"number {node.op} ?", few))
        values += [of_param, number]
    if of_metric >= 0:
        tests.append(_has("metrics", f"{part} {node.op} ?", few))
        values += [of_metric, number]
    return f"({' or '.join(tests) or '0'})", values


def _has(table: str, test: str, few: bool) -> str:
    if few:
        return f"exists (select 1 from {table} where key = ? and run = r.num and {test})"
    return f"r.num in (select run from {table} where key = ? and {test})"


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
