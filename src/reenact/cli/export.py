"""``reenact export``: params and metrics of runs as CSV, JSON or Parquet."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click

from .opened import project, say

if TYPE_CHECKING:
    from ..record.series import Series
    from ..store.index import RunRow
    from ..store.project import Store

_FORMATS = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".pq": "parquet"}


@click.command(name="export", short_help="Write params and metrics of runs as CSV, JSON or Parquet.")
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values (the default, unless FILE's name tells).")
@click.option("--json", "as_json", is_flag=True, help="A JSON list; with --points one JSON object a line.")
@click.option("--parquet", "as_parquet", is_flag=True, help="Parquet (needs reenact[frames]).")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE instead of stdout.")
@click.option("--points", "as_points", is_flag=True, help="One row a point: run, metric, step, time, value.")
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME", help="With --points: only this metric; may be repeated."
)
@click.option("--where", metavar="QUERY", help="Only runs that match, as for `reenact ls`.")
def command(
    runs: tuple[str, ...],
    as_csv: bool,
    as_json: bool,
    as_parquet: bool,
    output: str | None,
    as_points: bool,
    metrics: tuple[str, ...],
    where: str | None,
) -> int:
    """Write one row a run: fields, params, the last and the best value of each metric; or with --points one row a point.

    Without RUN: all runs but replays, newest first. A sweep means all of its trials.
    """
    from ..errors import ReenactError

    form = _form({"csv": as_csv, "json": as_json, "parquet": as_parquet}, output)
    if metrics and not as_points:
        raise ReenactError("bad-options", "--metric goes with --points")
    if form == "parquet":
        _pyarrow()
        if output is None and sys.stdout.isatty():
            raise ReenactError("bad-options", "Parquet is no text for a terminal", fix="name a file: -o FILE")
    from ..store.checks import check_where
    from ..store.refs import expand
    from .compare import asked_metrics

    with project(live=True) as (store, index):
        rows = expand(store, runs, index) if runs else index.rows(where)
        if where:
            check_where(where, index)
        if runs and where:
            among = {row.id for row in index.rows(where, include_replays=True)}
            rows = [row for row in rows if row.id in among]
        metrics = tuple(asked_metrics(store, rows, metrics)) if rows else metrics
    with _target(output) as out:
        if as_points:
            count = _write_points(store, rows, metrics or None, form, out)
            told = f"{count:,} point{'s' * (count != 1)}"
        else:
            _write_runs(rows, form, out)
            told = f"{len(rows):,} run{'s' * (len(rows) != 1)}"
    if output is not None:
        say(f"wrote {told} to {output}")
    return 0


def _form(asked: dict[str, bool], output: str | None) -> str:
    """csv, json or parquet: by the one option, else by the file's name.

    Raises:
        ReenactError: ``bad-options``, ``unknown-format``.
    """
    from ..errors import ReenactError

    chosen = [name for name, there in asked.items() if there]
    if len(chosen) > 1:
        raise ReenactError("bad-options", f"{' and '.join(f'--{name}' for name in chosen)} cannot go together")
    suffix = os.path.splitext(output or "")[1].lower()
    if chosen or not suffix or (output is not None and os.path.exists(output) and not os.path.isfile(output)):
        return chosen[0] if chosen else "csv"
    if suffix not in _FORMATS:
        raise ReenactError(
            "unknown-format",
            f"{output} tells no format that is written here",
            valid=", ".join(_FORMATS),
            fix="name the file so, or say the format: --csv, --json, --parquet",
        )
    return _FORMATS[suffix]


def _write_runs(rows: Sequence[RunRow], form: str, out: IO[bytes]) -> None:
    from ..record.canonical import canonical_json
    from ..store.tabular import FIELDS, by_column, flat_rows

    flat = flat_rows(rows)
    if form == "json":
        out.write(canonical_json(flat) + b"\n")
    elif form == "parquet":
        pyarrow, parquet = _pyarrow()
        texts = pyarrow.list_(pyarrow.string())
        columns = {
            _clean(key): pyarrow.array([_clean(value) for value in values], texts if key == "tags" else None)
            for key, values in by_column(flat).items()
        }
        parquet.write_table(pyarrow.table(columns), out)
    else:
        _write_csv(list(flat[0]) if flat else list(FIELDS), (_cells(row.values()) for row in flat), out)


def _write_points(store: Store, rows: Sequence[RunRow], names: Sequence[str] | None, form: str, out: IO[bytes]) -> int:
    from ..record.canonical import canonical_json
    from ..store.tabular import POINT, points

    every = points(store, rows, names)
    if form == "parquet":
        return _write_parquet_points(every, out)
    count = 0

    def lines() -> Iterator[tuple[Any, ...]]:
        nonlocal count
        for run, series in every:
            for index, (step, value) in enumerate(zip(series.steps, series.values)):
                time = (
                    None if series.times is None or series.times[index] != series.times[index] else series.times[index]
                )
                count += 1
                yield run, series.name, step, time, value

    if form == "json":
        from math import isfinite

        from msgspec.json import encode

        for line in lines():
            row = dict(sorted(zip(POINT, line)))
            try:  # far quicker, and the same where there is a number and the name is text
                data = encode(row) if isfinite(line[-1]) else canonical_json(row)
            except UnicodeEncodeError:
                data = canonical_json(row)
            out.write(data + b"\n")
    else:
        _write_csv(POINT, (_cells(line) for line in lines()), out)
    return count


def _write_parquet_points(every: Iterator[tuple[str, Series]], out: IO[bytes]) -> int:
    pyarrow, parquet = _pyarrow()
    text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    kinds = (text, text, pyarrow.int64(), pyarrow.float64(), pyarrow.float64())
    from ..store.tabular import POINT

    schema = pyarrow.schema(list(zip(POINT, kinds)))
    count = 0
    with parquet.ParquetWriter(out, schema) as writer:
        for run, series in every:
            size = len(series)
            count += size
            same = pyarrow.array([0] * size, pyarrow.int32())
            times = (
                pyarrow.nulls(size, pyarrow.float64())
                if series.times is None
                else _numbers(pyarrow, series.times, "float64")
            )
            columns = [
                pyarrow.DictionaryArray.from_arrays(same, pyarrow.array([_clean(name)])) for name in (run, series.name)
            ]
            columns += [_numbers(pyarrow, series.steps, "int64"), times, _numbers(pyarrow, series.values, "float64")]
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))
    return count


def _numbers(pyarrow: Any, values: Any, kind: str) -> Any:
    """The numbers where they are, not copied."""
    return pyarrow.Array.from_buffers(getattr(pyarrow, kind)(), len(values), [None, pyarrow.py_buffer(values)])


def _write_csv(heads: Sequence[str], rows: Iterator[list[Any]], out: IO[bytes]) -> None:
    import csv
    import io

    text = io.TextIOWrapper(out, encoding="utf-8", errors="backslashreplace", newline="", write_through=False)
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(heads)
        writer.writerows(rows)
        text.flush()
    finally:
        text.detach()


def _cells(values: Any) -> list[Any]:
    """Values as a spreadsheet has them: nothing for None, lists of tags by commas, other structures as JSON."""
    from ..record.canonical import canonical_json

    found: list[Any] = []
    for value in values:
        if isinstance(value, (list, dict)):
            plain = isinstance(value, list) and all(isinstance(part, str) and "," not in part for part in value)
            found.append(",".join(value) if plain else canonical_json(value).decode())
        elif isinstance(value, bool):
            found.append("true" if value else "false")
        else:
            found.append(value)
    return found


def _clean(value: Any) -> Any:
    """Text that is UTF-8: a lone surrogate becomes its escape."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return [_clean(part) for part in value] if isinstance(value, list) else value


def _pyarrow() -> tuple[Any, Any]:
    from ..errors import EXIT_MISSING, ReenactError

    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ReenactError(
            "no-pyarrow",
            "Parquet is written by pyarrow, which is not installed beside reenact",
            valid="--csv and --json need nothing",
            fix="install reenact[frames]",
            exit_code=EXIT_MISSING,
        ) from error
    return pyarrow, parquet


@contextmanager
def _target(output: str | None) -> Iterator[IO[bytes]]:
    """Stdout, or a file that is there whole or not at all.

    Raises:
        ReenactError: ``not-written``.
    """
    from ..errors import ReenactError
    from ..record.atomic import tmp_name

    if output is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        return
    direct = os.path.exists(output) and not os.path.isfile(output)  # /dev/null, a pipe
    aside = output if direct else os.path.join(os.path.dirname(output), tmp_name(os.path.basename(output)))
    try:
        with open(aside, "wb") as file:
            yield file
        if not direct:
            os.replace(aside, output)
    except OSError as error:
        raise ReenactError("not-written", f"cannot write {output}: {error.strerror}") from error
    finally:
        if not direct and os.path.exists(aside):
            os.unlink(aside)
