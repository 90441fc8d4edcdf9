"""Builds run folders as a supervisor and a probe leave them, file by file."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from reenact.probe import traceformat
from reenact.record.schema import ProcessInfo, Start, write_struct
from reenact.record.status import boot_id, this_process

GONE = ProcessInfo(2**22 + 7, 1)
ENVIRONMENT = {
    "python": {"version": "3.11.7", "implementation": "cpython"},
    "distributions": [{"name": "torch", "version": "2.13.0", "fingerprint": "sha256:" + "1" * 64}],
    "lock": None,
    "platform": {"machine": "x86_64"},
    "cpu": {"model": "a cpu"},
    "gpus": [],
    "libraries": {},
    "variables": {"OMP_NUM_THREADS": "2"},
}


def stat_of(path: str | os.PathLike[str]) -> list[int] | None:
    """What a probe notes of a file before it is opened."""
    try:
        info = os.stat(path)
    except OSError:
        return None
    return [info.st_ino, info.st_size, info.st_mtime_ns]


class RunFolder:
    """One run folder that is being made.

    Args:
        folder: an existing folder, ``<store>/runs/<id>``.
        root: the project root.
        start: fields of start.json that differ from the usual.
    """

    def __init__(self, folder: Path, root: Path, **start: Any) -> None:
        self.folder = folder
        self.root = root
        for name in ("journal", "trace", "metrics"):
            (folder / name).mkdir(exist_ok=True)
        fields: dict[str, Any] = {
            "run": folder.name,
            "argv": ["python", "train.py", "--lr", "0.1"],
            "kind": "script",
            "root": str(root),
            "cwd": str(root),
            "started": "2026-01-02T03:04:05.000Z",
            "host": socket.gethostname(),
            "boot_id": boot_id(),
            "supervisor": GONE,
            "options": {"deterministic": False},
        }
        write_struct(folder / "start.json", Start(**{**fields, **start}))

    def alive(self) -> None:
        """This test's process is the supervisor."""
        data = json.loads((self.folder / "start.json").read_text())
        me = this_process()
        data["supervisor"] = {"pid": me.pid, "start_ticks": me.start_ticks}
        (self.folder / "start.json").write_text(json.dumps(data))

    def environment(self, **changes: Any) -> None:
        (self.folder / "environment.json").write_text(json.dumps({**ENVIRONMENT, **changes}))

    def journal(self, *events: dict[str, Any], process: str = "rank0", begin: bool = True, end: bool = True) -> None:
        """Append events, with a start event before and an end event after them."""
        path = self.folder / "journal" / f"{process}.jsonl"
        lines = list(events)
        if begin:
            lines.insert(
                0,
                {
                    "e": "start",
                    "schema": 1,
                    "process": process,
                    "pid": 100,
                    "main": process == "rank0",
                    "role": "main" if process == "rank0" else "child",
                    "argv": ["train.py"],
                    "executable": "/env/bin/python",
                    "prefix": "/env",
                    "base_prefix": "/base",
                    "version": "3.11.7",
                    "flags": {"optimize": 0},
                    "time": "2026-01-02T03:04:05.100Z",
                    "path": ["/env/lib/python3.11/site-packages"],
                },
            )
        if end:
            lines.append({"e": "end", "steps": 0, "exception": None})
        with open(path, "ab") as file:
            for number, event in enumerate(lines):
                file.write(json.dumps({"t": number / 1000, **event}).encode() + b"\n")

    def use(self, op: str, path: str | os.PathLike[str], **fields: Any) -> dict[str, Any]:
        """A file event for the file as it is now."""
        return {"e": "file", "op": op, "path": str(path), "st": stat_of(path), "via": "audit", **fields}

    def trace(self, events: list[tuple[int, int, int, int, int]], names: list[str], process: str = "rank0") -> Path:
        """Append (kind, flags, name, step, value) records and rows of names."""
        path = self.folder / "trace" / f"{process}.trace"
        with open(path.with_name(f"{process}.names.jsonl"), "ab") as file:
            for name in names:
                row = {"name": name, "dtype": "float32", "shape": [2, 3], "kind": 6}
                file.write(json.dumps(row).encode() + b"\n")
        fresh = not path.exists()
        with open(path, "ab") as file:
            if fresh:
                file.write(traceformat.MAGIC)
            for event in events:
                file.write(traceformat.RECORD.pack(*event))
        return path

    def losses(self, values: list[float], process: str = "rank0") -> None:
        """A trace of one loss a step."""
        events = [(traceformat.LOSS, traceformat.RAW, 0, i, traceformat.float_bits(v)) for i, v in enumerate(values)]
        self.trace(events, ["loss"], process)

    def ended(self, exit_code: int = 0, signal: int | None = None) -> None:
        end = {"exit_code": exit_code, "signal": signal, "wall": 2.5, "user": 2.0, "system": 0.1, "peak_rss": 4096}
        (self.folder / "end.json").write_text(json.dumps({**end, "ended": "2026-01-02T03:04:07.500Z"}))
