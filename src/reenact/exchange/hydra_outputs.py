"""Runs out of the folders that Hydra leaves: ``outputs/DATE/TIME`` and ``multirun/DATE/TIME/N``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..errors import EXIT_MISSING, ReenactError
from .own import Own
from .writer import Foreign, nothing

_WHEN = re.compile(r"(\d{4})-(\d\d)-(\d\d)[/\\](\d\d)-(\d\d)-(\d\d)")
_LARGEST = 100_000_000


def runs(folder: Path, own: Own, artifacts: bool = False) -> Iterator[Foreign]:
    """Each folder below with a ``.hydra/config.yaml``, in the order of their names; those of runs recorded here are left out.

    Raises:
        ReenactError: ``nothing-to-import``; ``no-yaml`` (exit code 4) without PyYAML.
    """
    try:
        import yaml
    except ImportError:
        raise ReenactError(
            "no-yaml", "PyYAML is not installed beside reenact", fix="pip install pyyaml", exit_code=EXIT_MISSING
        ) from None
    configs = [path for path in own.files(folder) if path.name == "config.yaml" and path.parent.name == ".hydra"]
    configs.sort(key=lambda path: _natural(str(path)))
    if not configs:
        raise nothing("output of Hydra", str(folder), "a folder with outputs/ or multirun/ in it, or one of these")
    for config in configs:
        if own.recorded(config.parent.parent) or own.recorded(config):
            own.left_out += 1
        else:
            yield _run(config.parent.parent, folder, own, artifacts, yaml)


def _run(place: Path, root: Path, own: Own, artifacts: bool, yaml: Any) -> Foreign:
    config = _read(place / ".hydra" / "config.yaml", yaml)
    overrides = _read(place / ".hydra" / "overrides.yaml", yaml)
    told = _read(place / ".hydra" / "hydra.yaml", yaml)
    hydra = told.get("hydra", {}) if isinstance(told, dict) else {}
    job = hydra.get("job", {}) if isinstance(hydra.get("job"), dict) else {}
    words = [str(word) for word in overrides] if isinstance(overrides, list) else []
    files = [
        path for path in sorted(own.files(place)) if path.is_file() and ".hydra" not in path.relative_to(place).parts
    ]
    logs = [path for path in files if path.suffix == ".log"]
    started, ended = _times(place, files)
    text = logs[0].read_text(errors="replace") if logs else ""
    app = str(job.get("name") or (logs[0].stem if logs else "app"))
    sweep = place.name.isdigit()
    size = sum(path.stat().st_size for path in files)
    kept = [path for path in files if path not in logs] if artifacts and size <= _LARGEST else []
    return Foreign(
        source="hydra-outputs",
        id=str(place.resolve()),
        place=str(place),
        started=started,
        ended=ended,
        # Hydra writes no word at the end; a traceback is what it writes of an error.
        status="failed" if "Traceback (most recent call last)" in text or "Error executing job" in text else "finished",
        name=None,
        experiment=app,
        tags=["multirun"] if sweep else [],
        params=dict(_flat(config)),
        argv=[f"{app}.py", *words],
        log=logs[0] if logs else None,
        files=[(os.path.relpath(path, root), path) for path in kept],
        more={"overrides": words, "hydra": str(job.get("chdir", "")), "sweep": str(place.parent) if sweep else None},
    )


def _times(place: Path, files: list[Path]) -> tuple[datetime, datetime | None]:
    """By the folder's name, which is local time; by the times of the files where it tells none."""
    times = [path.stat().st_mtime for path in [*files, place / ".hydra" / "config.yaml"]]
    found = _WHEN.search(str(place))
    composed = (place / ".hydra" / "config.yaml").stat().st_mtime
    if found:
        try:
            started = datetime(*map(int, found.groups())).astimezone()  # type: ignore[arg-type]
        except ValueError:
            started = datetime.fromtimestamp(composed, timezone.utc)
    else:
        started = datetime.fromtimestamp(composed, timezone.utc)
    ended = datetime.fromtimestamp(max(times), timezone.utc)
    return started, ended if ended >= started else None


def _read(path: Path, yaml: Any) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, ValueError, yaml.YAMLError):
        return {}


def _flat(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names; lists are values, as Hydra's own params of a run are."""
    if isinstance(config, dict):
        for key, value in config.items():
            name = f"{prefix}.{key}" if prefix else str(key)
            if isinstance(value, dict) and value:
                yield from _flat(value, name)
            else:
                yield name, value


def _natural(text: str) -> list[Any]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]
