"""When gradients and parameters are fingerprinted: often enough to name a step, seldom enough to cost next to nothing."""

from __future__ import annotations

import math

FIRST = 16
"""The first steps are sampled whole, each tensor for itself."""

BUDGET = 0.004
"""Share of a step's time that sampling may take on average …"""

FLOOR = 4e-6
"""… and the seconds a step that it may take in any case: what a step of a millisecond can spare."""

AROUND = 60e-6
"""Seconds that a sampled step takes besides, because Python then writes its events and not ``steps.c``."""

NONE, JOINT, WHOLE = 0, 1, 2


def always(step: int) -> bool:
    """True for the steps that are sampled tensor by tensor in every run."""
    return step < FIRST or step & (step - 1) == 0


class Schedule:
    """Decides for each step: nothing, one joint fingerprint of all tensors, or one for each.

    Whole: steps 0 to 15 and every power of two. Joint: every multiple of a stride that is chosen once, after the first steps,
    from the measured cost of sampling and the time a step takes. On replay the recorded stride is followed.

    Args:
        recorded: (first step, stride) pairs of the baseline, or empty when recording.
        window: first and last of further steps that are sampled whole.
    """

    def __init__(self, recorded: list[tuple[int, int]], window: tuple[int, int] | None = None) -> None:
        self._recorded = list(recorded)
        self._window = window
        self.stride = 0
        self._from = 0

    def at(self, step: int) -> int:
        """What of grad and param to sample at this step: NONE, JOINT, WHOLE, or in a window JOINT | WHOLE."""
        if always(step):
            return WHOLE
        while self._recorded and self._recorded[0][0] <= step:
            self._from, self.stride = self._recorded.pop(0)
        how = JOINT if self.stride and step >= self._from and step % self.stride == 0 else NONE
        if self._window is not None and self._window[0] <= step <= self._window[1]:
            how |= WHOLE
        return how

    def following(self, step: int) -> tuple[int, int]:
        """(next step that is sampled whole, next at which anything is) from ``step`` on, which is none of the former."""
        whole = 1 << step.bit_length()
        marks = [whole]
        if self.stride:
            marks.append(-(-step // self.stride) * self.stride)
        if self._recorded:
            marks.append(max(step, self._recorded[0][0]))
        if self._window is not None and step <= self._window[1]:
            marks.append(max(step, self._window[0]))
        return whole, min(marks)

    def choose(self, step: int, cost: float, period: float) -> int | None:
        """Chooses the stride after the first steps; None when it is given by a baseline or was chosen before.

        Args:
            step: the first step that the stride applies to.
            cost: seconds that the joint fingerprints of one step take.
            period: seconds that a step takes without the probe.
        """
        if self._recorded or self.stride:
            return None
        self.stride = max(1, math.ceil((cost + AROUND) / max(BUDGET * period, FLOOR)))
        self._from = step
        return self.stride

    def pending(self) -> list[tuple[int, int]]:
        """What a baseline's schedule still has to come."""
        return self._recorded
