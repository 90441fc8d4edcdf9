"""Curves as SVG, written by hand: no library draws them."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from .axes import Axis, axis_of, labels, step_labels
from .curves import Curve
from .quantities import plain, shorten

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f3c8d", "#4d4d4d")
_DASHES = ("", "6 3", "2 2", "8 3 2 3")

Panel = tuple[str, Sequence[Curve]]

WIDTH, HEIGHT = 860, 320
LEFT, RIGHT, TOP, BOTTOM = 76, 16, 34, 44
_LEGEND_ROW = 18
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.title{font-weight:600;font-size:14px;fill:#111}"
    ".grid{stroke:#e3e3e3}.axis{stroke:#888}.curve{fill:none;stroke-width:1.6;stroke-linejoin:round}"
)


def color_of(index: int) -> str:
    """The colour of the run at a place."""
    return COLORS[index % len(COLORS)]


def dash_of(index: int) -> str:
    """How its line is broken, where there are more runs than colours."""
    return _DASHES[index // len(COLORS) % len(_DASHES)]


def panel_height(curves: Sequence[Curve]) -> int:
    """Height of a panel: the drawing, and its legend below."""
    return HEIGHT + _LEGEND_ROW * len(_legend_rows(curves)) + 24


def svg(panels: Sequence[Panel], *, log: bool = False) -> str:
    """All panels, one below the other.

    Args:
        panels: name of each metric, and its curves.
        log: a logarithmic scale of values.
    """
    height = sum(panel_height(curves) for _, curves in panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        f'<style>{_STYLE}</style><rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    top = 0
    for number, (name, curves) in enumerate(panels):
        parts.append(f'<g transform="translate(0 {top})" data-panel="{number}">')
        parts += _panel(name, curves, log)
        parts.append("</g>")
        top += panel_height(curves)
    return "\n".join([*parts, "</svg>"]) + "\n"


def scales(curves: Sequence[Curve], log: bool) -> tuple[Axis, Axis] | None:
    """Axis of the steps and axis of the values; None when there is nothing to draw."""
    values = axis_of((curve.series.values for curve in curves), log)
    steps = axis_of([curve.series.steps for curve in curves])
    return None if values is None or steps is None else (steps, values)


def _panel(name: str, curves: Sequence[Curve], log: bool) -> list[str]:
    title = plain(name) + (" (log scale)" if log else "")
    parts = [f'<text class="title" x="{LEFT}" y="20">{_text(shorten(title, 100))}</text>']
    found = scales(curves, log)
    if found is None:
        return [*parts, f'<text x="{LEFT}" y="60">nothing that can be drawn</text>']
    steps, values = found
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    ticks = values.ticks(6)
    for tick, label in zip(ticks, labels(ticks)):
        y = _y(values, tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_text(label)}</text>')
    ticks = [tick for tick in steps.ticks(8) if tick == int(tick)]
    for tick, label in zip(ticks, step_labels(ticks)):
        x = _x(steps, tick)
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{_text(label)}</text>')
    parts.append(f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{bottom}H{right}"/>')
    parts.append(f'<text x="{(LEFT + right) / 2}" y="{bottom + 34}" text-anchor="middle">step</text>')
    for curve in curves:
        index = curve.place
        stroke = f'stroke="{color_of(index)}"' + (f' stroke-dasharray="{dash_of(index)}"' if dash_of(index) else "")
        for d, dots in _paths(curve, steps, values):
            if d:
                parts.append(f'<path class="curve" {stroke} d="{d}"/>')
            parts += [f'<circle cx="{x}" cy="{y}" r="2.4" fill="{color_of(index)}"/>' for x, y in dots]
    for row, entries in enumerate(_legend_rows(curves)):
        y = HEIGHT + 12 + row * _LEGEND_ROW
        for x, curve, text in entries:
            index = curve.place
            dash = f' stroke-dasharray="{dash_of(index)}"' if dash_of(index) else ""
            parts.append(
                f'<line x1="{x}" x2="{x + 20}" y1="{y - 4}" y2="{y - 4}" stroke="{color_of(index)}" stroke-width="2.5"{dash}/>'
            )
            parts.append(f'<text x="{x + 26}" y="{y}">{_text(text)}</text>')
    return parts


def _paths(curve: Curve, steps: Axis, values: Axis) -> list[tuple[str, list[tuple[str, str]]]]:
    """The pieces of a curve between its gaps; a point alone is a dot."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for step, value in zip(curve.series.steps, curve.series.values):
        if values.place(value) is None:
            pieces.append([])
            continue
        x, y = _x(steps, step), _y(values, value)
        if curve.series.held and pieces[-1]:
            pieces[-1].append((x, pieces[-1][-1][1]))
        pieces[-1].append((x, y))
    found: list[tuple[str, list[tuple[str, str]]]] = []
    for piece in pieces:
        written = [(f"{x:.1f}", f"{y:.1f}") for x, y in piece]
        if len(written) == 1:
            found.append(("", written))
        elif written:
            found.append(("M" + "L".join(f"{x} {y}" for x, y in written), []))
    return found


def _x(steps: Axis, step: float) -> float:
    return LEFT + (steps.place(step) or 0.0) * (WIDTH - LEFT - RIGHT)


def _y(values: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - (values.place(value) or 0.0) * (HEIGHT - TOP - BOTTOM)


def _legend_rows(curves: Sequence[Curve]) -> list[list[tuple[int, Curve, str]]]:
    """Entries of the legend with their places, in as many rows as they need."""
    rows: list[list[tuple[int, Curve, str]]] = [[]]
    x = LEFT
    for curve in curves:
        text = shorten(f"{curve.mark}  {plain(curve.label)}", 48)
        taken = 26 + 8 * len(text) + 20
        if rows[-1] and x + taken > WIDTH - RIGHT:
            rows.append([])
            x = LEFT
        rows[-1].append((x, curve, text))
        x += taken
    return rows


def _text(text: str) -> str:
    return escape(text)
