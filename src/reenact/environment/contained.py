"""The environment of an image, told by a short-lived container of it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..engine.cli import Engine
from ..engine.failures import explain
from ..errors import EXIT_MISSING, ReenactError
from ..record.atomic import write_atomic
from .inside import MARK

_PACKAGE = Path(__file__).resolve().parent.parent
_PLACE = "/opt/reenact"
_ENTRIES = 32
_SCRIPT = "from reenact.environment.inside import main; main()"


def describe(
    engine: Engine,
    image: str,
    options: Sequence[str],
    python: str,
    path: Sequence[str] | None,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Ask the Python of an image what is installed and what machine it sees.

    Args:
        image: id of the image.
        options: words for the engine: limits, GPUs, mounts.
        python: the interpreter there.
        path: folders of its ``sys.path``; None for what it has itself.
        cache: a JSON file that keeps answers, or None. Images do not change; what is mounted is looked at again.

    Returns:
        ``{hardware, distributions, path}`` as `hardware.hardware` and `packages.distributions` give them.

    Raises:
        ReenactError: ``no-python`` (exit code 4) where the image has no Python 3.9 or newer, or the engine's own error.
    """
    key = hashlib.sha256(json.dumps([image, list(options), python, path, _digest()]).encode()).hexdigest()
    kept = _read(cache)
    if key in kept:
        return dict(kept[key])
    words = ["run", "--rm", "--entrypoint", python, *options]
    words += ["--mount", f"type=bind,source={_PACKAGE},target={_PLACE},readonly"]
    words += ["--env", f"PYTHONPATH={os.path.dirname(_PLACE)}", "--env", "PYTHONDONTWRITEBYTECODE=1"]
    done = engine.call(*words, image, "-c", _SCRIPT, json.dumps(path), check=False, timeout=120)
    line = next((line for line in done.stdout.splitlines() if line.startswith(MARK)), None)
    if line is None:
        error = explain(engine.kind, ("run",), done.stderr, engine.env)
        if done.returncode == 125 or error.slug not in ("engine-failed", "no-image"):  # no container was started
            raise error
        raise ReenactError(
            "no-python",
            f"{python} of the image does not answer: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}",
            valid="an image with Python 3.9 or newer",
            exit_code=EXIT_MISSING,
        )
    answer: dict[str, Any] = json.loads(line[len(MARK) :])
    if cache is not None:
        rows = [*kept.items(), (key, answer)][-_ENTRIES:]
        try:
            cache.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(cache, json.dumps(dict(rows)).encode())
        except (OSError, ReenactError):
            pass
    return answer


def gpus_inside(described: Mapping[str, Any]) -> int:
    """How many GPUs the container saw."""
    return len((described.get("hardware") or {}).get("gpus") or ())


def _digest() -> str:
    """Of the code that answers: another reenact may tell more."""
    parts = [
        (_PACKAGE / "environment" / name).read_bytes()
        for name in ("inside.py", "hardware.py", "packages.py", "gpus.py")
    ]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _read(cache: Path | None) -> dict[str, Any]:
    try:
        found = json.loads(cache.read_bytes()) if cache is not None else {}
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}
