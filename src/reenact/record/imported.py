"""imported.json: what of a run was recorded by something else, from which its record was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from . import layout
from .schema import Gap, OutputFile


def told(folder: Path) -> dict[str, Any] | None:
    """The content of imported.json; None for a run of our own."""
    try:
        data = json.loads((folder / layout.IMPORTED).read_bytes())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) and isinstance(data.get("from"), str) else None


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """What the manifest says of it."""
    return {
        name: value for name, value in found.items() if name not in ("params", "outputs") and value not in (None, [])
    }


def gap(found: dict[str, Any]) -> Gap:
    """That it cannot be proven."""
    detail = f"it was imported from {found['from']}, not watched: code, inputs and environment are not in the record"
    return Gap("imported", detail, None, True)


def outputs(found: dict[str, Any]) -> list[OutputFile]:
    """The files that came with it."""
    return [OutputFile(one["path"], one["digest"], one["size"], "imported") for one in found.get("outputs") or []]
