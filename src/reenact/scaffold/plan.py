"""What of a new project is added to a folder, and what is left: nothing that is there is ever touched."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NEEDS: dict[str, tuple[str, ...]] = {
    "src/train.py": ("src/model.py", "src/data.py", "conf/config.yaml"),
    "src/predict.py": ("src/model.py",),
    "src/data.py": ("data/MANIFEST.json",),
    "data/MANIFEST.json": ("data/spirals.csv",),
    "tests/test_data.py": ("src/data.py", "tests/conftest.py"),
    "tests/test_model.py": ("src/model.py", "tests/conftest.py"),
    "tests/test_train.py": ("src/train.py", "src/predict.py", "tests/conftest.py"),
    "notebooks/explore.ipynb": ("src/model.py", "src/data.py"),
}
"""File -> files that it works with in our version only: where one of them is somebody else's, it is not added."""


@dataclass(frozen=True)
class Left:
    """A file of the template that is not written.

    Attributes:
        path: below the project.
        why: in words.
        same: it is there already, as it would be written.
    """

    path: str
    why: str
    same: bool = False


@dataclass(frozen=True)
class Plan:
    """What is to happen to a folder.

    Attributes:
        add: path below it -> content.
        left: the rest of the template.
    """

    add: dict[str, bytes]
    left: list[Left]


def plan(folder: Path, files: Mapping[str, bytes]) -> Plan:
    """Decide for each file; nothing is written. The folder need not exist."""
    left: dict[str, Left] = {}
    for path, data in files.items():
        found = _there(folder, path, data)
        if found is not None:
            left[path] = found
    while True:
        lacking = {path: why for path in files if path not in left and (why := _lacking(path, left)) is not None}
        if not lacking:
            break
        left |= {path: Left(path, why) for path, why in lacking.items()}
    add = {path: data for path, data in files.items() if path not in left}
    return Plan(add, [left[path] for path in files if path in left])


def _there(folder: Path, path: str, data: bytes) -> Left | None:
    """Why a file cannot be written; None where its place is free."""
    above = folder
    for part in path.split("/")[:-1]:
        above = above / part
        shown = os.path.relpath(above, folder)
        if above.is_symlink():
            return Left(path, f"{shown} is a link to elsewhere")
        if above.exists() and not above.is_dir():
            return Left(path, f"{shown} is a file")
    target = folder / path
    if not os.path.lexists(target):
        return None
    try:
        same = target.is_file() and target.stat().st_size == len(data) and target.read_bytes() == data
    except OSError:
        same = False
    return Left(path, "is there already", same)


def _lacking(path: str, left: Mapping[str, Left]) -> str | None:
    for needed in NEEDS.get(path, ()):
        if needed in left and not left[needed].same:
            return f"needs {needed} as `reenact init` writes it"
    return None
