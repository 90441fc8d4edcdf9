"""What a comparing of two traces can find: one frozen Difference, and what it may hide."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

from ..record.journal import job_of
from ..record.trace import NOGRAD, RAW, Event, Kind

SAMPLED: frozenset[int] = frozenset({Kind.GRAD, Kind.PARAM})
"""Kinds that are written on a schedule: that one run lacks them at a step says nothing."""

OCCASIONAL: frozenset[int] = frozenset({Kind.RNG, Kind.SAVE})
"""Kinds tied to epochs and saves, which two different runs may have at different places."""


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """Numbers are equal when ``|a - b| <= absolute + relative * |a|``; NaN equals NaN, an infinity itself."""

    relative: float = 0.0
    absolute: float = 0.0

    def accepts(self, a: float, b: float) -> bool:
        """True when `b` (candidate) lies within the tolerance of `a` (baseline)."""
        if a == b or (math.isnan(a) and math.isnan(b)):
            return True
        if not (math.isfinite(a) and math.isfinite(b)):
            return False
        return abs(a - b) <= self.absolute + self.relative * abs(a)


@dataclasses.dataclass(frozen=True)
class Difference:
    """The first event in which two traces of one process differ.

    Attributes:
        process: ``rank0``, ``rank1.2``; rank: its number in the group of ranks.
        step: optimizer steps completed, -1 before the first batch.
        kind: ``batch``, ``out``, ``loss`` and so on; name, dtype, shape: of the tensor or value.
        baseline_value, candidate_value: 64-bit fingerprints, or floats when `raw`; None where that side has no event.
        why: ``value``, ``missing`` (the candidate lacks it), ``extra`` (only the candidate has it), ``shape``, dtype.
        order: position of the event within its step, to order the differences of several processes.
        sampled_before: last step at which grad or param were compared and were equal; None if never.
        possibly: (kind, step) where the difference may really have begun, though nothing was sampled there.
        note: one or two sentences for a person; empty when there is nothing to add.
        evaluation: the event lies outside gradient mode.
        generators: random generators whose states differ from the start on: name, and whether it is known to have been
            drawn from (True), not (False), or neither (None).
    """

    process: str
    rank: int
    step: int
    kind: str
    name: str
    dtype: str | None
    shape: tuple[int, ...] | None
    baseline_value: int | float | None
    candidate_value: int | float | None
    why: str
    order: int = 0
    sampled_before: int | None = None
    possibly: tuple[tuple[str, int], ...] = ()
    note: str = ""
    raw: bool = False
    evaluation: bool = False
    generators: tuple[tuple[str, bool | None], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; fingerprints as hexadecimal text, floats as the text that reads back to the same bits."""
        return {
            "process": self.process,
            "rank": self.rank,
            "step": self.step,
            "kind": self.kind,
            "name": self.name,
            "dtype": self.dtype,
            "shape": None if self.shape is None else list(self.shape),
            "why": self.why,
            "baseline_value": _text(self.baseline_value),
            "candidate_value": _text(self.candidate_value),
            "sampled_before": self.sampled_before,
            "possibly": [{"kind": kind, "step": step} for kind, step in self.possibly],
            "note": self.note,
            "generators": [{"name": name, "drawn": drawn} for name, drawn in self.generators],
        }


def job_number(process: str) -> int:
    """Number of the job of a sweep that a process is; -1 for one that is none."""
    job = job_of(process)
    return -1 if job is None else job


def when(one: Difference) -> tuple[int, int, int, str]:
    """Key by which the first of several differences is found: the jobs of a sweep come one after the other."""
    return job_number(one.process), one.step, one.order, one.process


def _text(value: int | float | None) -> str | None:
    if value is None:
        return None
    return repr(value) if isinstance(value, float) else f"0x{value:016x}"


class Progress:
    """What has been compared and found equal so far in one process, and what that leaves unseen."""

    def __init__(self, tolerance: Tolerance | None = None) -> None:
        # With a tolerance fingerprints are not compared, so nothing is known of what has only a fingerprint.
        self._fingerprints = tolerance is None
        self.grad: int | None = None
        self.param: int | None = None
        self.out: int | None = None
        self.step = -1
        self._trained = -1
        self._forward = -1

    def equal(self, event: Event) -> None:
        """Count `event` as compared and equal."""
        kind, step = event.kind, event.step
        self.step = max(self.step, step)
        if not self._fingerprints:
            pass
        elif kind == Kind.GRAD:
            self.grad = step if self.grad is None else max(self.grad, step)
        elif kind == Kind.PARAM:
            self.param = step if self.param is None else max(self.param, step)
        elif kind == Kind.OUT:
            self.out = step
        if kind in (Kind.LOSS, Kind.GRAD, Kind.PARAM):
            self._trained = max(self._trained, step)
        elif kind in (Kind.BATCH, Kind.OUT):
            self._forward = max(self._forward, step)

    @property
    def trained(self) -> int:
        """Last training step seen. An evaluation after it has batches and outs of one step more, so they count last."""
        return self._trained if self._trained >= 0 else self._forward

    @property
    def sampled(self) -> int | None:
        """Last step at which grad or param were compared and equal."""
        seen = [step for step in (self.grad, self.param) if step is not None]
        return max(seen) if seen else None

    def unseen(self, kind: int, step: int) -> tuple[tuple[tuple[str, int], ...], str]:
        """Where a difference first seen in `kind` at `step` may have begun unseen, and a sentence that says so."""
        if kind == Kind.PARAM:
            if self.grad == step:
                return (), ""
            return (("grad", step),), f"grad was not sampled at step {step}: the difference may have begun there."
        # An equal out of the same step means that the parameters went into it equal, so a loss is then really the loss.
        if kind not in (Kind.OUT, Kind.LOSS, Kind.SAVE) or (kind == Kind.LOSS and self.out == step):
            return (), ""
        before = step - 1
        if before < 0 or (self.param is not None and self.param >= before):
            return (), ""
        kinds = ("param",) if self.grad == before else ("grad", "param")
        since = "never before" if self.sampled is None else f"last, and equal, at step {self.sampled}"
        where = "optimizer" if len(kinds) == 1 else "backward pass or the optimizer"
        sentence = (
            f"{' and '.join(kinds)} of step {before} {'was' if len(kinds) == 1 else 'were'} not sampled ({since}): "
            f"the difference may have begun in the {where} of step {before}"
        )
        first = 0 if self.sampled is None else self.sampled + 1
        if first < before:
            sentence += f", or unseen since step {first}"
        return tuple((name, before) for name in kinds), sentence + "."


def at_step(step: int) -> str:
    """``at step 3``; ``before the first step`` for -1."""
    return f"at step {step}" if step >= 0 else "before the first step"


def difference(
    why: str,
    baseline: Event | None,
    candidate: Event | None,
    progress: Progress,
    *,
    process: str,
    rank: int,
    order: int,
    note: str = "",
) -> Difference:
    """Build the Difference of two events, of which one may be absent."""
    event = baseline if baseline is not None else candidate
    assert event is not None
    possibly, unseen = progress.unseen(event.kind, event.step) if why == "value" else ((), "")
    if why == "shape" and baseline is not None and candidate is not None:
        note = note or f"{_form(baseline)} in the baseline, {_form(candidate)} in the candidate."
    return Difference(
        process=process,
        rank=rank,
        step=event.step,
        kind=event.kind_name,
        name=event.name,
        dtype=event.dtype,
        shape=event.shape,
        baseline_value=None if baseline is None else number(baseline),
        candidate_value=None if candidate is None else number(candidate),
        why=why,
        order=order,
        sampled_before=progress.sampled,
        possibly=possibly,
        note=" ".join(part for part in (note, unseen) if part),
        raw=bool(event.flags & RAW),
        evaluation=bool(event.flags & NOGRAD),
    )


def resolve(found: Difference, baseline: Iterable[Event], candidate: Iterable[Event]) -> Difference:
    """Decide what `found` leaves open with parameters that were fingerprinted only at the end of both runs.

    The parameters after the last step are written when the optimizer goes away or the process ends, and so after an
    evaluation that already shows the difference.

    Args:
        found: a difference, with `possibly` set where something before it was not sampled.
        baseline, candidate: later events of both; all but the parameters of the step in question are passed over.
    """
    wanted = {step for kind, step in found.possibly if kind == "param"}
    if not wanted:
        return found
    left, right = (
        {event.name: event for event in events if event.kind == Kind.PARAM and event.step in wanted and event.dtype}
        for events in (baseline, candidate)
    )
    if not left or not right:
        return found
    differ = next((name for name in left if name in right and left[name].value != right[name].value), None)
    if differ is None:
        if left.keys() != right.keys():
            return found
        return dataclasses.replace(found, possibly=(), note="", sampled_before=max(wanted))
    first, other = left[differ], right[differ]
    grad = tuple(pair for pair in found.possibly if pair[0] == "grad")
    note = f"Seen at the end of the run; before that, {found.kind} of step {found.step} showed it."
    if grad:
        note += f" grad was not sampled at step {first.step}: the difference may have begun there."
    return dataclasses.replace(
        found,
        step=first.step,
        kind="param",
        name=first.name,
        dtype=first.dtype,
        shape=first.shape,
        baseline_value=first.value,
        candidate_value=other.value,
        possibly=grad,
        note=note,
        raw=False,
        evaluation=False,
    )


def is_joint(event: Event) -> bool:
    """True for one fingerprint of several tensors, which another schedule has one by one or not at all."""
    return event.dtype is None and event.shape is None


def _form(event: Event) -> str:
    return f"{event.dtype or 'a value'}{'' if event.shape is None else list(event.shape)}"


def number(event: Event) -> int | float:
    """The float that a RAW event carries, else its fingerprint."""
    scalar = event.number
    return event.value if scalar is None else scalar


def same_form(baseline: Event, candidate: Event) -> bool:
    """True when dtype and shape are the same."""
    return baseline.dtype == candidate.dtype and baseline.shape == candidate.shape


def same_value(baseline: Event, candidate: Event, tolerance: Tolerance | None) -> bool:
    """Bit equality; with a tolerance, RAW numbers by value and fingerprints not at all."""
    raw = baseline.flags & RAW
    if raw != candidate.flags & RAW:
        return False
    if tolerance is None or baseline.value == candidate.value:
        return baseline.value == candidate.value
    return not raw or tolerance.accepts(float(number(baseline)), float(number(candidate)))
