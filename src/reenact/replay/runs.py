"""What diff and verify read of a run besides its manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..record import layout
from ..record.journal import read_journal
from ..record.schema import Manifest
from .difference import job_number

TELLING = frozenset({"loader", "seed", "hazard", "schedule", "library", "rank"})
"""Journal events that bear on why two runs differ."""


def journal_events(run_dir: Path) -> tuple[dict[str, Any], ...]:
    """The telling events of all of a run's processes, in the order of the processes' names."""
    found: list[dict[str, Any]] = []
    for path in sorted((run_dir / layout.JOURNAL).glob("*.jsonl")):
        found += [event for event in read_journal(path).events if event.get("e") in TELLING]
    return tuple(found)


def total_steps(manifest: Manifest) -> int:
    """Optimizer steps of a run: ranks make them together, the jobs of a sweep one after the other."""
    steps: dict[int, int] = {}
    for trace in manifest.traces:
        job = job_number(trace.process)
        steps[job] = max(steps.get(job, 0), trace.steps)
    return sum(steps.values())


def alone(manifest: Manifest, process: str) -> str:
    """A process's identity as it would be if a trial had been run by itself: two trials are compared as two runs are."""
    return process if manifest.trial_of is None else process.replace(f"job{manifest.trial_of.job}", "rank0", 1)


def cut_short(baseline: Manifest) -> bool:
    """True when a run was ended before its own end, so that a replay goes further than it did.

    One that only reenact did not see end, while the program itself came to its end, is whole.
    """
    if baseline.status != "interrupted":
        return False
    role = "main" if baseline.trial_of is None else "job"
    ended = any(process.role == role and process.complete for process in baseline.processes)
    return baseline.signal is not None or not ended
