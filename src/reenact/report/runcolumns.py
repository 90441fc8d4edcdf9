"""Columns of the table of runs that a person chose: fields, metrics, params."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from rich.text import Text

from ..record.better import best
from . import marks
from .lines import LABEL, columns, natural_width
from .quantities import age, duration, param, plain, shorten
from .tables import Row, command_text

_CELL = 40
PARTS = ("last", "best", "min", "max", "first", "count")
"""What of a metric a column can show: ``loss.min``."""


class Valued(Protocol):
    """What has params and metrics."""

    @property
    def params(self) -> dict[str, Any]: ...
    @property
    def metrics(self) -> dict[str, dict[str, Any]]: ...


def _status(row: Row) -> Text:
    text = marks.status(row.status)
    if row.status == "failed" and row.exit_code is not None:
        text.append(f" ({row.exit_code})")
    return text


def _verdict(row: Row) -> Text:
    standing = [one for one in row.verdicts if not one.get("fresh_entropy")]
    return marks.verdict(str(standing[-1].get("verdict"))) if standing else Text()


FIELDS: dict[str, Callable[[Any], Text]] = {
    "id": lambda row: Text(row.id, style="bold"),
    "name": lambda row: Text(shorten(plain(row.name or ""), _CELL), style="cyan"),
    "experiment": lambda row: Text(shorten(plain(row.experiment or ""), _CELL)),
    "tags": lambda row: Text(shorten(plain(" ".join(row.tags)), _CELL)),
    "note": lambda row: Text(shorten(plain(row.note or ""), _CELL)),
    "status": _status,
    "exit_code": lambda row: Text("" if row.exit_code is None else str(row.exit_code)),
    "started": lambda row: Text(plain(row.started).partition(".")[0].replace("T", " ")),
    "ended": lambda row: Text(plain(row.ended or "").partition(".")[0].replace("T", " ")),
    "age": lambda row: Text(age(row.started)),
    "time": lambda row: Text(duration(row.duration) if row.duration is not None else ""),
    "duration": lambda row: Text(duration(row.duration) if row.duration is not None else ""),
    "verdict": _verdict,
    "gaps": lambda row: Text("! gaps" if row.recipe is not None and not row.complete else "", style="yellow"),
    "command": lambda row: Text(shorten(command_text(row.command), _CELL)),
    "sweep": lambda row: Text(row.sweep or ""),
    "replay_of": lambda row: Text(row.replay_of or ""),
}
"""Columns that are fields of a run, and how each is shown."""
_NUMBERS = ("exit_code", "age", "time", "duration")


def known_names(rows: Sequence[Row]) -> dict[str, None]:
    """Names of all metrics and params of these runs."""
    return dict.fromkeys(name for row in rows for name in (*row.metrics, *row.params))


def metric_of(key: str, metrics: Mapping[str, Any]) -> tuple[str, str] | None:
    """Name of the metric and what of it a key means: (``loss``, ``min``) for ``loss.min``; None when it is no metric."""
    if key in metrics:
        return key, "last"
    stem, dot, part = key.rpartition(".")
    return (stem, part) if dot and part in PARTS and stem in metrics else None


def value_of(row: Valued, key: str) -> Any:
    """The value of a metric (``loss.best``) or param of a run; None when it has none."""
    found = metric_of(key, row.metrics)
    if found is None:
        return row.params.get(key)
    name, part = found
    return best(name, row.metrics[name]) if part == "best" else row.metrics[name].get(part)


def chosen_table(
    rows: Sequence[Row],
    keys: Sequence[str],
    extra: Mapping[str, Sequence[str]],
    optional: Sequence[str] = (),
    width: int = 0,
) -> list[Text]:
    """The lines of a table, one a run: its id, the columns that were chosen, and further ones.

    Args:
        rows: the runs.
        keys: fields, metrics, params.
        extra: further columns by their heads: a text a run.
        optional: keys of columns after those that are there as far as the width allows.
        width: columns of the terminal.
    """
    keys = ["id", *(key for key in dict.fromkeys([*keys, *optional]) if key != "id")]
    made = [
        [Text("RUN" if key == "id" else _head(key), style=LABEL), *(_cell(row, key) for row in rows)] for key in keys
    ]
    more = [
        [Text(plain(head), style=LABEL), *(Text(text, style="cyan") for text in cells)] for head, cells in extra.items()
    ]
    for _ in optional:
        if natural_width(list(zip(*made, *more))) > width:
            made.pop()
    right = [i for i, key in enumerate(keys) if key in _NUMBERS or (key not in FIELDS and _all_numbers(rows, key))]
    return columns(list(zip(*made, *more)), [i for i in right if i < len(made)])


def _head(key: str) -> str:
    return plain(key).upper() if key in FIELDS else plain(key)


def _cell(row: Row, key: str) -> Text:
    if key in FIELDS:
        return FIELDS[key](row)
    value = value_of(row, key)
    if value is None and key not in row.params:
        return Text()
    return Text(shorten(param(value), _CELL))


def _all_numbers(rows: Sequence[Row], key: str) -> bool:
    values = [value_of(row, key) for row in rows]
    return all(value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) for value in values)
