"""What a cause rule gets to see, and what it answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ..changes import Change
from ..difference import Difference, at_step
from ..outputs import OutputResult

UNSEEN = 0.9
"""How much of its weight a rule keeps for a kind that was not sampled where the difference may have begun."""


@dataclasses.dataclass(frozen=True)
class Cause:
    """What may explain a divergence: `confidence` from 0 to 1, the evidence for it in a sentence, and what to do."""

    id: str
    confidence: float
    evidence: str
    fix: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Context:
    """Two runs and how they differ, as plain data.

    Attributes:
        difference: the first differing event; None when the traces are equal.
        changes: what went in and differs (`changes.diff_manifests`).
        a, b: the manifests of baseline and candidate.
        events_a, events_b: journal events (loader, seed, hazard, schedule, library, rank) of all their processes.
        fresh_entropy: the candidate is a replay to which the recorded entropy was not given back.
        outputs: how the outputs compare.
    """

    difference: Difference | None
    changes: tuple[Change, ...] = ()
    a: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    b: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    events_a: tuple[Mapping[str, Any], ...] = ()
    events_b: tuple[Mapping[str, Any], ...] = ()
    fresh_entropy: bool = False
    outputs: tuple[OutputResult, ...] = ()

    @property
    def entropy_given(self) -> bool:
        """The candidate is a replay of the baseline that got its entropy back."""
        return not self.fresh_entropy and self.a.get("run") is not None and self.b.get("replay_of") == self.a.get("run")

    @property
    def traced(self) -> bool:
        """One of the runs has training steps in its trace."""
        return any(trace.get("steps") for side in (self.a, self.b) for trace in side.get("traces") or [])

    @property
    def outputs_differ(self) -> bool:
        """An output that counts is not equal."""
        return any(not one.equal and one.how != "ignored" for one in self.outputs)

    @property
    def only_outputs_tell(self) -> bool:
        """No training step was traced, and an output differs: whatever went in and differs may be why."""
        return self.difference is None and not self.traced and self.outputs_differ

    @property
    def structural(self) -> bool:
        """An event is missing, extra or of another shape: rounding, threads and kernels cannot explain that."""
        return self.difference is not None and self.difference.why != "value"

    def of(self, *kinds: str, bits: bool = False) -> list[Change]:
        """The changes of some kinds; with `bits` only those that can change numbers."""
        return [change for change in self.changes if change.kind in kinds and (change.bits or not bits)]

    def named(self, kind: str, *names: str) -> list[Change]:
        """The changes of one kind with one of the names."""
        return [change for change in self.changes if change.kind == kind and change.name in names]

    def weigh(self, weights: Mapping[str, float], numeric: bool = False) -> float:
        """How well a cause explains the first difference: its weight for that kind of event, else for one unseen.

        `numeric`: the cause changes values only, never which events there are or their shapes.
        """
        if self.difference is None or (numeric and self.structural):
            return 0.0
        unseen = (UNSEEN * weights.get(kind, 0.0) for kind, _ in self.difference.possibly)
        return max(weights.get(self.difference.kind, 0.0), *unseen, 0.0)

    def events(self, e: str) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
        """Journal events of one type, of baseline and candidate."""
        return [x for x in self.events_a if x.get("e") == e], [x for x in self.events_b if x.get("e") == e]

    def hazards(self) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
        """Hazards of baseline and candidate, from the journals, else from the manifests."""
        a, b = self.events("hazard")
        return a or list(self.a.get("hazards") or []), b or list(self.b.get("hazards") or [])

    def torch(self, key: str) -> tuple[Any, Any]:
        """What torch told of itself in the baseline and in the candidate; None where it did not."""
        return _torch(self.a, self.events_a, key), _torch(self.b, self.events_b, key)

    def same_recipe(self) -> bool:
        """Nothing that can change numbers is known to differ."""
        recipe = self.a.get("recipe")
        if recipe is not None and recipe == self.b.get("recipe"):
            return True
        return not any(change.bits and change.kind != "entropy" for change in self.changes)

    def what(self) -> str:
        """The first differing event in words."""
        if self.difference is None:
            return "the traces are equal" if self.traced else "no training step was traced, so only outputs tell"
        return f"the first difference is {self.difference.kind} {at_step(self.difference.step)}"


def _torch(manifest: Mapping[str, Any], events: tuple[Mapping[str, Any], ...], key: str) -> Any:
    found = ((manifest.get("environment") or {}).get("libraries") or {}).get("torch") or {}
    for event in _libraries(events):
        if event.get(key) is not None:
            return event[key]
    return found.get(key)


def _libraries(events: tuple[Mapping[str, Any], ...]) -> Iterator[Mapping[str, Any]]:
    return (event for event in events if event.get("e") == "library" and event.get("name") == "torch")


def told(changes: list[Change], most: int = 3) -> str:
    """``lr 0.1 -> 0.2`` for the first changes, and how many more there are."""
    parts = [f"{change.name} {_brief(change.a)} -> {_brief(change.b)}" for change in changes[:most]]
    more = len(changes) - most
    return ", ".join(parts) + (f" and {more} more" if more > 0 else "")


def _brief(value: str | None) -> str:
    text = "(none)" if value is None else " ".join(value.split())
    text = text.removeprefix("sha256:")[:12] if text.startswith("sha256:") else text
    return text if len(text) <= 60 else text[:57] + "..."
