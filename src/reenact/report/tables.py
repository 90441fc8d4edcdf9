"""The table of runs that ``reenact ls`` prints."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from rich.cells import cell_len
from rich.text import Text

from ..record.filledin import filled_in
from . import marks
from .lines import GAP, LABEL, columns, natural_width
from .quantities import age, duration, number, param, plain, shorten

_INTERPRETERS = ("python", "pypy")
_COMMAND = 48
_PARAMS = 60


class Row(Protocol):
    """What the table needs of a run; the rows of the index have it."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def status(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def exit_code(self) -> int | None: ...
    @property
    def started(self) -> str: ...
    @property
    def duration(self) -> float | None: ...
    @property
    def command(self) -> list[str]: ...
    @property
    def params(self) -> dict[str, Any]: ...
    @property
    def metrics(self) -> dict[str, dict[str, Any]]: ...
    @property
    def recipe(self) -> str | None: ...
    @property
    def complete(self) -> bool: ...
    @property
    def verdicts(self) -> list[dict[str, Any]]: ...
    @property
    def replay_of(self) -> str | None: ...


def runs_table(
    rows: Sequence[Row], width: int, *, metrics: Iterable[str] = ("loss",), now: datetime | None = None
) -> list[Text]:
    """The lines of the table: the runs, one a line where they fit; else name, command and params stand on a line below each.

    Ids are never cut. A column that would be empty is left out.

    Args:
        rows: the runs, in the order shown.
        width: columns of the terminal.
        metrics: metrics of which the last value is shown.
        now: the present when None.
    """
    differing = differing_of(rows)
    shown = [name for name in dict.fromkeys(metrics) if any(name in row.metrics for row in rows)]
    fixed = [_fixed(row, shown, now) for row in rows]
    free = [_free(row, differing, _PARAMS) for row in rows]
    heads = ["RUN", "AGE", "STATUS", "TIME", *(plain(name).upper() for name in shown), "VERDICT", "GAPS"]
    right = {1, 3, *range(4, 4 + len(shown))}
    wide = _kept([*heads, "NAME", "COMMAND", "PARAMS"], [[*a, *b] for a, b in zip(fixed, free)], right)
    if natural_width(wide[0]) <= width:
        return _with_notes(columns(*wide), rows, [None] * len(rows))
    below = [_below(row, cells, differing, width - len(GAP)) for row, cells in zip(rows, free)]
    return _with_notes(columns(*_kept(heads, fixed, right)), rows, below)


def differing_of(rows: Sequence[Row]) -> list[str]:
    """Names of the params that differ among runs; see `differing_params`."""
    return differing_params(
        [row.params for row in rows],
        [_program(row.command) for row in rows],
        [row.status == "finished" for row in rows],
    )


def differing_params(
    params: Sequence[Mapping[str, Any]], programs: Sequence[str] | None = None, finished: Sequence[bool] | None = None
) -> list[str]:
    """Names of the params that do not have the same value in all runs, those that tell the most first.

    Settings that an optimizer fills in by itself come last. Of the others those come first that have different values in more
    runs; one that runs only lack or have, and one that only differs in kind, after them.

    A run that lacks one differs from the others of its program; another program has params of its own, and a run that came to
    no good end may not have come to the param (the settings of an optimizer that it never made).

    Args:
        programs: which program each run is of; one and the same when None.
        finished: whether each run came to its end; all of them when None.
    """
    names = dict.fromkeys(name for one in params for name in one)
    runs = list(zip(programs or [""] * len(params), params, finished or [True] * len(params)))

    def differs(name: str) -> bool:
        having = {program for program, one, _ in runs if name in one}
        told = [one for program, one, whole in runs if program in having and (whole or name in one)]
        return len({repr(one.get(name, KeyError)) for one in told}) > 1

    def told_by(name: str) -> tuple[bool, bool, int]:
        values = Counter(repr(one[name]) for one in params if name in one)
        # Runs with another value than the most frequent one: a param that only some have differs in none of these.
        others = sum(values.values()) - max(values.values())
        return filled_in(name), not others, -others

    return sorted((name for name in names if differs(name)), key=told_by)


def param_pairs(params: Mapping[str, Any], names: Sequence[str], width: int) -> str:
    """``lr=0.1 depth=2 … +3``: whole pairs, as many as fit; only a first one that is too long alone is cut, inside."""
    pairs = [f"{plain(name)}={param(params[name])}" for name in names if name in params]
    whole = " ".join(pairs)
    if cell_len(whole) <= width:
        return whole
    for many in range(len(pairs) - 1, 0, -1):
        found = f"{' '.join(pairs[:many])} … +{len(pairs) - many}"
        if cell_len(found) <= width:
            return found
    rest = f" … +{len(pairs) - 1}" if len(pairs) > 1 else ""
    return shorten(pairs[0], max(5, width - len(rest))) + rest


def _program(argv: Sequence[str]) -> str:
    """The script that a command runs, or its first word that is no interpreter."""
    for word in argv:
        if word.endswith(".py"):
            return word
    return next((word for word in argv if not os.path.basename(word).startswith(_INTERPRETERS)), "")


def command_text(argv: Sequence[str]) -> str:
    """A command as it would be typed, the interpreter's folder left out, the interpreter too before a script."""
    words = list(argv)
    # Of an imported run, whose command is not known: what it came from, no word of a shell.
    if len(words) == 1 and words[0][:1] == "(" and words[0][-1:] == ")":
        return plain(words[0])
    if words and os.path.basename(words[0]).startswith(_INTERPRETERS):
        words[0] = os.path.basename(words[0])
        if len(words) > 1 and not words[1].startswith("-"):
            del words[0]
    return plain(shlex.join(words))


def _fixed(row: Row, metrics: Sequence[str], now: datetime | None) -> list[Text]:
    status = marks.status(row.status)
    if row.status == "failed" and row.exit_code is not None:
        status.append(f" ({row.exit_code})")
    # With fresh entropy a run may well come out otherwise: that is no verdict on its record.
    standing = [one for one in row.verdicts if not one.get("fresh_entropy")]
    verdict = marks.verdict(str(standing[-1].get("verdict"))) if standing else Text()
    gaps = Text("! gaps", style="yellow") if row.recipe is not None and not row.complete else Text()
    values = [Text(number(row.metrics[name].get("last")) if name in row.metrics else "") for name in metrics]
    took = duration(row.duration) if row.duration is not None else ""
    return [Text(row.id, style="bold"), Text(age(row.started, now)), status, Text(took), *values, verdict, gaps]


def _free(row: Row, differing: Sequence[str], width: int) -> list[Text]:
    return [
        Text(plain(row.name or ""), style="cyan"),
        Text(shorten(command_text(row.command), _COMMAND)),
        Text(param_pairs(row.params, differing, width), style=LABEL),
    ]


def _kept(heads: Sequence[str], rows: Sequence[Sequence[Text]], right: set[int]) -> tuple[list[list[Text]], list[int]]:
    """The table with its heads, columns without any entry left out, and which columns are aligned to the right."""
    keep = [i for i in range(len(heads)) if any(row[i].plain for row in rows)]
    table = [[Text(heads[i], style=LABEL) for i in keep], *([row[i] for i in keep] for row in rows)]
    return table, [position for position, i in enumerate(keep) if i in right]


def _below(row: Row, cells: Sequence[Text], differing: Sequence[str], width: int) -> Text:
    """Name, command and params on one line; the params give way first."""
    name, command, pairs = cells
    found = Text(" · ").join(cell for cell in (name, command) if cell.plain)
    room = width - cell_len(found.plain) - 3
    if pairs.plain and room >= 12:
        told = param_pairs(row.params, differing, min(room, _PARAMS))
        found = Text(" · ").join([found, Text(told, style=LABEL)])
    return found


def _with_notes(lines: list[Text], rows: Sequence[Row], below: Sequence[Text | None]) -> list[Text]:
    found = [lines[0]]
    for line, row, more in zip(lines[1:], rows, below):
        found.append(line)
        if more is not None and more.plain:
            found.append(Text(GAP).append_text(more))
        for note in _notes(row):
            found.append(Text(GAP + note, style=LABEL))
    return found


def _notes(row: Row) -> Iterable[str]:
    if row.replay_of:
        yield f"replay of {row.replay_of}"
    if row.detail and row.status != "unreadable":
        yield plain(row.detail)
