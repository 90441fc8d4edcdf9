"""The small dataset that comes with a new project: points of two spirals."""

from __future__ import annotations

import hashlib
import json
import math
import random

FILE = "spirals.csv"
POINTS = 800
"""Of both classes together."""

_NOISE = 0.02
_TURNS = 1.25


def spirals(seed: int = 0) -> bytes:
    """The points as CSV: ``x,y,label``, x and y within [-1.1, 1.1], five digits. The same bytes everywhere."""
    draw = random.Random(seed)
    lines = ["x,y,label"]
    for at in range(POINTS):
        label = at % 2
        radius = 0.05 + 0.95 * draw.random()
        angle = 2 * math.pi * _TURNS * radius + math.pi * label
        x = radius * math.cos(angle) + _NOISE * (2 * draw.random() - 1)
        y = radius * math.sin(angle) + _NOISE * (2 * draw.random() - 1)
        lines.append(f"{x:.5f},{y:.5f},{label}")
    return ("\n".join(lines) + "\n").encode()


def data_files() -> dict[str, bytes]:
    """The files of ``data/``: the dataset, and the manifest that says what it is and where it comes from."""
    content = spirals()
    entry = {
        "path": FILE,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "origin": f"made by `reenact init`: {POINTS} points of two spirals, drawn by Python's random.Random(0)",
    }
    manifest = json.dumps({"files": [entry]}, indent=2) + "\n"
    return {f"data/{FILE}": content, "data/MANIFEST.json": manifest.encode()}
