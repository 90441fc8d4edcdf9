"""Comparing traces: the first event that differs, at the end or while the candidate still runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from ..record.trace import Event, Kind
from .difference import (
    SAMPLED,
    Difference,
    Progress,
    Tolerance,
    at_step,
    difference,
    job_number,
    resolve,
    same_form,
    same_value,
    when,
)
from .generators import Generators
from .join import joined_difference

__all__ = [
    "Difference",
    "MultiComparer",
    "StreamComparer",
    "Tolerance",
    "first_difference",
    "joined_difference",
    "verdict",
]


def first_difference(
    baseline: Iterable[Event],
    candidate: Iterable[Event],
    *,
    same_schedule: bool = False,
    process: str = "rank0",
    rank: int = 0,
    tolerance: Tolerance | None = None,
    baseline_complete: bool = True,
    candidate_complete: bool = True,
) -> Difference | None:
    """The first event in which two traces of one process differ, or None.

    Args:
        same_schedule: event by event, as a replay follows its baseline; otherwise joined on what both have.
        tolerance: compare RAW numbers by value and leave fingerprints out; equal then means ``equivalent`` at most.
        baseline_complete, candidate_complete: False for a run that was killed, whose trace may end early.
    """
    if not same_schedule:
        return joined_difference(
            baseline,
            candidate,
            process=process,
            rank=rank,
            tolerance=tolerance,
            baseline_complete=baseline_complete,
            candidate_complete=candidate_complete,
        )
    comparer = StreamComparer(baseline, process=process, rank=rank, tolerance=tolerance, complete=baseline_complete)
    found = comparer.feed_candidate(candidate)
    return comparer.finish() if candidate_complete else found


def verdict(difference: Difference | None, outputs_equal: bool, tolerance: Tolerance | None) -> str:
    """``identical``, ``equivalent`` or ``diverged``; whatever was compared with a tolerance is never ``identical``."""
    if difference is not None or not outputs_equal:
        return "diverged"
    return "identical" if tolerance is None else "equivalent"


class StreamComparer:
    """Compares a candidate's events with those of its baseline as they come, event by event.

    Not thread-safe. After the first difference only params of the last step are still looked at.
    """

    def __init__(
        self,
        baseline: Iterable[Event],
        *,
        process: str = "rank0",
        rank: int = 0,
        tolerance: Tolerance | None = None,
        complete: bool = True,
    ) -> None:
        self.process = process
        self.rank = rank
        self.difference: Difference | None = None
        self.events_equal = 0
        self.finished = False
        self._baseline: Iterator[Event] = iter(baseline)
        self._ahead: list[Event] = []
        self._tolerance = tolerance
        self._complete = complete
        self._progress = Progress(tolerance)
        self._place = (-2, 0)
        self._matched: set[tuple[int, int]] = set()
        self._ended = False
        self._later: list[Event] = []
        self._rest: list[Event] = []
        self._generators = Generators()

    @property
    def job(self) -> int:
        """Number of the job of a sweep that this is the trace of; -1 for a process that is none."""
        return job_number(self.process)

    @property
    def spent(self) -> bool:
        """True when the baseline has nothing more to compare with."""
        event = self._next()
        if event is not None:
            self._ahead.append(event)
        return event is None

    @property
    def step(self) -> int:
        """The last step of which an event was compared; -1 before training."""
        return self._progress.step

    @property
    def exhausted(self) -> bool:
        """True when a baseline that was cut short has nothing more to compare with."""
        return self._ended

    @property
    def steps_equal(self) -> int:
        """Optimizer steps of which everything compared was equal."""
        if self.difference is not None:
            return max(0, self.difference.step)
        if self.finished or self.spent:
            return self._progress.trained + 1
        return max(0, self._progress.trained)

    def feed_candidate(self, events: Iterable[Event]) -> Difference | None:
        """Compare more events of the candidate; the first difference, once there is one."""
        if self.difference is not None:
            self._later.extend(event for event in events if self._open and event.kind == Kind.PARAM)
        elif not self._ended:
            events = iter(events)
            for event in events:
                self.difference = self._feed(event)
                if self.difference is not None:
                    self._read_rest()
                    return self.feed_candidate(events)
                if self._ended:
                    break
        return self.difference

    def finish(self) -> Difference | None:
        """Say that the candidate has ended: what the baseline still has is then missing."""
        self.finished = True
        if self.difference is None:
            while (event := self._next()) is not None:
                # The schedule alone may explain that a step of which neither was seen has them in one run only.
                if event.kind in SAMPLED and (event.kind, event.step) not in self._matched:
                    continue
                note = f"The candidate ended before this event, {at_step(event.step)}."
                self.difference = self._found("missing", event, None, note)
                self._read_rest()
                break
        elif self._open:
            self.difference = resolve(self.difference, self._rest, self._later)
        return self.difference

    def _read_rest(self) -> None:
        """Read what the baseline still has: the last params, and which generators it drew from."""
        while (event := self._next()) is not None:
            self._generators.alone(event)
            if self._open and event.kind == Kind.PARAM:
                self._rest.append(event)
        if self.difference is not None:
            self.difference = dataclasses.replace(self.difference, generators=self._generators.differing())

    @property
    def _open(self) -> bool:
        """True when params at the end of the run may still tell where the difference began."""
        return self.difference is not None and bool(self.difference.possibly)

    def _next(self) -> Event | None:
        return self._ahead.pop() if self._ahead else next(self._baseline, None)

    def _feed(self, event: Event) -> Difference | None:
        while (other := self._next()) is not None:
            if (event.kind, event.name, event.step) == (other.kind, other.name, other.step):
                return self._pair(other, event)
            if self._only_sampled(other, event):
                continue
            if self._only_sampled(event, other):
                self._ahead.append(other)
                return None
            if (event.step, event.kind) < (other.step, other.kind):
                self._ahead.append(other)
                return self._found("extra", None, event, f"The baseline has {_told(other)} there.")
            return self._found("missing", other, event, f"The candidate has {_told(event)} there.")
        if not self._complete:
            self._ended = True
            return None
        if event.kind in SAMPLED and (event.kind, event.step) not in self._matched:
            return None
        return self._found("extra", None, event, f"The baseline ended without this event, {at_step(event.step)}.")

    def _only_sampled(self, event: Event, other: Event) -> bool:
        """True when `event` is there only because one of the two was sampled at this step."""
        key = (event.kind, event.step)
        return event.kind in SAMPLED and key not in self._matched and key != (other.kind, other.step)

    def _pair(self, baseline: Event, candidate: Event) -> Difference | None:
        if not same_form(baseline, candidate):
            return self._found("shape", baseline, candidate)
        if baseline.kind == Kind.RNG and self._tolerance is None:
            pair = self._generators.pair(baseline, candidate)
            if pair is not None:
                return self._found("value", *pair)
            if baseline.value != candidate.value:
                return None
        elif not same_value(baseline, candidate, self._tolerance):
            return self._found("value", baseline, candidate)
        self.events_equal += 1
        self._count(baseline.step)
        if baseline.kind in SAMPLED:
            self._matched = {(baseline.kind, baseline.step)} | {key for key in self._matched if key[1] == baseline.step}
        self._progress.equal(baseline)
        return None

    def _count(self, step: int) -> None:
        self._place = (step, self._place[1] + 1 if self._place[0] == step else 1)

    def _found(self, why: str, baseline: Event | None, candidate: Event | None, note: str = "") -> Difference:
        event = baseline if baseline is not None else candidate
        assert event is not None
        if why == "missing":
            candidate = None
        order = self._place[1] if self._place[0] == event.step else 0
        return difference(
            why, baseline, candidate, self._progress, process=self.process, rank=self.rank, order=order, note=note
        )


def _told(event: Event) -> str:
    return f"{event.kind_name} {event.name} {at_step(event.step)}"


class MultiComparer:
    """Compares the traces of several processes (ranks) and picks the earliest difference by job, step, then order."""

    def __init__(
        self,
        baselines: Mapping[str, Iterable[Event]],
        *,
        ranks: Mapping[str, int] | None = None,
        tolerance: Tolerance | None = None,
        complete: bool = True,
    ) -> None:
        ranks = ranks or {}
        self._tolerance = tolerance
        self._ranks = ranks
        self.comparers = {
            process: StreamComparer(
                events,
                process=process,
                rank=ranks.get(process, rank_of(process)),
                tolerance=tolerance,
                complete=complete,
            )
            for process, events in baselines.items()
        }

    def feed(self, process: str, events: Iterable[Event]) -> Difference | None:
        """Compare more events of one process; a process that the baseline lacks has only extra events."""
        if process not in self.comparers:
            self.comparers[process] = StreamComparer(
                (), process=process, rank=self._ranks.get(process, rank_of(process)), tolerance=self._tolerance
            )
        self.comparers[process].feed_candidate(events)
        return self.difference

    def finish(self) -> Difference | None:
        """Say that every process has ended."""
        for comparer in self.comparers.values():
            comparer.finish()
        return self.difference

    @property
    def difference(self) -> Difference | None:
        """The earliest difference seen so far."""
        found = [comparer.difference for comparer in self.comparers.values() if comparer.difference is not None]
        return min(found, key=when, default=None)

    @property
    def settled(self) -> bool:
        """True when no process can any more find a difference earlier than the one known."""
        first = self.difference
        if first is None:
            return False
        job = job_number(first.process)
        return all(
            one.finished or one.difference is not None or one.step > first.step or (one.job < job and one.spent)
            for one in self.comparers.values()
            if one.job <= job
        )

    @property
    def exhausted(self) -> bool:
        """True when baselines that were cut short have nothing more to compare with."""
        return bool(self.comparers) and all(one.exhausted for one in self.comparers.values())

    @property
    def steps_equal(self) -> int:
        """Optimizer steps equal in every process that trains; of the jobs of a sweep the sum."""
        steps: dict[int, list[int]] = {}
        for one in self.comparers.values():
            if one.difference is not None or (one.events_equal and one.step >= 0):
                steps.setdefault(one.job, []).append(one.steps_equal)
        return sum(min(found) for found in steps.values())


def rank_of(process: str) -> int:
    """The rank in a process's identity: 3 for ``rank3`` and ``rank3.1``, 0 when there is none."""
    digits = process.removeprefix("rank").split(".")[0]
    return int(digits) if digits.isdigit() else 0
