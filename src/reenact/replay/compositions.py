"""The configs that a replay composes, compared with its baseline's as they come: before training starts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..record import layout
from ..record.hydra import flat
from ..record.journal import JournalTail, job_of, process_name, process_order, read_journal

_MAIN = re.compile(r"(rank0|job\d+)(~\d+)?")
"""Processes whose configs are compared: the program itself, and the jobs of its sweep."""


@dataclass(frozen=True)
class ConfigDifference:
    """A value that a replay composed otherwise.

    Attributes:
        config: number of the config, from 0, in the program itself or in the job.
        job: number of the job of a sweep, or None.
        key: dotted name; None where the whole config is there on one side only.
        baseline, candidate: values; None where that side does not have it.
    """

    config: int
    key: str | None
    baseline: Any
    candidate: Any
    job: int | None = None

    def describe(self) -> str:
        """One line for a person."""
        where = f"config {self.config}" if self.job is None else f"job {self.job}"
        if self.key is None:
            return f"{where} was composed by the {'replay' if self.baseline is None else 'baseline'} only"
        before, now = ("(none)" if value is None else repr(value) for value in (self.baseline, self.candidate))
        return f"{where}: {self.key}: recorded {before}, now {now}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)


class Compositions:
    """Follows the configs of a replay, of the program itself and of each job of its sweep.

    Args:
        baseline, candidate: the run folders.
        trial: the baseline is one job of a sweep: what the program does around it does not count.
    """

    def __init__(self, baseline: Path, candidate: Path, trial: bool = False) -> None:
        self._processes = []
        for path in sorted((baseline / layout.JOURNAL).glob("*.jsonl"), key=lambda path: process_order(path.stem)):
            process = process_name(path)
            if _MAIN.fullmatch(process) and not (trial and job_of(process) is None):
                expected = [event for event in read_journal(path).events if event["e"] == "hydra"]
                if expected:
                    self._processes.append(_Process(job_of(process), expected, candidate / layout.JOURNAL / path.name))
        self.found: list[ConfigDifference] = []

    def poll(self, ended: bool = False) -> list[ConfigDifference]:
        """What differs in the configs that were composed since the last call.

        Args:
            ended: the replay has come to its own end: what it has not composed by now, it never will.
        """
        new = [difference for process in self._processes for difference in process.poll(ended)]
        self.found += new
        return new


class _Process:
    """The configs of one process, or of one job."""

    def __init__(self, job: int | None, expected: list[dict[str, Any]], candidate: Path) -> None:
        self._job = job
        self._expected = expected
        self._tail = JournalTail(candidate)
        self._seen = 0

    def poll(self, ended: bool) -> Iterator[ConfigDifference]:
        for event in self._tail.finish() if ended else self._tail.poll():
            if event["e"] == "hydra":
                yield from self._compared(event)
                self._seen += 1
        if ended:
            for number in range(self._seen, len(self._expected)):
                yield ConfigDifference(number, None, "composed", None, self._job)

    def _compared(self, event: dict[str, Any]) -> Iterator[ConfigDifference]:
        if self._seen >= len(self._expected):
            yield ConfigDifference(self._seen, None, None, "composed", self._job)
            return
        one = dict(flat(self._expected[self._seen].get("config")))
        other = dict(flat(event.get("config")))
        for name in [*one, *(name for name in other if name not in one)]:
            if repr(one.get(name)) != repr(other.get(name)) or (name in one) != (name in other):
                yield ConfigDifference(self._seen, name, one.get(name), other.get(name), self._job)
