"""Projects that `reenact init` writes, driven as a person would, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "reenact")


def environment() -> dict[str, str]:
    """This process's environment with this Python first on PATH and nothing of reenact's, pytest's or git's in it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("REENACT_", "PYTEST_", "GIT_"))}
    env["PATH"] = os.path.dirname(sys.executable) + os.pathsep + env.get("PATH", os.defpath)
    env["COLUMNS"] = "200"
    env["OMP_NUM_THREADS"] = "1"
    return env


def start(argv: list[str], cwd: Path, code: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:
    """A command that must end with ``code``."""
    options = {"env": environment(), "timeout": 600, "input": "", **options}
    done = subprocess.run(argv, cwd=cwd, capture_output=True, encoding="utf-8", **options)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def reenact(cwd: Path, *words: str, code: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:
    return start([*COMMAND, *words], cwd, code, **options)


def told(cwd: Path, *words: str, code: int = 0) -> Any:
    """The JSON that a command prints, or ends with."""
    text = reenact(cwd, *words, "--json", code=code).stdout
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(text.splitlines()[-1])


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file and link below a folder: mode, time, content."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime_ns, content)
    return found
