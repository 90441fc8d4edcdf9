"""labels.json: the part of a record that a person may change after the run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from ..errors import ReenactError
from . import layout
from .changed import note_change
from .schema import load_start, write_struct


class Labels(Struct, frozen=True):
    """Name, tags and note of a run."""

    name: str | None = None
    tags: list[str] = []
    note: str | None = None


def read_labels(run_dir: str | os.PathLike[str]) -> Labels:
    """The run's labels: labels.json, else the first values in start.json, else none. Never raises for their content."""
    folder = Path(run_dir)
    try:
        return msgspec.convert(json.loads((folder / layout.LABELS).read_bytes()), Labels)
    except FileNotFoundError:
        pass
    except (OSError, ValueError):
        pass  # labels are a convenience: a corrupt file must not hide the run
    try:
        start = load_start(folder / layout.START)
    except ReenactError:
        return Labels()
    return Labels(start.name, list(start.tags), start.note)


def write_labels(run_dir: str | os.PathLike[str], labels: Labels) -> None:
    """Replace the run's labels, atomically. Raises ReenactError as `write_atomic` does."""
    tags = list(dict.fromkeys(labels.tags))
    write_struct(Path(run_dir) / layout.LABELS, msgspec.structs.replace(labels, tags=tags))
    note_change(run_dir)
