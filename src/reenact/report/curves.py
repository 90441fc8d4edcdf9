"""Curves in a terminal: in Braille dots and colours, or, without colours, one letter a run; plain ASCII where that is all there is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from ..record.series import Series
from .axes import Axis, axis_of, labels, step_labels
from .lines import LABEL
from .quantities import count, number, plain, shorten

COLORS = (
    "cyan",
    "magenta",
    "yellow",
    "green",
    "red",
    "blue",
    "bright_cyan",
    "bright_magenta",
    "bright_yellow",
    "bright_green",
)
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLOCKS = "▁▂▃▄▅▆▇█"
_STEPS = "_.-=*#"


@dataclass(frozen=True)
class Curve:
    """One run's values of a metric. ``mark`` is the letter or number that stands for the run, ``place`` the run's place among
    all, which gives it its colour; ``whole`` is the series before it was made smaller.
    """

    mark: str
    series: Series
    label: str = ""
    whole: Series | None = None
    place: int = 0

    @property
    def odd(self) -> int:
        """How many values are NaN or infinite."""
        if self.series.whole is not None:
            return self.series.whole.odd
        values = (self.whole or self.series).values
        return 0 if math.isfinite(sum(values)) else sum(not math.isfinite(value) for value in values)

    @property
    def low(self) -> int:
        """How many values a log scale cannot show, though they are finite."""
        if self.series.whole is not None:
            return self.series.whole.low
        values = (self.whole or self.series).values
        return sum(value <= 0 and math.isfinite(value) for value in values)


def chart(
    title: str,
    curves: Sequence[Curve],
    width: int,
    height: int = 14,
    *,
    log: bool = False,
    color: bool = True,
    ascii_only: bool = False,
) -> Text:
    """A metric's curves, with axes.

    Args:
        title: the metric's name.
        curves: those of the runs, in the order of their colours.
        width, height: columns, and lines of the drawing.
        log: a logarithmic scale of values; what is not positive is left out, and that is said.
        color: colours tell the runs apart, in Braille; else their letters do.
        ascii_only: no characters beyond ASCII.
    """
    lines = [Text(plain(title), style="bold").append("  log scale" if log else "", style=LABEL)]
    values = axis_of((curve.series.values for curve in curves), log)
    steps = axis_of([curve.series.steps for curve in curves])
    if values is None or steps is None:
        lines.append(Text("  nothing that can be drawn", style=LABEL))
        return Text("\n").join(lines + _remarks(curves, log))
    ticks = values.ticks(max(2, height // 3))
    shown = dict(zip(ticks, labels(ticks)))
    margin = max(map(cell_len, shown.values()))
    columns = max(10, width - margin - 2)
    draw = _Braille(columns, height) if color and not ascii_only else _Letters(columns, height)
    for curve in curves:
        draw.curve(curve, values, steps, color_of(curve))
    at_row = {round((1 - (values.place(tick) or 0.0)) * (height - 1)): text for tick, text in shown.items()}
    bar, joint, corner, flat, cross = ("|", "+", "+", "-", "+") if ascii_only else ("│", "┤", "└", "─", "┬")
    for row in range(height):
        label = at_row.get(row, "")
        line = Text(" " * (margin - cell_len(label)) + label + " " + (joint if label else bar), style=LABEL)
        lines.append(line.append_text(draw.line(row)))
    marks, names = _below(steps, columns)
    rule = "".join(cross if i in marks else flat for i in range(columns))
    lines.append(Text(" " * (margin + 1) + corner + rule, style=LABEL))
    lines.append(Text(" " * (margin + 2) + names.rstrip(), style=LABEL))
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines + _remarks(curves, log))


def _below(steps: Axis, columns: int) -> tuple[set[int], str]:
    """Where the ticks of the steps are, and the line of their labels."""
    ticks = [tick for tick in steps.ticks(max(2, columns // 14)) if tick == int(tick)]
    places: set[int] = set()
    names = ""
    for tick, text in zip(ticks, step_labels(ticks)):
        at = round((steps.place(tick) or 0.0) * (columns - 1))
        left = min(max(0, at - len(text) // 2), columns - len(text))
        if left < len(names) + (1 if names else 0):
            continue
        places.add(at)
        names = names.ljust(left) + text
    return places, names if names else ""


def _remarks(curves: Sequence[Curve], log: bool) -> list[Text]:
    """What is not in the drawing."""
    found = []
    for curve in curves:
        odd, low = curve.odd, curve.low if log else 0
        told = [count(odd, "point that is no finite number", "points that are no finite numbers")] if odd else []
        told += [count(low, "point that is not positive", "points that are not positive")] if low else []
        if curve.series.skipped:
            told.append(count(curve.series.skipped, "line that could not be read", "lines that could not be read"))
        if told:
            found.append(Text(f"  {curve.mark}: {', '.join(told)} left out", style=LABEL))
    return found


class _Canvas(ABC):
    """Draws lines on a grid of ``across`` x ``down`` points."""

    across: int
    down: int

    @abstractmethod
    def dot(self, x: int, y: int, curve: Curve, color: str) -> None:
        """Set a point of the grid."""

    @abstractmethod
    def line(self, row: int) -> Text:
        """A row of the terminal."""

    def curve(self, curve: Curve, values: Axis, steps: Axis, color: str) -> None:
        before: tuple[int, int] | None = None
        for step, value in zip(curve.series.steps, curve.series.values):
            height, along = values.place(value), steps.place(step)
            if height is None or along is None:
                before = None
                continue
            x, y = round(along * (self.across - 1)), round((1 - height) * (self.down - 1))
            if before is None:
                self.dot(x, y, curve, color)
            elif curve.series.held:
                self._stroke(*before, x, before[1], curve, color)
                self._stroke(x, before[1], x, y, curve, color)
            else:
                self._stroke(*before, x, y, curve, color)
            before = (x, y)

    def _stroke(self, x0: int, y0: int, x1: int, y1: int, curve: Curve, color: str) -> None:
        length = max(abs(x1 - x0), abs(y1 - y0)) or 1
        for i in range(length + 1):
            self.dot(x0 + round((x1 - x0) * i / length), y0 + round((y1 - y0) * i / length), curve, color)


class _Braille(_Canvas):
    """Two by four dots a character; the colour of a character is that of the last curve in it."""

    def __init__(self, columns: int, rows: int) -> None:
        self.across, self.down = columns * 2, rows * 4
        self._bits = [bytearray(columns) for _ in range(rows)]
        self._colors: list[list[str]] = [[""] * columns for _ in range(rows)]

    def dot(self, x: int, y: int, curve: Curve, color: str) -> None:
        self._bits[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        self._colors[y // 4][x // 2] = color

    def line(self, row: int) -> Text:
        found = Text()
        for bits, color in zip(self._bits[row], self._colors[row]):
            found.append(chr(0x2800 + bits) if bits else " ", style=color)
        return found


class _Letters(_Canvas):
    """One point a character: the mark of the run, ``*`` where several meet."""

    def __init__(self, columns: int, rows: int) -> None:
        self.across, self.down = columns, rows
        self._rows = [[" "] * columns for _ in range(rows)]

    def dot(self, x: int, y: int, curve: Curve, color: str) -> None:
        mark = curve.mark[-1:]
        here = self._rows[y][x]
        self._rows[y][x] = mark if here in (" ", mark) else "*"

    def line(self, row: int) -> Text:
        return Text("".join(self._rows[row]))


def sparkline(series: Series, width: int = 12, ascii_only: bool = False) -> str:
    """A curve in one line of so many characters; a gap where there is no finite value."""
    axis = axis_of([series.values])
    if axis is None:
        return ""
    marks = _STEPS if ascii_only else _BLOCKS
    total = len(series)
    width = min(width, total)
    found = []
    for i in range(width):
        part = series.values[total * i // width : max(total * i // width + 1, total * (i + 1) // width)]
        places = [place for place in map(axis.place, part) if place is not None]
        found.append(marks[min(len(marks) - 1, int(sum(places) / len(places) * len(marks)))] if places else " ")
    return "".join(found)


def legend(curves: Sequence[Curve], width: int, color: bool = True) -> Text:
    """Which mark and colour is which run, in as many lines as the width needs."""
    lines = [Text("  ")]
    for curve in curves:
        style = color_of(curve) if color else ""
        entry = Text("━ " if color else "", style=style)
        entry.append(f"{curve.mark} {shorten(plain(curve.label), 32)}", style=style)
        if len(curve.series):
            entry.append(f" {number(curve.series.values[-1])}", style=LABEL)
        taken = cell_len(lines[-1].plain)
        if taken > 2 and taken + 3 + cell_len(entry.plain) > width:
            lines.append(Text("  "))
        elif taken > 2:
            lines[-1].append("   ")
        lines[-1].append_text(entry)
    return Text("\n").join(lines)


def color_of(curve: Curve) -> str:
    """The colour of a run in a terminal."""
    return COLORS[curve.place % len(COLORS)]
