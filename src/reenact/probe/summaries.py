"""Tables, histograms and sounds as plain data: what a program has in memory, cut down to what is kept."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

from .redact import REDACTED, redact_text, secret_name

ROWS = 10_000
COLUMNS = 1_000
CELL = 1_000
"""Rows and columns of a table that are kept, and characters of a cell."""

TEXT = 1 << 20
"""Characters of a text that are kept."""

_PIECE = 1 << 20  # numbers that are converted together
_DENSE = "aB3dE6gH9kL2mN5pQ8rT"  # looks like a key


def table(rows: Any, columns: Any = None) -> tuple[dict[str, Any], str]:
    """The columns and rows of a table, and what was left out of it in words.

    Args:
        rows: a pandas or polars frame, a list of dicts, of lists or of values, a mapping of columns, an array of two dimensions.
        columns: names of the columns; of dicts those that are kept.

    Raises:
        ValueError: it is no table.
    """
    names, found, total = _cut(rows, None if columns is None else list(columns))
    width = max([len(names), *map(len, found)])
    names += [str(number) for number in range(len(names), width)]
    left = []
    if total > len(found):
        left.append(f"{total - len(found):,} of {total:,} rows")
    if width > COLUMNS:
        left.append(f"{width - COLUMNS:,} of {width:,} columns")
    names = [_text(name) for name in names[:COLUMNS]]
    cells = [[_cell(value) for value in row[:COLUMNS]] for row in found]
    for row in cells:
        row.extend([None] * (len(names) - len(row)))
    _redact(names, cells)
    return {"columns": names, "rows": cells}, ", ".join(left)


def _cut(rows: Any, columns: list[Any] | None) -> tuple[list[Any], list[Any], int]:
    """Names, the first rows as lists, and how many rows there are."""
    if hasattr(rows, "itertuples"):  # pandas
        return columns or list(rows.columns), [list(row) for row in rows.head(ROWS).itertuples(False, None)], len(rows)
    if hasattr(rows, "iter_rows"):  # polars
        return columns or list(rows.columns), [list(row) for row in rows.head(ROWS).rows()], len(rows)
    if hasattr(rows, "to_frame"):  # a series of either
        return _cut(rows.to_frame(), columns)
    if isinstance(rows, Mapping):
        held = [value if isinstance(value, (list, tuple)) else _listed(value) for value in rows.values()]
        total = max(map(len, held), default=0)
        body = [[one[at] if at < len(one) else None for one in held] for at in range(min(total, ROWS))]
        return columns or list(rows), body, total
    if hasattr(rows, "tolist") and hasattr(rows, "shape"):
        if not 1 <= len(rows.shape) <= 2:
            raise ValueError("an array is a table with one or two dimensions")
        total = int(rows.shape[0])
        return columns or [], [_row(row) for row in _listed(rows[:ROWS])], total
    if isinstance(rows, (str, bytes)) or not hasattr(rows, "__iter__"):
        raise ValueError(f"{type(rows).__name__} is no table")
    every = rows if isinstance(rows, (list, tuple)) else list(rows)
    body = list(every[:ROWS])
    if any(isinstance(row, Mapping) for row in body):
        names = columns or list(dict.fromkeys(name for row in body if isinstance(row, Mapping) for name in row))
        return (
            names,
            [[row.get(name) for name in names] if isinstance(row, Mapping) else [row] for row in body],
            len(every),
        )
    return columns or [], [_row(row) for row in body], len(every)


def _row(row: Any) -> list[Any]:
    if isinstance(row, (list, tuple)):
        return list(row)
    return _listed(row) if hasattr(row, "tolist") and len(getattr(row, "shape", [])) else [row]


def _listed(value: Any) -> list[Any]:
    """The values of an array, a tensor or another thing that can be gone through."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    found = value.tolist() if hasattr(value, "tolist") else list(value)
    return found if isinstance(found, list) else [found]


def _cell(value: Any) -> Any:
    """What JSON can say of a value."""
    if value is None or value is True or value is False or type(value) in (int, float):
        return value if type(value) is not int or abs(value) < 1 << 53 else str(value)
    if isinstance(value, str):
        return _text(value)
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
        if isinstance(value, (bool, int, float)):
            return value
    return _text(value)


def _text(value: Any) -> str:
    text = str(value)
    return text if len(text) <= CELL else text[: CELL - 1] + "…"


def _redact(names: list[str], rows: list[list[Any]]) -> None:
    """Takes the secrets out of a table, by the names of its columns and by their shape."""
    for at, name in enumerate(names):
        if secret_name(name, _DENSE):
            for row in rows:
                if isinstance(row[at], str) and secret_name(name, row[at]):
                    row[at] = REDACTED
    # Most tables have none: all are looked at together, and only then each.
    if redact_text("\n".join(cell for row in rows for cell in row if isinstance(cell, str)))[1]:
        for row in rows:
            row[:] = [redact_text(cell)[0] if isinstance(cell, str) else cell for cell in row]


def histogram(values: Any, bins: int = 64) -> tuple[dict[str, Any], str]:
    """Edges and counts of numbers, and what was left out in words: those that are not finite.

    Args:
        values: an array, a tensor, or numbers in any nesting of lists; or a pair ``(counts, edges)`` as NumPy returns it.
        bins: how many, 1 to 10,000.

    Raises:
        ValueError: it has no finite number.
    """
    bins = min(max(int(bins), 1), 10_000)
    numpy = sys.modules.get("numpy")
    if isinstance(values, tuple) and len(values) == 2 and _length(values[1]) == _length(values[0]) + 1 > 1:
        return given(values[0], values[1]), ""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.flatten()
        if numpy is None:
            values = values.tolist()
        else:
            try:
                values = values.numpy()
            except TypeError:  # bfloat16 and smaller
                values = values.float().numpy()
    if numpy is None:
        return _counted(_numbers(values), bins)
    flat = numpy.asarray(values).reshape(-1)
    if flat.dtype.kind not in "fiub":
        flat = flat.astype(numpy.float64)
    with numpy.errstate(all="ignore"):
        low, high, finite = math.inf, -math.inf, 0
        pieces = [flat[at : at + _PIECE] for at in range(0, flat.size, _PIECE)]
        for piece in pieces:
            kept = _finite(numpy, piece)
            finite += kept.size
            if kept.size:
                low, high = min(low, float(kept.min())), max(high, float(kept.max()))
        edges = _edges(low, high, bins, finite)
        counts = numpy.zeros(bins, numpy.int64)
        even = edges[-1] - edges[0] < math.inf  # several times as quick
        if even:
            edges = numpy.linspace(edges[0], edges[-1], bins + 1).tolist()
        for piece in pieces:
            how = {"bins": bins, "range": (edges[0], edges[-1])} if even else {"bins": numpy.asarray(edges)}
            counts += numpy.histogram(_finite(numpy, piece), **how)[0]
    return {"edges": edges, "counts": counts.tolist()}, _left(flat.size - finite)


def given(counts: Any, edges: Any) -> dict[str, Any]:
    """A histogram that the program has made itself."""
    return {"edges": [float(one) for one in _listed(edges)], "counts": [_whole(one) for one in _listed(counts)]}


def _finite(numpy: Any, piece: Any) -> Any:
    piece = piece.astype(numpy.float64)
    return piece[numpy.isfinite(piece)]


def _counted(values: list[float], bins: int) -> tuple[dict[str, Any], str]:
    finite = [value for value in values if math.isfinite(value)]
    edges = _edges(min(finite, default=math.inf), max(finite, default=-math.inf), bins, len(finite))
    counts = [0] * bins
    from _bisect import bisect_right

    for value in finite:
        counts[min(bisect_right(edges, value), bins) - 1] += 1
    return {"edges": edges, "counts": counts}, _left(len(values) - len(finite))


def _edges(low: float, high: float, bins: int, finite: int) -> list[float]:
    if not finite:
        raise ValueError("there is no finite number in it")
    largest = max(abs(low), abs(high))
    if high / 2 - low / 2 <= max(1e-11 * largest, 1e-300):  # closer together than edges can be
        pad = 0.5 if low == high else 1e-290
        low, high = low - max(1e-9 * largest, pad), high + max(1e-9 * largest, pad)
    if high - low < math.inf:
        return [low + (high - low) * (at / bins) for at in range(bins)] + [high]
    return [low * (1 - at / bins) + high * (at / bins) for at in range(bins)] + [high]


def _numbers(values: Any) -> list[float]:
    if isinstance(values, (list, tuple)):
        return [number for one in values for number in _numbers(one)]
    return [float(values)] if not hasattr(values, "__iter__") else [float(one) for one in values]


def _left(count: int) -> str:
    return f"{count:,} numbers that are not finite" if count else ""


def _length(value: Any) -> int:
    try:
        return len(value)
    except TypeError:
        return -1


def _whole(value: Any) -> Any:
    return int(value) if float(value).is_integer() else float(value)


def text(value: Any, most: int = TEXT) -> tuple[str, str]:
    """A text without secrets, of at most so many characters, and what was left out of it in words."""
    found = value.decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else str(value)
    left = f"{len(found) - most:,} of {len(found):,} characters" if len(found) > most else ""
    return redact_text(found[:most])[0], left


def wave(samples: Any, rate: int) -> bytes:
    """A WAV file of 16 bits from samples in -1 to 1 (floats) or 16-bit whole numbers: of one channel, or a row or column for each.

    Raises:
        ValueError: they are no sound.
    """
    rows = _listed(samples)
    if rows and isinstance(rows[0], list):
        if len(rows) > len(rows[0]):
            rows = [list(one) for one in zip(*rows)]
    else:
        rows = [rows]
    if not rows[0] or len(rows) > 16 or not 1 <= int(rate) < 1 << 31:
        raise ValueError("they are no samples of a sound")
    floats = any(isinstance(one, float) for row in rows for one in row[:1000])
    # Not before: a file of the program's own may be called like these.
    from _struct import pack
    from array import array

    frames = array("h", bytes(2 * len(rows) * len(rows[0])))
    for channel, row in enumerate(rows):
        frames[channel :: len(rows)] = array("h", [_sample(one, floats) for one in row])
    if sys.byteorder == "big":
        frames.byteswap()
    data, width = frames.tobytes(), 2 * len(rows)
    head = pack("<IHHIIHH", 16, 1, len(rows), int(rate), int(rate) * width, width, 16)
    return b"RIFF" + pack("<I", 36 + len(data)) + b"WAVEfmt " + head + b"data" + pack("<I", len(data)) + data


def _sample(value: Any, floats: bool) -> int:
    if floats:
        value = 0.0 if value != value else max(-1.0, min(1.0, value)) * 32767
    return max(-32768, min(32767, round(value)))
