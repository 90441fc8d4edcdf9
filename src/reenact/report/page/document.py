"""One HTML file that loads nothing: styles, data and script are in it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from ..curves import Curve
from ..quantities import plain, shorten
from .curvedata import curve as curve_data
from .markup import Html, el


@cache
def asset(name: str) -> str:
    """The text of a file in ``assets``."""
    return (resources.files(__package__) / "assets" / name).read_text(encoding="utf-8")


def document(title: str, body: Html, data: Mapping[str, Any]) -> str:
    """A page with charts.

    Args:
        title: of the window.
        body: what ``main`` holds; the charts are drawn into its element with the id ``curves``.
        data: {runs: [{label}], panels: [{name, curves}], log}, as chart.js takes it.
    """
    # In a script element only "</" and "<!--" can end or change it.
    told = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    script = f"{asset('chart.js')}\n{asset('report.js')}"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(plain(title))}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{asset("style.css")}</style></head>\n'
        f'<body><main>{body}</main>\n<script type="application/json" id="data">{told}</script>\n<script>{script}</script>\n'
        "</body></html>\n"
    )


def plot_page(panels: Sequence[tuple[str, Sequence[Curve]]], *, log: bool = False) -> str:
    """Curves alone.

    Args:
        panels: name of each metric, and its curves.
        log: a logarithmic scale of values at first.
    """
    labels: dict[int, str] = {}
    told = []
    for name, curves in panels:
        for one in curves:
            labels[one.place] = shorten(f"{one.mark}  {plain(one.label)}", 60)
        drawn = [curve_data(one.series, one.place, len(one.series)) for one in curves if len(one.series)]
        told.append({"name": plain(name), "curves": drawn})
    runs = [{"label": labels.get(place, "")} for place in range(max(labels, default=-1) + 1)]
    return document("reenact compare", el("div", id="curves"), {"runs": runs, "panels": told, "log": log})
