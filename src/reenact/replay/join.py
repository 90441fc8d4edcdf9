"""Comparing the traces of two runs that need not have the same schedule: joined step by step on what both have."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator

from ..record.trace import NOGRAD, Event, Kind
from .difference import (
    OCCASIONAL,
    SAMPLED,
    Difference,
    Progress,
    Tolerance,
    difference,
    is_joint,
    resolve,
    same_form,
    same_value,
)
from .generators import Generators

_Key = tuple[int, int, str, int]


def joined_difference(
    baseline: Iterable[Event],
    candidate: Iterable[Event],
    *,
    process: str = "rank0",
    rank: int = 0,
    tolerance: Tolerance | None = None,
    baseline_complete: bool = True,
    candidate_complete: bool = True,
) -> Difference | None:
    """The first difference, in the order of the baseline, between the traces of any two runs.

    Events are joined on kind, name, step and occurrence within the step. Sampled kinds (grad, param) and those tied to
    epochs and saves (rng, save) count only where both runs have them; every other kind must be in both. A run that is
    not complete (killed) may end early without that being a difference.
    """
    join = _Join(process, rank, tolerance)
    one_run, other_run = _Steps(baseline), _Steps(candidate)
    left, right = iter(one_run), iter(other_run)
    found = join.walk(left, right, baseline_complete, candidate_complete)
    # What comes late, and which generators were drawn from, is known when all has been read.
    for side, rest in ((False, left), (True, right)):
        for _, events in rest:
            for event in events:
                join.generators.alone(event, candidate=side)
    if found is not None:
        found = resolve(found, one_run.late_events(), other_run.late_events())
        return dataclasses.replace(found, generators=join.generators.differing())
    for step in sorted(one_run.late.keys() & other_run.late.keys()):
        found = join.group(one_run.late[step], other_run.late[step])
        if found is not None:
            return found
    return None


class _Steps:
    """The events of a trace, step by step; in `late`, by step, those written after a later step had begun.

    A model's init may follow the first batch, and the last param an evaluation. The first are put in order, because
    they come soon; the others are kept apart.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = events
        self.late: dict[int, list[Event]] = {}

    def __iter__(self) -> Iterator[tuple[int, list[Event]]]:
        first: dict[int, list[Event]] = {}
        events = iter(self._events)
        ahead: Event | None = None
        for event in events:
            if event.step > 0:
                ahead = event
                break
            first.setdefault(event.step, []).append(event)
        for step in sorted(first):
            yield step, first.pop(step)
        if ahead is None:
            return
        current, group = ahead.step, [ahead]
        for event in events:
            if event.step > current:
                yield current, group
                current, group = event.step, []
            if event.step < current:
                self.late.setdefault(event.step, []).append(event)
            else:
                group.append(event)
        yield current, group

    def late_events(self) -> Iterator[Event]:
        """Every late event, by step."""
        return (event for step in sorted(self.late) for event in self.late[step])


def _keyed(events: list[Event]) -> tuple[list[tuple[_Key, Event]], Counter[tuple[int, int, str]]]:
    counts: Counter[tuple[int, int, str]] = Counter()
    keyed = []
    for event in events:
        # Evaluation events are joined apart, so that an added evaluation does not shift those of training.
        name = (int(event.kind), event.flags & NOGRAD, event.name)
        keyed.append(((*name, counts[name]), event))
        counts[name] += 1
    return keyed, counts


def _unsampled(event: Event, kinds: set[int]) -> bool:
    """True when the schedule may explain that only one run has `event`; `kinds` both have tensor by tensor."""
    return event.kind in SAMPLED and (is_joint(event) or event.kind not in kinds)


class _Join:
    """Compares one step's events of both runs after another."""

    def __init__(self, process: str, rank: int, tolerance: Tolerance | None) -> None:
        self.process = process
        self.rank = rank
        self.tolerance = tolerance
        self.progress = Progress(tolerance)
        self.generators = Generators()

    def walk(
        self,
        left: Iterator[tuple[int, list[Event]]],
        right: Iterator[tuple[int, list[Event]]],
        baseline_complete: bool,
        candidate_complete: bool,
    ) -> Difference | None:
        """First difference in the steps as they come."""
        one, other = next(left, None), next(right, None)
        while one is not None or other is not None:
            found: Difference | None
            if one is not None and other is not None and one[0] == other[0]:
                found = self.group(one[1], other[1])
                one, other = next(left, None), next(right, None)
            elif other is None or (one is not None and one[0] < other[0]):
                assert one is not None
                if other is None and not candidate_complete:
                    return None
                found = self.alone(one[1], "missing", ended=other is None)
                one = next(left, None)
            else:
                if one is None and not baseline_complete:
                    return None
                found = self.alone(other[1], "extra", ended=one is None)
                other = next(right, None)
            if found is not None:
                return found
        return None

    def group(self, baseline: list[Event], candidate: list[Event]) -> Difference | None:
        """First difference within one step that both have."""
        left, left_counts = _keyed(baseline)
        right, right_counts = _keyed(candidate)
        single = [{event.kind for event in side if not is_joint(event)} for side in (baseline, candidate)]
        kinds = single[0] & single[1]
        there = dict(right)
        position = {key: order for order, (key, _) in enumerate(left)}
        extra = self._extra(right, position, kinds)
        for order, (key, event) in enumerate(left):
            # At the same place a missing event is named rather than the one that the candidate has instead.
            if extra is not None and (extra[0] + 1 < order or (extra[0] + 1 == order and key in there)):
                break
            if key[0] in OCCASIONAL and left_counts[key[:3]] != right_counts[key[:3]]:
                self.generators.alone(event)
                continue
            other = there.get(key)
            if other is None:
                if key[0] in OCCASIONAL or _unsampled(event, kinds):
                    continue
                return self._found("missing", event, None, order, self._renamed(key, event, candidate, left_counts))
            if not same_form(event, other):
                return self._found("shape", event, other, order)
            if event.kind == Kind.RNG and self.tolerance is None:
                pair = self.generators.pair(event, other)
                if pair is not None:
                    return self._found("value", *pair, order)
            elif not same_value(event, other, self.tolerance):
                return self._found("value", event, other, order)
            self.progress.equal(event)
        return None if extra is None else self._found("extra", None, extra[1], extra[0] + 1)

    def alone(self, events: list[Event], why: str, ended: bool) -> Difference | None:
        """First event of a step that only one run has and that the other should have had."""
        for order, event in enumerate(events):
            if event.kind in SAMPLED or event.kind in OCCASIONAL:
                continue
            who = "candidate" if why == "missing" else "baseline"
            note = f"The {who} ended before step {event.step}." if ended else f"The {who} has no step {event.step}."
            if event.step < 0:
                note = f"The {who} has no event before the first step."
            if why == "missing":
                return self._found(why, event, None, order, note)
            return self._found(why, None, event, order, note)
        return None

    def _extra(
        self, right: list[tuple[_Key, Event]], position: dict[_Key, int], kinds: set[int]
    ) -> tuple[int, Event] | None:
        """The first event that only the candidate has, and the baseline's position that it follows."""
        after = -1
        for key, event in right:
            if key in position:
                after = max(after, position[key])
            elif key[0] not in OCCASIONAL and not _unsampled(event, kinds):
                return after, event
        return None

    def _renamed(self, key: _Key, event: Event, candidate: list[Event], counts: Counter[tuple[int, int, str]]) -> str:
        names = {other.name for other in candidate if other.kind == event.kind} - {name for _, _, name in counts}
        if not names:
            return ""
        return f"The candidate has {', '.join(sorted(names)[:3])} there instead."

    def _found(
        self, why: str, baseline: Event | None, candidate: Event | None, order: int, note: str = ""
    ) -> Difference:
        return difference(
            why, baseline, candidate, self.progress, process=self.process, rank=self.rank, order=order, note=note
        )
