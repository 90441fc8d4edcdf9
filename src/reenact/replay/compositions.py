"""The configs that a replay composes, compared with its baseline's as they come: before training starts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..record import layout
from ..record.hydra import flat
from ..record.journal import JournalTail, read_journal

PROCESS = "rank0"


@dataclass(frozen=True)
class ConfigDifference:
    """A value that a replay composed otherwise.

    Attributes:
        config: number of the config in the main process, from 0.
        key: dotted name; None where the whole config is there on one side only.
        baseline, candidate: values; None where that side does not have it.
    """

    config: int
    key: str | None
    baseline: Any
    candidate: Any

    def describe(self) -> str:
        """One line for a person."""
        if self.key is None:
            side = "replay" if self.baseline is None else "baseline"
            return f"config {self.config} was composed by the {side} only"
        before, now = ("(none)" if value is None else repr(value) for value in (self.baseline, self.candidate))
        return f"config {self.config}: {self.key}: recorded {before}, now {now}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)


class Compositions:
    """Follows the configs of a replay.

    Args:
        baseline, candidate: the run folders.
    """

    def __init__(self, baseline: Path, candidate: Path) -> None:
        journal = baseline / layout.JOURNAL / f"{PROCESS}.jsonl"
        events = read_journal(journal).events if journal.exists() else []
        self._expected = [event for event in events if event["e"] == "hydra"]
        self._tail = JournalTail(candidate / layout.JOURNAL / f"{PROCESS}.jsonl") if self._expected else None
        self._seen = 0
        self.found: list[ConfigDifference] = []

    def poll(self, ended: bool = False) -> list[ConfigDifference]:
        """What differs in the configs that were composed since the last call.

        Args:
            ended: the replay has come to its own end: what it has not composed by now, it never will.
        """
        if self._tail is None:
            return []
        new: list[ConfigDifference] = []
        for event in self._tail.finish() if ended else self._tail.poll():
            if event["e"] == "hydra":
                new += self._compared(event)
                self._seen += 1
        if ended:
            new += [ConfigDifference(n, None, "composed", None) for n in range(self._seen, len(self._expected))]
        self.found += new
        return new

    def _compared(self, event: dict[str, Any]) -> list[ConfigDifference]:
        if self._seen >= len(self._expected):
            return [ConfigDifference(self._seen, None, None, "composed")]
        one = dict(flat(self._expected[self._seen].get("config")))
        other = dict(flat(event.get("config")))
        names = [*one, *(name for name in other if name not in one)]
        return [
            ConfigDifference(self._seen, name, one.get(name), other.get(name))
            for name in names
            if repr(one.get(name)) != repr(other.get(name)) or (name in one) != (name in other)
        ]
