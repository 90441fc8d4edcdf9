"""Runs as flat rows, for spreadsheets, data frames and files."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EXIT_MISSING, ReenactError
from ..record.better import best, direction
from ..record.canonical import canonical_json
from ..record.series import Series, read
from .index import Index, RunRow
from .project import Store
from .refs import expand

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = (
    *("id", "name", "experiment", "tags", "status", "exit_code", "started", "ended", "duration", "complete"),
    *("recipe", "result", "verdict", "replay_of", "sweep", "note", "command"),
)
"""Fields of a run in a row, before its params and metrics."""
POINT = ("run", "metric", "step", "time", "value")
"""Columns of a point."""
FRAMES = ("pandas", "polars")


def flat_rows(rows: Sequence[RunRow]) -> list[dict[str, Any]]:
    """One flat dict a run, all with the same keys: fields, ``params.NAME``, ``metrics.NAME.last`` and, where its name tells what is
    better, ``metrics.NAME.best``. None where a run has none; ``tags`` is a list.
    """
    params = dict.fromkeys(name for row in rows for name in row.params)
    metrics = dict.fromkeys(name for row in rows for name in row.metrics)
    parts = {name: ("last", "best") if direction(name) else ("last",) for name in metrics}
    found = []
    for row in rows:
        standing = [one for one in row.verdicts if not one.get("fresh_entropy")]
        flat = {key: getattr(row, key, None) for key in FIELDS}
        flat["command"] = shlex.join(row.command)
        flat["verdict"] = standing[-1].get("verdict") if standing else None
        flat.update((f"params.{name}", row.params.get(name)) for name in params)
        for name in metrics:
            told = row.metrics.get(name)
            for part in parts[name]:
                value = None if told is None else best(name, told) if part == "best" else told.get(part)
                flat[f"metrics.{name}.{part}"] = value
        found.append(flat)
    return found


def points(store: Store, rows: Sequence[RunRow], names: Iterable[str] | None = None) -> Iterator[tuple[str, Series]]:
    """Run id and series of every metric of the runs, or of those named, one after the other."""
    wanted = None if names is None else list(names)
    for row in rows:
        for series in read(store.run_dir(row.id), wanted, store.series_folder).values():
            yield row.id, series


def column_values(values: Sequence[Any]) -> list[Any]:
    """A column of params with one type: as it is where all are numbers, all bools, or all texts; else as text."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) <= 1 and kinds <= {bool, str, float}:
        return list(values)
    if kinds == {int}:
        fits = all(value is None or -(2**63) <= value < 2**63 for value in values)
        return list(values) if fits else [_text(value) for value in values]
    if kinds <= {int, float}:
        try:
            return [None if value is None else float(value) for value in values]
        except OverflowError:
            pass
    return [_text(value) for value in values]


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return canonical_json(value).decode()


def runs(
    *refs: str, where: str | None = None, frame: str | None = None, folder: str | os.PathLike[str] | None = None
) -> Any:
    """The runs of a project, for a notebook: one row a run, with its params and its metrics.

    Args:
        refs: runs as on the command line (``last``, a name, the beginning of an id; a sweep means its trials); all when none is named,
            newest first, without replays.
        where: a query, as of ``reenact ls --where``.
        frame: ``"pandas"`` or ``"polars"`` for a data frame; a list of dicts when None.
        folder: a folder of the project; the current one when None.

    Raises:
        ReenactError: ``no-store``, ``unknown-run``, ``bad-query``; ``bad-frame``, and ``no-pandas``, ``no-polars`` where that is not
            installed.
    """
    try:
        return _runs(refs, where, frame, folder)
    except ReenactError as error:
        if error.slug == "no-store":
            error.fix = f"{error.fix}, or name a folder of the project: reenact.runs(folder=...)"
        # Nobody renders it here: what a traceback shows has to say what is valid and what to do.
        error.args = (error.render().removeprefix("error: "),)
        raise


def _runs(refs: Sequence[str], where: str | None, frame: str | None, folder: str | os.PathLike[str] | None) -> Any:
    if frame is not None and frame not in FRAMES:
        raise ReenactError("bad-frame", f"there is no frame {frame!r}", valid=", ".join(FRAMES))
    store = Store.open(Path.cwd() if folder is None else folder)
    with Index(store, live=True) as index:
        if refs:
            rows = expand(store, refs, index)
            if where:
                among = {row.id for row in index.rows(where, include_replays=True)}
                rows = [row for row in rows if row.id in among]
        else:
            rows = index.rows(where)
    flat = flat_rows(rows)
    return flat if frame is None else _frame(flat, frame)


def by_column(flat: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Flat rows as columns of one type each; without rows, the fields alone."""
    keys = list(flat[0]) if flat else list(FIELDS)
    found = {}
    for key in keys:
        values = [row[key] for row in flat]
        found[key] = values if key == "tags" else column_values(values)
    return found


def _frame(flat: Sequence[Mapping[str, Any]], frame: str) -> Any:
    try:
        if frame == "pandas":
            import pandas

            return pandas.DataFrame(by_column(flat))
        import polars

        # strict=False: a param that is a whole number in one run and none in the next.
        return polars.DataFrame(by_column(flat), strict=False)
    except ImportError as error:
        raise ReenactError(
            f"no-{frame}", f"{frame} is not installed here", fix=f"install {frame}", exit_code=EXIT_MISSING
        ) from error
