"""Curves as one HTML file that loads nothing: an SVG, and a little script that tells the values under the pointer."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from .curves import Curve
from .quantities import plain, shorten
from .svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Panel, color_of, panel_height, scales, svg

_STYLE = """body{margin:24px;font:14px system-ui,sans-serif;color:#222;background:#fff}
#tip{position:absolute;display:none;pointer-events:none;background:#fffffff2;border:1px solid #bbb;border-radius:4px;
padding:6px 8px;font-size:12px;box-shadow:0 1px 4px #0002;white-space:pre}#tip b{font-weight:600}
#tip i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px}svg{max-width:100%;height:auto}"""

_SCRIPT = """
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const svg = document.querySelector("svg"), tip = document.getElementById("tip");
const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
line.setAttribute("stroke", "#999"); line.setAttribute("stroke-dasharray", "3 3"); svg.appendChild(line);
function hide() { tip.style.display = "none"; line.style.display = "none"; }
function nearest(steps, step) {
  let best = -1, away = Infinity;
  for (let i = 0; i < steps.length; i++) { const d = Math.abs(steps[i] - step); if (d < away) { away = d; best = i; } }
  return best;
}
svg.addEventListener("mouseleave", hide);
svg.addEventListener("mousemove", event => {
  const box = svg.getBoundingClientRect(), scale = data.width / box.width;
  const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
  const panel = data.panels.find(p => y >= p.top && y < p.top + p.height);
  if (!panel || x < data.left || x > data.right || panel.low === null) return hide();
  const step = panel.low + (x - data.left) / (data.right - data.left) * (panel.high - panel.low);
  tip.replaceChildren();
  const head = document.createElement("b");
  head.textContent = "step " + Math.round(step); tip.append(head);
  for (const curve of panel.curves) {
    const at = nearest(curve.steps, step);
    if (at < 0) continue;
    const row = document.createElement("div"), color = document.createElement("i");
    color.style.background = curve.color;
    const value = curve.values[at];
    row.append(color, curve.label + "  " + (typeof value === "number" ? value.toPrecision(6) : value) + "  @ " + curve.steps[at]);
    tip.append(row);
  }
  for (const [name, value] of Object.entries({x1: x, x2: x, y1: panel.top + data.top, y2: panel.top + data.bottom}))
    line.setAttribute(name, value);
  line.style.display = ""; tip.style.display = "block";
  const room = document.documentElement.clientWidth + window.scrollX - event.pageX - 24;
  tip.style.left = (tip.offsetWidth > room ? event.pageX - tip.offsetWidth - 12 : event.pageX + 14) + "px";
  tip.style.top = event.pageY + 14 + "px";
});
hide();
"""


def page(panels: Sequence[Panel], *, log: bool = False) -> str:
    """The page; arguments as for `svg.svg`."""
    top, told = 0, []
    for _, curves in panels:
        found = scales(curves, log)
        told.append(
            {
                **{"top": top, "height": panel_height(curves)},
                **{"low": found[0].low if found else None, "high": found[0].high if found else None},
                "curves": [_curve(curve, color_of(curve.place)) for curve in curves],
            }
        )
        top += panel_height(curves)
    data = {
        **{"width": WIDTH, "left": LEFT, "right": WIDTH - RIGHT, "top": TOP, "bottom": HEIGHT - BOTTOM},
        "panels": told,
    }
    # In a script element only "</" and "<!--" can end or change it.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>reenact compare</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{_STYLE}</style></head><body>\n'
        f'{svg(panels, log=log)}<div id="tip"></div>\n'
        f'<script type="application/json" id="data">{text}</script>\n<script>{_SCRIPT}</script>\n</body></html>\n'
    )


def _curve(curve: Curve, color: str) -> dict[str, object]:
    values = [value if math.isfinite(value) else repr(value) for value in curve.series.values]
    label = shorten(f"{curve.mark} {plain(curve.label)}", 48)
    return {"label": label, "color": color, "steps": list(curve.series.steps), "values": values}
