"""``reenact report``: all that is known of a run, or of several beside each other, as one file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec

from ... import __version__
from ...errors import ReenactError
from ...record import layout
from ...record.known import known
from ...record.labels import read_labels
from ...record.media import read_media
from ...record.series import Series, overviews
from ...record.verdicts import read_verdicts
from ...replay.diff import diff as diff_of
from ...store.index import RunRow
from ...store.project import Store
from ..compare import ASIDE, run_marks
from . import proof, sections
from .curvedata import FEWEST, MOST, curve
from .document import document
from .markup import Html, el, join, section
from .media import Source, data_address, embedded, media
from .sidebyside import side_by_side

POINTS = 30_000
"""Points of all curves of a page together: about 450 KB."""

IMAGES = 300_000
"""Bytes of all images of a page together."""

TEXT = 64_000
"""Bytes of a log, or of a patch, that a page holds."""

PANELS = 200
_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg")


def report(store: Store, rows: Sequence[RunRow], metrics: Sequence[str] = ()) -> str:
    """The page of one run, or of several.

    Args:
        store: where they are.
        rows: the runs, at least one.
        metrics: only these are drawn; all when there are none.

    Raises:
        ReenactError: ``corrupt-manifest``, ``corrupt-start`` (exit code 3).
    """
    if len(rows) == 1:
        return run_report(store, rows[0].id, metrics)
    marks = run_marks(len(rows))
    panels, curves = _curves([_read(store, row.id, metrics) for row in rows])
    labels = [f"{mark} {row.name or row.id}" for mark, row in zip(marks, rows)]
    title = " / ".join(row.name or row.id for row in rows[:4]) + (" …" if len(rows) > 4 else "")
    parts = [el("header", el("h1", title)), *side_by_side(rows, marks, curves)]
    if len(rows) == 2:
        why, differences = divergence(store, rows[0].id, rows[1].id, (labels[0], labels[1]))
        parts = [*parts[:2], why, *parts[2:], differences]
    return _page(title, parts, labels, panels)


def run_report(store: Store, run: str, metrics: Sequence[str] = ()) -> str:
    """The page of one run; see `report`."""
    folder = store.run_dir(run)
    series = _read(store, run, metrics)
    panels, curves = _curves([series])
    label = read_labels(folder).name or run
    return _page(label, run_sections(store, run, curves), [label], panels)


def run_sections(store: Store, run: str, curves: Html, source: Source | None = None) -> list[Html]:
    """The sections of one run.

    Args:
        curves: the section of its curves.
        source: addresses of the files of what it logged; what fits is put into the page when None.
    """
    folder = store.run_dir(run)
    logged, room = read_media(folder), IMAGES
    if source is None:
        inside, room = embedded(logged, room)
        source = lambda one: None if one.path is None else inside.get(one.path)  # noqa: E731
    data, detail = known(folder, store.series_folder)
    data = {**data, **msgspec.to_builtins(read_labels(folder))}
    verdicts = [msgspec.to_builtins(verdict) for verdict in read_verdicts(folder)]
    text, total = log_tail(folder, TEXT)
    outputs = data.get("outputs") or []
    patch = folder / layout.PATCH
    return [
        sections.head(data, verdicts, detail),
        proof.verdicts(verdicts),
        sections.completeness(data),
        curves,
        media(logged, source),
        sections.metrics(data.get("metrics") or {}),
        sections.params(data),
        sections.configs(data),
        sections.trials(data),
        _images(store, outputs, room),
        sections.files("Outputs", outputs),
        sections.log(text, total),
        sections.files("Inputs", data.get("inputs") or []),
        sections.code(data, _head_of(patch, TEXT)),
        sections.container(data),
        sections.environment(data),
        sections.entropy(data),
    ]


def log_tail(folder: Path, most: int) -> tuple[str, int]:
    """The last whole lines of a run's log, at most so many bytes, and how long the whole is. Lines that a progress bar wrote over
    are told as they stood last.
    """
    try:
        with open(folder / layout.LOG, "rb") as file:
            total = file.seek(0, os.SEEK_END)
            file.seek(max(0, total - most))
            data = file.read(most)
    except OSError:
        return "", 0
    if total > most:
        data = data[data.find(b"\n") + 1 :]
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines), total


def drawable(series: Iterable[dict[str, Series]]) -> list[str]:
    """Names of the metrics with more than one point in any of the runs, those that were only seen last."""
    names = dict.fromkeys(name for one in series for name, points in one.items() if len(points) > 1)
    return sorted(names, key=lambda name: name.startswith(ASIDE))


def divergence(store: Store, a: str, b: str, names: tuple[str, str]) -> tuple[Html, Html]:
    """Why two runs differ, see `proof.diff`; or why that cannot be said."""
    try:
        return proof.diff(diff_of(store, a, b), names)
    except ReenactError as error:
        return section("Divergence", el("p", f"not known: {error.what}"), slug="divergence"), Html("")


def _read(store: Store, run: str, metrics: Sequence[str]) -> dict[str, Series]:
    return overviews(store.run_dir(run), metrics or None, store.series_folder)


def _curves(found: Sequence[dict[str, Series]]) -> tuple[list[dict[str, Any]], Html]:
    """What the charts draw, and the section that they are in."""
    names = drawable(found)
    shown, left = names[:PANELS], len(names[PANELS:])
    many = sum(name in series for name in shown for series in found)
    points = max(FEWEST, min(MOST, POINTS // max(1, many)))
    panels = [
        {
            "name": name,
            "curves": [curve(one[name], place, points) for place, one in enumerate(found) if len(one.get(name, ()))],
        }
        for name in shown
    ]
    more = f"{left} more metrics are not drawn: name those to draw with --metric" if left else ""
    return panels, curves_section(el("p", more, class_="dim") if more else None) if panels else Html("")


def curves_section(more: Html | None = None) -> Html:
    """Where the charts are drawn."""
    told = "drag to zoom, double-click to go back"
    return section("Curves", el("div", id="curves"), more, remark=told, slug="curves-section")


def _page(title: str, parts: Sequence[Html], labels: Sequence[str], panels: Sequence[dict[str, Any]]) -> str:
    made = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    body = join([*parts, el("footer", f"reenact {__version__}, {made}")])
    return document(f"{title} · reenact", body, {"runs": [{"label": label} for label in labels], "panels": panels})


def _head_of(path: Path, most: int) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(most)
            return text + ("\n…" if file.read(1) else "")
    except OSError:
        return ""


def _images(store: Store, outputs: Sequence[dict[str, Any]], room: int) -> Html:
    """Outputs that are images, as long as there is room."""
    shown, left = [], 0
    for one in outputs:
        if not str(one["path"]).lower().endswith(_IMAGES):
            continue
        if one["size"] > room or not store.blobs.has(one["digest"]):
            left += 1
            continue
        room -= one["size"]
        address = data_address(one["path"], store.blobs.path(one["digest"]).read_bytes())
        shown.append(
            el(
                "figure",
                el("img", src=address, alt=one["path"], loading="lazy"),
                el("figcaption", one["path"]),
            )
        )
    more = (
        el("p", f"{left} more images are not in this page: they are large, or not stored", class_="dim")
        if left
        else None
    )
    return section("Images", el("div", shown, class_="media") if shown else None, more, slug="images")
