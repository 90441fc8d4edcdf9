"""Images, tables, texts, histograms and the like that a run logged, as a section of a page."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ...record.media import Media
from ..quantities import count, number
from .markup import Html, el, join, section, table

EACH = 40
"""Things of one name that a page shows; of more, so many from the first to the last."""

_ROWS, _LETTERS = 50, 20_000
_WIDE, _HIGH = 180, 90

Source = Callable[[Media], "str | None"]


def media(found: Sequence[Media], source: Source) -> Html:
    """What was logged, by name and step.

    Args:
        found: in the order of logging.
        source: the address of the file of an image, a figure, a page or a sound; None where it cannot be shown.
    """
    names: dict[str, list[Media]] = {}
    for one in found:
        names.setdefault(one.name, []).append(one)
    blocks = []
    for name, items in names.items():
        shown = spread(items, EACH)
        figures = [_figure(one, source) for one in shown]
        left = len(items) - sum(bool(figure) for figure in figures)
        more = el("p", f"{left:,} more, not shown here", class_="dim") if left else None
        remark = el("small", count(len(items), "step") if len(items) > 1 else items[0].kind)
        blocks.append([el("h3", name, remark), el("div", figures, class_="strip"), more])
    return section("Media", blocks, slug="media")


def spread(items: Sequence[Media], most: int) -> list[Media]:
    """So many of them from the first to the last, evenly."""
    if len(items) <= most:
        return list(items)
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def embedded(found: Sequence[Media], room: int) -> tuple[dict[Path, str], int]:
    """The files that fit into a page, as ``data:`` addresses, and how many bytes are left: the last of each name first, then the first of
    each, then those between them.
    """
    names: dict[str, list[Media]] = {}
    for one in found:
        if one.path is not None and one.kind in ("image", "figure", "audio"):
            names.setdefault(one.name, []).append(one)
    told: dict[Path, str] = {}
    shown = [spread(items, EACH) for items in names.values()]
    for place in range(max(map(len, shown), default=0)):
        for items in shown:
            if place >= len(items):
                continue
            one = items[_halved(len(items))[place]]
            if one.path is None or one.path in told:
                continue
            try:
                if one.path.stat().st_size <= room:
                    data = one.path.read_bytes()
                    room -= len(data)
                    told[one.path] = data_address(one.path.name, data)
            except OSError:
                continue
    return told, room


def data_address(name: str, data: bytes) -> str:
    """A file as part of a page."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _halved(length: int) -> list[int]:
    """The places from 0 to ``length`` - 1: last, first, the middle, the middles of what is left."""
    order, parts = [length - 1, 0], [(0, length - 1)]
    while parts:
        low, high = parts.pop(0)
        middle = (low + high) // 2
        if middle not in (low, high):
            order.append(middle)
            parts += [(low, middle), (middle, high)]
    return order[:length]


def _figure(one: Media, source: Source) -> Html | None:
    told = f"step {one.step}" + (f": {one.caption}" if one.caption else "")
    content = _content(one, told, source)
    return el("figure", content, el("figcaption", told)) if content else None


def _content(one: Media, told: str, source: Source) -> Html | None:
    if one.kind == "text":
        text = str(one.data)
        return el("pre", text[:_LETTERS] + ("…" if len(text) > _LETTERS else ""))
    if one.kind == "table":
        return _table(one.data)
    if one.kind == "histogram":
        return _bars(one.data)
    address = source(one)
    if address is None:
        return None
    if one.kind == "html":
        return el("a", "open this page", href=address, target="_blank", rel="noopener")
    if one.kind == "audio":
        return el("audio", controls=True, preload="none", src=address)
    return el("img", src=address, alt=f"{one.name}, {told}", loading="lazy")


def _table(data: Mapping[str, Sequence[object]]) -> Html:
    rows: Sequence[Sequence[object]] = data["rows"]  # type: ignore[assignment]
    shown = [[number(cell) for cell in row] for row in rows[:_ROWS]]
    more = el("p", f"… and {len(rows) - _ROWS:,} more rows", class_="dim") if len(rows) > _ROWS else None
    return join([table(shown, [str(name) for name in data["columns"]]), more])


def _bars(data: Mapping[str, Sequence[float]]) -> Html:
    """A histogram: bars of equal area for equal counts, between the edges."""
    edges, counts = [float(edge) for edge in data["edges"]], [float(many) for many in data["counts"]]
    width = (edges[-1] - edges[0]) or 1.0 if edges else 1.0
    # Bins of different width have their density drawn.
    tall = [many / ((right - left) or width) for many, left, right in zip(counts, edges, edges[1:])]
    top = max(tall, default=0.0) or 1.0
    bars = []
    for height, left, right in zip(tall, edges, edges[1:]):
        x, w = _WIDE * (left - edges[0]) / width, max(0.5, _WIDE * (right - left) / width - 0.5)
        h = _HIGH * height / top
        bars.append(el("rect", x=f"{x:.1f}", y=f"{_HIGH - h:.1f}", width=f"{w:.1f}", height=f"{h:.1f}"))
    total = f"{sum(counts):,.0f} values from {number(edges[0])} to {number(edges[-1])}" if edges else "no values"
    label = el("title", total)
    drawn = el("svg", label, bars, viewBox=f"0 0 {_WIDE} {_HIGH}", class_="bars", role="img")
    return join(
        [
            drawn,
            el("div", el("span", number(edges[0])), el("span", number(edges[-1])), class_="ends") if edges else None,
        ]
    )
