"""Runs beside each other: params that differ, metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...record.better import best, direction
from ..compare import differing, metric_names
from ..quantities import ago, duration, number
from ..svg import color_of
from ..tables import Row
from .markup import Html, el, section, table
from .sections import badge, standing

_SHOWN = 300


def overview(rows: Sequence[Row], marks: Sequence[str], link: str = "") -> Html:
    """The runs: mark and colour, id, name, status, verdict.

    Args:
        marks: the letter of each.
        link: what comes before its id in the link of each; none when empty.
    """
    lines = []
    for place, (mark, row) in enumerate(zip(marks, rows)):
        verdict = standing(row.verdicts)
        lines.append(
            (
                el("td", el("i", class_="swatch", style=f"background:{color_of(place)}"), el("b", mark)),
                el("a", row.id, href=link + row.id) if link else el("b", row.id),
                row.name or "",
                badge(row.status),
                badge(str(verdict.get("verdict"))) if verdict else "",
                ago(row.started),
                duration(row.duration) if row.duration is not None else "",
            )
        )
    return section("Runs", table(lines), remark=str(len(rows)), slug="runs", folded=len(rows) > 12)


def params(rows: Sequence[Row], marks: Sequence[str]) -> Html:
    """The params that differ, and, folded away, those that do not."""
    found = differing(rows, everything=True)
    differ = [name for name, differs in found.items() if differs]
    same = [name for name, differs in found.items() if not differs]
    shown = table([_params(rows, name) for name in differ[:_SHOWN]], ("", *marks)) if differ else None
    others = el(
        "details",
        el("summary", f"{len(same)} that do not differ"),
        table([_params(rows, name) for name in same[:_SHOWN]], ("", *marks)),
    )
    none = el("p", "none differ") if found and not differ else None
    return section(
        "Params", shown, none, others if same else None, remark="that differ" if differ else "", slug="params"
    )


def metrics(rows: Sequence[Row], marks: Sequence[str]) -> Html:
    """The last value of each metric and the best one, where its name tells what is better; the best of the runs is marked."""
    lines: list[list[Any]] = []
    for name in metric_names(rows)[:_SHOWN]:
        found = [row.metrics.get(name) for row in rows]
        lines.append([name, *("" if one is None else number(one.get("last")) for one in found)])
        towards = direction(name)
        if towards is None:
            continue
        tops = [None if one is None else best(name, one) for one in found]
        known = [top for top in tops if isinstance(top, (int, float)) and top == top]
        top = (min if towards == "min" else max)(known) if len(set(known)) > 1 else None
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


def _params(rows: Sequence[Row], name: str) -> list[Any]:
    return [name, *(number(row.params[name]) if name in row.params else el("td", "–", class_="dim") for row in rows)]
