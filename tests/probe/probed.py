"""Runs a script bare and with the probe on the path, and reads what the probe wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import reenact

INJECT = Path(reenact.__file__).parent / "probe" / "inject"


@dataclass
class Ran:
    code: int
    out: bytes
    err: bytes


class Recorder:
    """Starts commands in one folder, bare or probed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = 0

    def script(self, text: str, name: str = "script.py") -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def bare(self, *argv: str, env: dict[str, str] | None = None, stdin: bytes = b"") -> Ran:
        return self._run(argv, {**os.environ, "PYTHONHASHSEED": "7", **(env or {})}, stdin)

    def probed(
        self,
        *argv: str,
        env: dict[str, str] | None = None,
        stdin: bytes = b"",
        replay: Path | None = None,
        **more: object,
    ) -> tuple[Ran, Path]:
        self.runs += 1
        run_dir = self.folder.parent / f"run{self.runs}"
        run_dir.mkdir()
        original = (env or {}).get("PYTHONPATH")
        settings = {"run_dir": str(run_dir), "root": str(self.folder), "process": "rank0", **more}
        settings["hide"] = {"PYTHONPATH": original}
        if replay is not None:
            settings["replay_dir"] = str(replay / "journal")
        (run_dir / "probe.json").write_text(json.dumps(settings))
        full = {**os.environ, "PYTHONHASHSEED": "7", **(env or {})}
        full["PYTHONPATH"] = str(INJECT) + (os.pathsep + original if original else "")
        full["REENACT_PROBE"] = str(run_dir / "probe.json")
        return self._run(argv, full, stdin), run_dir

    def _run(self, argv: tuple[str, ...], env: dict[str, str], stdin: bytes) -> Ran:
        done = subprocess.run(
            [sys.executable, *argv], cwd=self.folder, env=env, input=stdin, capture_output=True, timeout=120
        )
        return Ran(done.returncode, done.stdout, done.stderr)


def journal(run_dir: Path, process: str = "rank0") -> list[dict]:
    return [json.loads(line) for line in (run_dir / "journal" / f"{process}.jsonl").read_text().splitlines()]


def of_kind(events: list[dict], kind: str) -> list[dict]:
    return [event for event in events if event["e"] == kind]
