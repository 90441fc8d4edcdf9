"""A table of very many runs, printed while it is read: some of them at a time, with columns that grow and never shrink."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from . import marks
from .console import print_lines
from .lines import GAP, LABEL
from .quantities import age, duration, number, plain, shorten
from .tables import Row, command_text, differing_of, param_pairs

AT_ONCE = 1000
"""Runs whose columns are measured together."""

_COMMAND, _PARAMS = 48, 60
_RIGHT = (1, 3)


def print_runs(out: Console, rows: Iterable[Row], metrics: Sequence[str]) -> None:
    """Print the runs as `tables.runs_table` does, with two differences: which params differ is told by the first `AT_ONCE` runs, and
    columns may be empty.

    Args:
        out: where to.
        rows: the runs, in the order shown.
        metrics: metrics of which the last value is shown.
    """
    rest = iter(rows)
    first = list(itertools.islice(rest, AT_ONCE))
    if not first:
        return
    names = differing_of(first)
    now = datetime.now(timezone.utc)
    heads = ["RUN", "AGE", "STATUS", "TIME", *(plain(name).upper() for name in metrics), "VERDICT", "GAPS"]
    right = {*_RIGHT, *range(4, 4 + len(metrics))}
    widths = [cell_len(head) for head in heads]
    fixed = [_fixed(row, metrics, now) for row in first]
    free = [_free(row, names) for row in first]
    _widen(widths, fixed)
    spread = [max(_len(cells[i]) for cells in free) for i in range(3)]
    wide = sum(widths) + sum(spread) + len(GAP) * (len(widths) + 2) <= out.width
    more = ["NAME", "COMMAND", "PARAMS"] if wide else []
    head = _line(heads, widths, right, _padded(more, spread) if wide else "")
    print_lines(out, [Text(head, style=LABEL)])
    while fixed:
        _widen(widths, fixed)
        lines: list[str] = []
        for row, cells, words in zip(first, fixed, free):
            lines.append(_line(cells, widths, right, _padded(words, spread) if wide else ""))
            lines += _below(row, words, names, out.width - len(GAP)) if not wide else ()
            lines += [GAP + note for note in _notes(row)]
        _print(out, lines)
        first = list(itertools.islice(rest, AT_ONCE))
        fixed = [_fixed(row, metrics, now) for row in first]
        free = [_free(row, names) for row in first]


def _print(out: Console, lines: list[str]) -> None:
    if out.color_system is None:
        out.file.write("\n".join(lines) + "\n")
    else:
        print_lines(out, [Text(line) for line in lines])


def _fixed(row: Row, metrics: Sequence[str], now: datetime) -> list[str]:
    status = _STATUS.get(row.status) or _STATUS.setdefault(row.status, marks.status(row.status).plain)
    if row.status == "failed" and row.exit_code is not None:
        status += f" ({row.exit_code})"
    verdict = ""
    for one in row.verdicts:
        if not one.get("fresh_entropy"):
            verdict = marks.verdict(str(one.get("verdict"))).plain
    gaps = "! gaps" if row.recipe is not None and not row.complete else ""
    values = [number(row.metrics[name].get("last")) if name in row.metrics else "" for name in metrics]
    took = duration(row.duration) if row.duration is not None else ""
    return [row.id, age(row.started, now), status, took, *values, verdict, gaps]


_STATUS: dict[str, str] = {}


def _free(row: Row, names: Sequence[str]) -> list[str]:
    return [
        plain(row.name or ""),
        shorten(command_text(row.command), _COMMAND),
        param_pairs(row.params, names, _PARAMS),
    ]


def _below(row: Row, words: Sequence[str], names: Sequence[str], width: int) -> list[str]:
    """Name, command and params on one line; the params give way first."""
    name, command, pairs = words
    found = " · ".join(word for word in (name, command) if word)
    room = width - _len(found) - 3
    if pairs and room >= 12:
        found = " · ".join([found, param_pairs(row.params, names, min(room, _PARAMS))])
    return [GAP + found] if found else []


def _notes(row: Row) -> Iterator[str]:
    if row.replay_of:
        yield f"replay of {row.replay_of}"
    if row.detail and row.status != "unreadable":
        yield plain(row.detail)


def _widen(widths: list[int], rows: Sequence[Sequence[str]]) -> None:
    for i, column in enumerate(zip(*rows)):
        widths[i] = max(widths[i], max(map(_len, column)))


def _line(cells: Sequence[str], widths: Sequence[int], right: set[int], more: str) -> str:
    parts = []
    for i, cell in enumerate(cells):
        pad = " " * (widths[i] - _len(cell))
        parts.append(pad + cell if i in right else cell + pad)
    return GAP.join([*parts, more]).rstrip()


def _padded(words: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(word + " " * (width - _len(word)) for word, width in zip(words, widths))


def _len(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)
