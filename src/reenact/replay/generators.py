"""Random generators in two traces: which differ from the start on, and which were drawn from.

Every program that imports torch has a generator in ``random`` whose start state differs from run to run, and most never
draw from it. Such a state is held back: it is a difference once the generator moves, or once it stops being equal.
"""

from __future__ import annotations

import dataclasses

from ..record.trace import Event, Kind


@dataclasses.dataclass
class _State:
    baseline: int | None = None
    candidate: int | None = None
    held: tuple[Event, Event] | None = None
    equal: bool = False
    drawn: bool = False
    seen: int = 0


class Generators:
    """Follows the rng events of both runs by the generator's name."""

    def __init__(self) -> None:
        self._states: dict[str, _State] = {}

    def pair(self, baseline: Event, candidate: Event) -> tuple[Event, Event] | None:
        """Look at two rng events that belong together; the pair to report as a difference, or None."""
        state = self._states.setdefault(baseline.name, _State())
        self._moved(state, baseline, candidate)
        if baseline.value == candidate.value:
            state.equal, state.held = True, None
            return None
        if state.held is None:
            if state.equal:
                return baseline, candidate
            state.held = (baseline, candidate)
        return state.held if state.drawn else None

    def alone(self, event: Event, candidate: bool = False) -> None:
        """Look at an event of one run only: it may show that a generator was drawn from."""
        if event.kind != Kind.RNG:
            return
        state = self._states.setdefault(event.name, _State())
        self._moved(state, *((None, event) if candidate else (event, None)))

    def differing(self) -> tuple[tuple[str, bool | None], ...]:
        """Generators whose states differ from the start on: name, and whether it was drawn from (None: not known)."""
        return tuple(
            (name, True if state.drawn else (False if state.seen > 1 else None))
            for name, state in self._states.items()
            if state.held is not None
        )

    @staticmethod
    def _moved(state: _State, baseline: Event | None, candidate: Event | None) -> None:
        if baseline is not None:
            state.drawn = state.drawn or state.baseline not in (None, baseline.value)
            state.baseline = baseline.value
        if candidate is not None:
            state.drawn = state.drawn or state.candidate not in (None, candidate.value)
            state.candidate = candidate.value
        state.seen += 1
