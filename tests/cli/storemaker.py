"""Makes a store with runs in it through the real writers, and runs the real command line on it."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reenact.cli.main import main
from reenact.probe import traceformat
from reenact.record.schema import End, ProcessInfo, Start, write_struct
from reenact.record.status import boot_id, start_ticks
from reenact.store.project import Store

GONE = ProcessInfo(2**22 + 7, 1)
CLI = [sys.executable, "-c", "from reenact.cli.main import entry; entry()"]


@dataclass
class Result:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        def refuse(name: str) -> None:
            raise ValueError(f"{name} is not JSON")

        return json.loads(self.out, parse_constant=refuse)


@dataclass
class Project:
    """A project folder with a store."""

    root: Path
    store: Store

    def folder(self, run: str) -> Path:
        return self.store.run_dir(run)

    def begin(self, run: str, log: bytes = b"", supervisor: ProcessInfo = GONE, **start: Any) -> Path:
        """A run folder as it is while its command runs."""
        folder = self.store.new_run_dir(run)
        fields: dict[str, Any] = {
            "run": run,
            "argv": ["/env/bin/python3", "train.py", "--lr", "0.1"],
            "kind": "script",
            "root": str(self.root),
            "cwd": str(self.root),
            "started": f"{run[:4]}-{run[4:6]}-{run[6:8]}T{run[9:11]}:{run[11:13]}:{run[13:15]}.000Z",
            "host": socket.gethostname(),
            "boot_id": boot_id(),
            "supervisor": supervisor,
            "options": {"deterministic": False},
            "user": "ada",
        }
        write_struct(folder / "start.json", Start(**{**fields, **start}))
        (folder / "log.txt").write_bytes(log)
        return folder

    def add(
        self,
        run: str,
        *,
        losses: tuple[float, ...] = (0.5, 0.25),
        lr: float = 0.1,
        exit_code: int = 0,
        log: bytes = b"hello\n",
        output: bytes | None = b"weights",
        metrics: dict[str, list[Any]] | None = None,
        seal: bool = True,
        **start: Any,
    ) -> str:
        """A run that has ended; sealed unless said otherwise. ``metrics`` are values by name, one a step."""
        folder = self.begin(run, log, **{"argv": ["/env/bin/python3", "train.py", "--lr", str(lr)], **start})
        events: list[dict[str, Any]] = [
            {
                **{"e": "start", "schema": 1, "process": "rank0", "pid": 100, "main": True, "role": "main"},
                **{"argv": ["train.py"], "executable": "/env/bin/python3", "version": "3.11.7", "flags": {}},
            },
            {
                "e": "seed",
                "lib": "torch",
                "fn": "manual_seed",
                "value": 7,
                "site": "train.py:3",
                "origin": "code",
                "n": 0,
            },
            {"e": "hyper", "step": 0, "optimizer": 0, "name": "SGD", "values": [{"lr": lr, "momentum": 0.9}]},
        ]
        if output is not None:
            target = self.root / f"model-{run[-4:]}.pt"
            target.write_bytes(output)
            events.append({"e": "file", "op": "w", "path": str(target), "st": None, "via": "audit"})
        events.append({"e": "end", "steps": len(losses), "exception": None})
        lines = (json.dumps({"t": n / 1000, **event}) + "\n" for n, event in enumerate(events))
        (folder / "journal" / "rank0.jsonl").write_text("".join(lines))
        records = [
            traceformat.RECORD.pack(traceformat.LOSS, traceformat.RAW, 0, step, traceformat.float_bits(loss))
            for step, loss in enumerate(losses)
        ]
        (folder / "trace" / "rank0.trace").write_bytes(traceformat.MAGIC + b"".join(records))
        row = {"name": "loss", "dtype": "float32", "shape": [], "kind": traceformat.LOSS}
        (folder / "trace" / "rank0.names.jsonl").write_text(json.dumps(row) + "\n")
        with open(folder / "metrics" / "rank0.jsonl", "w", encoding="utf-8") as file:
            for metric, values in (metrics or {}).items():
                for step, value in enumerate(values):
                    file.write(json.dumps({"n": metric, "s": step, "v": value, "t": step * 0.5}) + "\n")
        (folder / "environment.json").write_text(
            json.dumps({"python": {"version": "3.11.7"}, "distributions": [{"name": "torch", "version": "2.13.0"}]})
        )
        write_struct(
            folder / "end.json",
            End(
                exit_code=exit_code,
                wall=62.0,
                user=60.0,
                system=1.0,
                peak_rss=5_000_000,
                ended="2026-01-02T03:05:07.000Z",
            ),
        )
        if seal:
            self.store.seal(run)
        return run

    def cli(self, *words: str, cwd: Path | None = None) -> Result:
        """The command in this process, on streams of our own."""
        raw_out, raw_err = io.BytesIO(), io.BytesIO()
        out, err = io.TextIOWrapper(raw_out, encoding="utf-8"), io.TextIOWrapper(raw_err, encoding="utf-8")
        before = os.getcwd()
        os.chdir(cwd or self.root)
        try:
            code = main(list(words), out, err)
        finally:
            os.chdir(before)
        out.flush()
        err.flush()
        return Result(code, raw_out.getvalue().decode(), raw_err.getvalue().decode())

    def process(self, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """The command as a process of its own, its streams piped."""
        pipe = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([*CLI, *words], cwd=self.root, **{**pipe, **options})


def alive() -> ProcessInfo:
    """This process, as a supervisor."""
    return ProcessInfo(os.getpid(), start_ticks(os.getpid()))
