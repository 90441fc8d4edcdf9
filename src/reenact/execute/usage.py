"""What a command uses while it runs, looked at from outside: CPU and memory of it and its descendants, the GPUs, and its pace."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from ..probe.traceformat import MAGIC, RECORD
from . import procscan

POINTS = 1000
"""About so many points for a run, however long it is."""

_FIRST = 1.0  # seconds between the first points
_GPU_SECONDS = 2.0  # the tool may take long while the driver is busy
_GPU_EVERY = 5.0  # seconds; it is a process of its own each time


class Usage:
    """Writes what a process and its descendants use into ``metrics/system.jsonl`` of a run, ever more seldom.

    Args:
        run_dir: the run folder.
        pid: the command; None where its processes are not ours to see.
    """

    def __init__(self, run_dir: Path, pid: int | None) -> None:
        self._path = run_dir / "metrics" / "system.jsonl"
        self._pid = pid
        self._began = self._last = time.monotonic()
        self._cpu: dict[int, int] = {}
        self._pace = Pace(run_dir / "trace")
        self._gpu = shutil.which("nvidia-smi")
        self._gpu_due = self._began

    def look(self) -> None:
        """Write a point, where one is due.

        Raises:
            OSError: it cannot be written.
        """
        now = time.monotonic()
        elapsed = now - self._began
        if now - self._last < max(_FIRST, elapsed / POINTS):
            return
        seconds, self._last = now - self._last, now
        found = {**self._processes(seconds), **self._gpus(), **self._pace.look()}
        if found:
            line = json.dumps({"s": None, "t": round(elapsed, 3), "m": found}, separators=(",", ":")) + "\n"
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(line)

    def _processes(self, seconds: float) -> dict[str, float]:
        if self._pid is None:
            return {}
        ticks, memory, before = {}, 0, self._cpu
        for pid in (self._pid, *procscan.descendants(self._pid)):
            found = procscan.usage(pid)
            if found is not None:
                ticks[pid] = found[0]
                memory += found[1]
        self._cpu = ticks
        if not ticks:
            return {}
        # One that was not there before has begun since.
        used = sum(now - before.get(pid, 0) for pid, now in ticks.items())
        rate = used / os.sysconf("SC_CLK_TCK") / seconds
        return {"system/cpu": round(rate, 3), "system/memory": float(memory)}

    def _gpus(self) -> dict[str, float]:
        if self._gpu is None or time.monotonic() < self._gpu_due:
            return {}
        self._gpu_due = time.monotonic() + _GPU_EVERY
        query = ("--query-gpu=index,utilization.gpu,memory.used", "--format=csv,noheader,nounits")
        try:
            done = subprocess.run(
                [self._gpu, *query], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_GPU_SECONDS
            )
        except (OSError, subprocess.SubprocessError):
            self._gpu = None  # it would hold the observer up at every point
            return {}
        found: dict[str, float] = {}
        for line in done.stdout.splitlines():
            cells = [cell.strip() for cell in line.split(",")]
            if len(cells) == 3 and all(cell.isdigit() for cell in cells):
                found[f"system/gpu{cells[0]}"] = int(cells[1]) / 100
                found[f"system/gpu{cells[0]}-memory"] = float(int(cells[2]) << 20)
        return found


class Pace:
    """Steps of a training in a second, from the end of the first rank's trace and the time at which it was written.

    Args:
        folder: where the traces of the run are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before: tuple[Path, int, int] | None = None
        """Trace, step, and when it was written in ns."""

    def look(self) -> dict[str, float]:
        """Steps a second since the last time that there was a new one; nothing while there is none."""
        try:
            path, when_ns = max(
                ((path, path.stat().st_mtime_ns) for path in self._folder.glob("rank0*.trace") if _leads(path)),
                key=lambda pair: pair[1],
            )
            step = _last_step(path)
        except (OSError, ValueError):
            return {}
        before = self._before
        if before is not None and before[0] == path and (step <= before[1] or when_ns <= before[2]):
            return {}
        self._before = path, step, when_ns
        if before is None or before[0] != path:
            return {}
        return {"system/steps_per_second": float(f"{(step - max(before[1], 0)) / ((when_ns - before[2]) / 1e9):.6g}")}


def _leads(path: Path) -> bool:
    """True for the trace of the first rank itself, not for that of a child."""
    return "." not in path.name.removesuffix(".trace")


def _last_step(path: Path) -> int:
    """Steps completed when the last whole event of a trace was written. Raises ValueError where there is none."""
    with open(path, "rb") as file:
        count = (os.fstat(file.fileno()).st_size - len(MAGIC)) // RECORD.size
        if count < 1:
            raise ValueError("no event")
        file.seek(len(MAGIC) + (count - 1) * RECORD.size)
        data = file.read(RECORD.size)
    if len(data) != RECORD.size:
        raise ValueError("it has become shorter")
    step: int = RECORD.unpack(data)[3]
    return step
