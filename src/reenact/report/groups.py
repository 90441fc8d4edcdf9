"""Runs in groups: how many, and mean, spread and best of their metrics."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rich.text import Text

from ..record.better import Direction, direction
from ..record.canonical import canonical_json
from .lines import LABEL, columns
from .quantities import number, param, plain, shorten
from .runcolumns import Valued, value_of

FIELDS = ("experiment", "tag", "tags", "name", "status", "sweep")
"""Fields of a run that groups can be made by, besides its params."""

_CELL = 40
_MANY = 1000


class Grouped(Valued, Protocol):
    """What runs are grouped by; the rows of the index have it."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def experiment(self) -> str | None: ...
    @property
    def status(self) -> str: ...
    @property
    def sweep(self) -> str | None: ...
    @property
    def tags(self) -> Sequence[str]: ...


@dataclass
class Stat:
    """A metric over the runs of a group that have a finite value of it. ``std`` is that of a sample; None below two runs."""

    count: int
    mean: float | None
    std: float | None
    best: float | None
    best_run: str | None


@dataclass
class Group:
    """Runs with one value. ``has`` is false for those that have none."""

    value: Any
    has: bool
    rows: list[Grouped] = field(default_factory=list)
    stats: dict[str, Stat] = field(default_factory=dict)


def grouped(rows: Sequence[Grouped], key: str, metrics: Sequence[str], towards: Direction | None = None) -> list[Group]:
    """The groups by value, those without any last. With ``tag`` a run is in the group of each of its tags.

    Args:
        rows: the runs.
        key: a field of `FIELDS`, or a param.
        metrics: metrics to summarise: ``acc``, ``loss.min``.
        towards: what is best of the first metric, when not as its name tells.
    """
    groups: dict[bytes | None, Group] = {}
    # By value and type: 1 and True are equal, and groups of their own.
    known: dict[tuple[type, Any], Group] = {}
    for row in rows:
        for value in _values(row, key):
            same = (type(value), value) if isinstance(value, (str, int)) else None
            group = known.get(same) if same is not None else None
            if group is None:
                mark = None if value is _NONE else canonical_json(value)
                group = groups.setdefault(mark, Group(None if value is _NONE else value, value is not _NONE))
                if same is not None:
                    known[same] = group
            group.rows.append(row)
    for group in groups.values():
        for index, metric in enumerate(metrics):
            group.stats[metric] = _stat(group.rows, metric, towards if index == 0 else None)
    return sorted(groups.values(), key=lambda group: _order(group))


def needed(key: str, metrics: Sequence[str]) -> list[str]:
    """Names of the params and metrics that `grouped` looks at."""
    return list(dict.fromkeys([key, *metrics, *(metric.rpartition(".")[0] for metric in metrics)]))


def groups_table(groups: Sequence[Group], key: str, metrics: Sequence[str]) -> Text:
    """One line a group; of the first metric the best run is named."""
    heads = [plain(key), "RUNS"]
    for metric in metrics:
        heads += [plain(metric), "BEST", *(["RUN"] if metric == metrics[0] else [])]
    table = [[Text(head, style=LABEL) for head in heads]]
    for group in groups:
        shown = shorten(param(group.value), _CELL) if group.has else "(none)"
        cells = [Text(shown, style="" if group.has else LABEL), Text(str(len(group.rows)))]
        for metric in metrics:
            told = _cells(group.stats[metric], len(group.rows))
            cells += told if metric == metrics[0] else told[:2]
        table.append(cells)
    right = [i for i, head in enumerate(heads) if i and i != 4]
    return Text("\n").join(columns(table, right))


def group_json(groups: Sequence[Group], key: str) -> list[dict[str, Any]]:
    """The groups as plain data."""
    return [
        {
            "key": key,
            "value": group.value,
            "count": len(group.rows),
            "runs": [row.id for row in group.rows],
            "metrics": {
                name: {"count": s.count, "mean": s.mean, "std": s.std, "best": s.best, "best_run": s.best_run}
                for name, s in group.stats.items()
            },
        }
        for group in groups
    ]


_NONE = object()


def _values(row: Grouped, key: str) -> list[Any]:
    if key in ("tag", "tags"):
        return list(row.tags) or [_NONE]
    if key in FIELDS:
        value = getattr(row, key)
        return [_NONE if value is None else value]
    return [row.params[key]] if key in row.params else [_NONE]


def _stat(rows: Sequence[Grouped], metric: str, towards: Direction | None) -> Stat:
    found = [(value, row.id) for row in rows if _finite(value := value_of(row, metric))]
    if not found:
        return Stat(0, None, None, None, None)
    values = [float(value) for value, _ in found]
    mean = math.fsum(value / len(values) for value in values)
    std = _std(values, mean) if len(values) > 1 else None
    towards = towards or _towards(metric)
    top = None
    if towards is not None:
        top = min(found, key=lambda pair: pair[0]) if towards == "min" else max(found, key=lambda pair: pair[0])
    return Stat(len(values), mean, std, None if top is None else float(top[0]), None if top is None else top[1])


def _std(values: Sequence[float], mean: float) -> float:
    if len(values) < _MANY:
        return statistics.stdev(values)
    # In exact fractions, as `statistics` does it, many take seconds.
    return math.sqrt(math.fsum((value - mean) * (value - mean) for value in values) / (len(values) - 1))


def _towards(metric: str) -> Direction | None:
    stem, _, part = metric.rpartition(".")
    return direction(metric) or (direction(stem) if part in ("last", "best", "min", "max", "first") else None)


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _cells(stat: Stat, runs: int) -> list[Text]:
    if stat.mean is None:
        return [Text("-", style=LABEL), Text(), Text()]
    told = number(stat.mean) + (f" ± {stat.std:.2g}" if stat.std is not None else "")
    few = f" ({stat.count} of {runs})" if stat.count < runs else ""
    return [
        Text(told + few),
        Text("" if stat.best is None else number(stat.best)),
        Text(stat.best_run or "", style="bold"),
    ]


def _order(group: Group) -> tuple[int, float, str]:
    if not group.has:
        return 2, 0.0, ""
    if _finite(group.value):
        return 0, float(group.value), ""
    return 1, 0.0, str(group.value)
