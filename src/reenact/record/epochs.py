"""How long the epochs of a training took, as a metric: from the journal, when the run is sealed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SECONDS = "system/epoch_seconds"


def write_epochs(events: Iterable[Mapping[str, Any]], target: Path) -> None:
    """Put the times of the epochs of one process into a file of metrics, which is left out where there are none.

    The loader that was gone through first is ``system/epoch_seconds``, a further one that steps were made with has its number behind it.
    """
    if target.exists():
        return
    counts: dict[int, int] = {}
    lines = []
    for event in events:
        number, seconds = event.get("n"), event.get("seconds")
        if event.get("e") != "epoch" or not isinstance(number, int) or not isinstance(seconds, (int, float)):
            continue
        name = SECONDS if not counts or number == next(iter(counts)) else f"{SECONDS}.{number}"
        row = {"n": name, "s": counts.get(number, 0), "v": float(seconds), "t": event.get("t")}
        counts[number] = counts.get(number, 0) + 1
        lines.append(json.dumps(row, separators=(",", ":")) + "\n")
    if lines:
        target.write_text("".join(lines), encoding="utf-8")
