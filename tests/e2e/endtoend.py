"""Drives the reenact command as a person would, in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "reenact")


def environment(extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """This process's environment with this Python first on PATH and nothing of reenact's in it.

    Args:
        extra: variables to set; None removes one.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(("REENACT_", "PYTEST_"))}
    env["PATH"] = os.path.dirname(sys.executable) + os.pathsep + env.get("PATH", os.defpath)
    env["COLUMNS"] = "100"
    for name, value in (extra or {}).items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    return env


def reenact(
    *args: str | os.PathLike[str],
    cwd: str | os.PathLike[str],
    env: Mapping[str, str | None] | None = None,
    stdin: str | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run ``reenact ARGS``; a traceback of reenact's own is never right, so look for one in ``stderr``.

    Args:
        env: changes to the environment; None as a value removes a variable.
        timeout: seconds.
    """
    return subprocess.run(
        [*COMMAND, *map(os.fspath, args)],
        cwd=cwd,
        env=environment(env),
        input=stdin if stdin is not None else "",
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=timeout,
    )


def last_json(stdout: str) -> Any:
    """The last line of what ``--json`` printed."""
    return json.loads(stdout.strip().splitlines()[-1])


def record(*args: str | os.PathLike[str], cwd: str | os.PathLike[str], **options: Any) -> str:
    """``reenact run ARGS`` that must succeed; the id of the run."""
    done = reenact("run", "--json", *args, cwd=cwd, **options)
    assert done.returncode == 0, done.stderr
    return str(last_json(done.stdout)["run"])


def run_folder(project: Path, run: str) -> Path:
    """Where a run lies in a project's own store."""
    return project / ".reenact" / "runs" / run


def manifest(project: Path, run: str) -> dict[str, Any]:
    """The manifest of a sealed run."""
    data: dict[str, Any] = json.loads((run_folder(project, run) / "manifest.json").read_bytes())
    return data


def blobs(project: Path) -> list[Path]:
    """Every file in the blob folder."""
    return sorted((project / ".reenact" / "blobs" / "sha256").iterdir())


def assert_blobs_whole(project: Path) -> None:
    """Every blob's content is what its name says."""
    for path in blobs(project):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
