"""Runs beside each other: params that differ, metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...record.better import best, direction
from ..compare import differing, metric_names
from ..quantities import day, duration, number
from ..svg import color_of
from ..tables import Row
from .markup import Html, el, section, table
from .sections import badge, standing

MANY = 8
"""Of more runs than this each has a line, not a column."""

_SHOWN = 300
_PARAMS, _METRICS = 40, 30


def side_by_side(rows: Sequence[Row], marks: Sequence[str], curves: Html, link: str = "") -> list[Html]:
    """The sections of runs, their curves, metrics and params.

    Args:
        marks: the letter of each.
        curves: the section of their curves.
        link: what comes before its id in the link of each; none when empty.
    """
    if len(rows) > MANY:
        return [_lines(rows, marks, link), curves]
    return [_overview(rows, marks, link), curves, _metrics(rows, marks), _params(rows, marks)]


def _overview(rows: Sequence[Row], marks: Sequence[str], link: str) -> Html:
    return section(
        "Runs",
        table([_head(row, place, mark, link) for place, (mark, row) in enumerate(zip(marks, rows))]),
        slug="runs",
    )


def _lines(rows: Sequence[Row], marks: Sequence[str], link: str) -> Html:
    """A line a run: what it was, the params that differ, its metrics."""
    params = [name for name, _ in differing(rows).items()][:_PARAMS]
    metrics = metric_names(rows)[:_METRICS]
    tops = {name: _top([_best(name, row) for row in rows], direction(name)) for name in metrics}
    lines = []
    for place, (mark, row) in enumerate(zip(marks, rows)):
        told: list[Any] = _head(row, place, mark, link)
        told += [number(row.params[name]) if name in row.params else "" for name in params]
        for name in metrics:
            value = _best(name, row)
            shown = "" if value is None else number(value)
            told.append(el("td", shown, class_="n best") if value is not None and value == tops[name] else shown)
        lines.append(told)
    heads = [*("", "run", "name", "status", "verdict", "started", "took"), *params, *metrics]
    remark = f"{len(rows)}; of a metric whose name tells what is better the best value, of others the last"
    return section(
        "Runs",
        el("div", table(lines, heads, range(7, len(heads))), class_="tall"),
        remark=remark,
        slug="runs",
        folded=False,
    )


def _head(row: Row, place: int, mark: str, link: str) -> list[Any]:
    verdict = standing(row.verdicts)
    return [
        el("td", el("i", class_="swatch", style=f"background:{color_of(place)}"), el("b", mark)),
        el("a", row.id, href=link + row.id) if link else el("b", row.id),
        row.name or "",
        badge(row.status),
        badge(str(verdict.get("verdict"))) if verdict else "",
        day(row.started),
        duration(row.duration) if row.duration is not None else "",
    ]


def _params(rows: Sequence[Row], marks: Sequence[str]) -> Html:
    """The params that differ, and, folded away, those that do not."""
    found = differing(rows, everything=True)
    differ = [name for name, differs in found.items() if differs]
    same = [name for name, differs in found.items() if not differs]
    shown = table([_values(rows, name) for name in differ[:_SHOWN]], ("", *marks)) if differ else None
    others = el(
        "details",
        el("summary", f"{len(same)} that do not differ"),
        table([_values(rows, name) for name in same[:_SHOWN]], ("", *marks)),
        class_="printed",
    )
    none = el("p", "none differ") if found and not differ else None
    return section(
        "Params", shown, none, others if same else None, remark="that differ" if differ else "", slug="params"
    )


def _metrics(rows: Sequence[Row], marks: Sequence[str]) -> Html:
    """The last value of each metric and the best one, where its name tells what is better; the best of the runs is marked."""
    lines: list[list[Any]] = []
    for name in metric_names(rows)[:_SHOWN]:
        found = [row.metrics.get(name) for row in rows]
        lines.append([name, *("" if one is None else number(one.get("last")) for one in found)])
        towards = direction(name)
        if towards is None:
            continue
        tops = [_best(name, row) for row in rows]
        top = _top(tops, towards)
        cells = [
            ""
            if one is None
            else el("td", number(one), class_="n best")
            if top is not None and one == top
            else number(one)
            for one in tops
        ]
        lines.append([el("td", towards, class_="dim inner"), *cells])
    return section("Metrics", table(lines, ("", *marks), range(1, len(rows) + 1)) if lines else None, slug="metrics")


def _best(name: str, row: Row) -> Any:
    """The best value of a metric, its last one where its name does not tell what is better; None where the run has none."""
    found = row.metrics.get(name)
    return None if found is None else best(name, found)


def _top(values: Sequence[Any], towards: str | None) -> float | None:
    """The best of several runs; None where all are the same, or nothing tells what is better."""
    known = [value for value in values if isinstance(value, (int, float)) and value == value]
    if towards is None or len(set(known)) < 2:
        return None
    return min(known) if towards == "min" else max(known)


def _values(rows: Sequence[Row], name: str) -> list[Any]:
    return [name, *(number(row.params[name]) if name in row.params else el("td", "–", class_="dim") for row in rows)]
