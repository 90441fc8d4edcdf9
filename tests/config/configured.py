"""Runs a script bare and under reenact in a project of its own, and reads what was recorded of its params."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Configured:
    """A folder with a store of its own.

    Args:
        folder: an existing folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".reenact").mkdir()

    def write(self, text: str, name: str = "train.py") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def bare(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
        return self._start([sys.executable, *words], env)

    def reenact(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
        done = self._start([sys.executable, "-m", "reenact", *words], env)
        assert b"reenact/cli" not in done.stderr, done.stderr.decode()
        return done

    def same(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
        """Runs the words bare and watched; stdout, stderr and exit code must be the same to the byte."""
        bare = self.bare(*words, env=env)
        watched = self.reenact("run", "--quiet", *words, env=env)
        assert (watched.returncode, watched.stdout) == (bare.returncode, bare.stdout), watched.stderr.decode()
        assert watched.stderr == bare.stderr
        return bare

    def told(self, *words: str, code: int = 0) -> Any:
        """The JSON that a command ends with."""
        done = self.reenact(*words, "--json")
        assert done.returncode == code, done.stderr.decode()
        return json.loads(done.stdout.decode().splitlines()[-1])

    def manifest(self, run: str = "last") -> Any:
        return self.told("show", run)

    def params(self, run: str = "last") -> dict[str, Any]:
        found: dict[str, Any] = self.manifest(run)["params"]
        return found

    def origins(self, run: str = "last") -> dict[str, Any]:
        found: dict[str, Any] = self.manifest(run)["origins"]
        return found

    def events(self, kind: str, run: str = "last", process: str = "rank0") -> list[dict[str, Any]]:
        """The events of one kind in a process's journal."""
        path = Path(self.reenact("path", run).stdout.decode().strip()) / "journal" / f"{process}.jsonl"
        found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [event for event in found if event["e"] == kind]

    def _start(self, argv: list[str], more: Mapping[str, str] | None) -> subprocess.CompletedProcess[bytes]:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("REENACT_", "PYTEST_"))}
        env["PATH"] = os.path.dirname(sys.executable) + os.pathsep + env.get("PATH", os.defpath)
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        env |= {"COLUMNS": "100", "REENACT_PYTHON": sys.executable, "PYTHONHASHSEED": "5", **(more or {})}
        return subprocess.run(argv, cwd=self.folder, env=env, input=b"", capture_output=True, timeout=300)
