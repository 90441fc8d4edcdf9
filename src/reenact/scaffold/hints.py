"""What a person may want to add to files that were there before."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..static.requirements import read
from .plan import Plan


def hints(folder: Path, files: Mapping[str, bytes], planned: Plan) -> list[str]:
    """One sentence for each file that was left and lacks something."""
    kept = {one.path for one in planned.left if not one.same}
    found = []
    if "pyproject.toml" in kept and "src/train.py" in planned.add:
        missing = _missing_requirements(folder / "pyproject.toml", files["pyproject.toml"])
        if missing:
            found.append(f"pyproject.toml: add to its dependencies {', '.join(missing)}")
    for name in (".gitignore", ".dockerignore"):
        if name in kept:
            missing = _missing_lines(folder / name, files[name])
            if missing:
                found.append(f"{name}: add {', '.join(missing)}")
    return found


def _missing_requirements(path: Path, data: bytes) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="reenact-init-") as aside:
        ours = Path(aside) / path.name
        ours.write_bytes(data)
        wanted = read(ours)
    try:
        named = {one.name for one in read(path)}
    except (OSError, ValueError):
        named = set()
    return [f"{one.name}{one.version}" for one in wanted if one.name not in named]


def _missing_lines(path: Path, data: bytes) -> list[str]:
    try:
        there = {line.strip().strip("/") for line in path.read_text("utf-8", "replace").splitlines()}
    except OSError:
        there = set()
    lines = [line.strip() for line in data.decode("utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("#") and line.strip("/") not in there]
