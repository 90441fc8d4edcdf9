"""Runs side by side: what differs in their params, their metrics, how they ended."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from ..record.better import best, direction
from . import marks
from .lines import GAP, LABEL, columns, natural_width
from .quantities import age, duration, number, param, plain, shorten
from .tables import Row

MOST = 40
"""Metrics, and params, that are shown unless all are asked for."""

ASIDE = ("log/", "system/")
"""Beginnings of the names of what was not logged, but seen: printed numbers, and what the machine was used for."""
_CELL = 28
_ABSENT = Text("-", style=LABEL)


def run_marks(amount: int) -> list[str]:
    """A letter for each run, numbers where there are too many."""
    letters = string.ascii_uppercase + string.ascii_lowercase
    return list(letters[:amount]) if amount <= len(letters) else [str(number + 1) for number in range(amount)]


def differing(rows: Sequence[Row], everything: bool = False) -> dict[str, bool]:
    """Names of params, and whether each differs among the runs; only those that differ unless all are asked for."""
    names = dict.fromkeys(name for row in rows for name in row.params)
    found = {name: len({repr(row.params.get(name, KeyError)) for row in rows}) > 1 for name in names}
    return found if everything else {name: True for name, differs in found.items() if differs}


def metric_names(rows: Sequence[Row], asked: Sequence[str] = ()) -> list[str]:
    """Names of metrics, those that tell the most first: the loss, then those of which less or more is better; what was only seen comes last."""
    names = list(dict.fromkeys(name for row in rows for name in row.metrics))
    names.sort(key=lambda name: (name.startswith(ASIDE), name != "loss", direction(name) is None))
    return list(dict.fromkeys([*(name for name in asked if name in names), *([] if asked else names)]))


def compare_text(
    rows: Sequence[Row],
    width: int,
    *,
    metrics: Sequence[str] = (),
    everything: bool = False,
    now: datetime | None = None,
) -> Text:
    """Runs, params and metrics.

    Args:
        rows: the runs, in the order named.
        width: columns of the terminal.
        metrics: only these; all when there are none.
        everything: also the params that do not differ, and all metrics.
        now: the present when None.
    """
    letters = run_marks(len(rows))
    parts = [_runs(rows, letters, width, now)]
    params = differing(rows, everything)
    if params:
        shown = list(params) if everything else list(params)[:MOST]
        told: list[list[Text | str]] = [[plain(name), *(_param(row, name) for row in rows)] for name in shown]
        remark = "" if everything else "that differ" if len(rows) > 1 else ""
        parts.append(_side_by_side("params", remark, letters, told, width, len(params) - len(shown)))
    elif len(rows) > 1 and any(row.params for row in rows):
        parts.append(Text("params", style="bold").append("  none differ", style=LABEL))
    elif len(rows) == 1 and rows[0].params:
        parts.append(Text("params", style="bold").append("  --all shows them", style=LABEL))
    names = metric_names(rows, metrics)
    shown = names if everything or metrics else names[:MOST]
    table = [line for name in shown for line in _metric(rows, name)]
    if table:
        remark = "the last value; * the best of these runs" if len(rows) > 1 else "the last value"
        parts.append(
            _side_by_side(
                "metrics", remark, [f"{letter} " for letter in letters], table, width, len(names) - len(shown)
            )
        )
    else:
        parts.append(Text("metrics", style="bold").append("  none", style=LABEL))
    return Text("\n\n").join(parts)


def _runs(rows: Sequence[Row], letters: Sequence[str], width: int, now: datetime | None) -> Text:
    table = []
    for letter, row in zip(letters, rows):
        status = marks.status(row.status)
        if row.status == "failed" and row.exit_code is not None:
            status.append(f" ({row.exit_code})")
        standing = [one for one in row.verdicts if not one.get("fresh_entropy")]
        table.append(
            [
                Text(letter, style="bold"),
                Text(row.id, style="bold"),
                Text(shorten(plain(row.name or ""), _CELL), style="cyan"),
                Text(age(row.started, now)),
                status,
                Text(duration(row.duration) if row.duration is not None else ""),
                marks.verdict(str(standing[-1].get("verdict"))) if standing else Text(),
                Text("! gaps" if row.recipe is not None and not row.complete else "", style="yellow"),
            ]
        )
    keep = [i for i in range(len(table[0])) if any(line[i].plain for line in table)]
    kept = [[line[i] for i in keep] for line in table]
    if natural_width(kept) > width and 2 in keep:
        names = [Text(GAP * 2 + line[2].plain, style="cyan") for line in table]
        lines = columns([[line[i] for i in keep if i != 2] for line in table])
        return Text("\n").join(
            piece for line, name in zip(lines, names) for piece in ([line, name] if name.plain.strip() else [line])
        )
    return Text("\n").join(columns(kept))


def _param(row: Row, name: str) -> Text:
    return Text(shorten(param(row.params[name]), _CELL)) if name in row.params else _ABSENT


def _metric(rows: Sequence[Row], name: str) -> list[list[Text | str]]:
    """The line of a metric's last values; below it one of the best ones, where they are others."""
    towards = direction(name)
    found = [row.metrics.get(name) for row in rows]
    last: list[Text | str] = [_value(metric, "last") for metric in found]
    if towards is None:
        return [[plain(name), *(Text.assemble(one, " ") for one in last)]]
    tops = [best(name, metric) if metric else None for metric in found]
    top = _top(tops, towards)
    lines: list[list[Text | str]] = [[plain(name), *(Text.assemble(one, " ") for one in last)]]
    if all(metric is None or metric.get("last") == metric.get(towards) for metric in found):
        lines[0] = [plain(name), *(_starred(one, metric, towards, top) for one, metric in zip(last, found))]
    else:
        values = [_value(metric, towards) for metric in found]
        starred = [_starred(one, metric, towards, top) for one, metric in zip(values, found)]
        lines.append([Text(f"  {towards}", style=LABEL), *starred])
    return lines


def _value(metric: Mapping[str, Any] | None, part: str) -> Text:
    value = metric.get(part) if metric else None
    return Text(number(float(value))) if value is not None else _ABSENT.copy()


def _starred(cell: Text | str, metric: Mapping[str, Any] | None, towards: str, top: float | None) -> Text:
    text = cell if isinstance(cell, Text) else Text(cell)
    if top is not None and metric and metric.get(towards) == top:
        return Text(text.plain + "*", style="bold green")
    return text + Text(" ")


def _top(values: Sequence[Any], towards: str) -> float | None:
    """The best of several runs; None for one run alone, and where all are the same."""
    known = [value for value in values if isinstance(value, (int, float)) and value == value]
    if len(values) < 2 or not known or (len(known) == len(values) and len(set(known)) == 1):
        return None
    return min(known) if towards == "min" else max(known)


def _side_by_side(
    title: str, remark: str, letters: Sequence[str], table: Sequence[Sequence[Text | str]], width: int, more: int
) -> Text:
    """A table with a column a run, in as many blocks as the width needs."""
    heading = Text(title, style="bold").append("  " + remark if remark else "", style=LABEL)
    lines = [heading]
    cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in table]
    first = [Text(GAP + shorten(row[0].plain, max(20, width // 3)), style=row[0].style) for row in cells]
    margin = max(cell_len(cell.plain) for cell in first)
    wide = [max(cell_len(row[i + 1].plain) for row in cells) for i in range(len(letters))]
    wide = [max(taken, len(letter)) for taken, letter in zip(wide, letters)]
    start = 0
    while start < len(letters):
        stop, taken = start + 1, margin + len(GAP) + wide[start]
        while stop < len(letters) and taken + len(GAP) + wide[stop] <= width:
            taken += len(GAP) + wide[stop]
            stop += 1
        block = [[Text(), *(Text(letter, style="bold") for letter in letters[start:stop])]]
        block += [[name, *row[start + 1 : stop + 1]] for name, row in zip(first, cells)]
        lines += columns(block, right=range(1, stop - start + 1))
        start = stop
    if more:
        lines.append(Text(f"{GAP}and {more:,} more; --all shows them", style=LABEL))
    return Text("\n").join(lines)
