"""Looking closer: both runs are replayed, and sampled tensor by tensor where they were not when they were recorded.

Only grad and param are sampled with a stride; so when two runs are first seen to differ right after steps that were not
sampled, the difference may have begun there. Replays that reproduce their baselines up to that point show where.
"""

from __future__ import annotations

import dataclasses

from ..record.schema import Manifest
from ..record.trace import Event, TraceReader
from ..store.project import Store
from .again import replay
from .compare import first_difference
from .difference import Difference
from .prepare import Options, Progress
from .runs import alone


def cost(manifests: list[Manifest], difference: Difference) -> float:
    """Seconds that looking closer may take: what the runs took up to there."""
    total = 0.0
    for manifest in manifests:
        steps = max((trace.steps for trace in manifest.traces), default=0)
        total += (manifest.resources.wall or 0.0) * min(1.0, (difference.step + 2) / max(steps, 1))
    return total


def zoom(store: Store, a: str, b: str, difference: Difference, progress: Progress) -> Difference:
    """The first difference as replays of both runs show it.

    Returns:
        A difference in ``grad``, ``param`` or ``out`` with its exact step and tensor; the one given, with a note, where a
        replay does not reproduce its baseline.

    Raises:
        ReenactError: one of the runs cannot be replayed.
    """
    first = min([step for _, step in difference.possibly] + [difference.step])
    window = (max(first - 1, 0), difference.step)
    progress.message(f"looking closer at steps {window[0]} to {window[1]}: both runs are replayed up to there")
    readers = []
    for run in (a, b):
        replayed = replay(store, run, Options(stop=True), progress, window)
        if replayed.difference is not None:
            note = f"a replay of {run} did not reproduce it, so it could not be looked at closer"
            return dataclasses.replace(difference, note=f"{difference.note} {note}".strip())
        candidate = replayed.candidate
        folder = store.run_dir(candidate.run)
        trace = next((one for one in candidate.traces if alone(candidate, one.process) == difference.process), None)
        if trace is None:
            return difference
        readers.append(TraceReader(folder / trace.path))
    found = first_difference(
        *readers,
        process=difference.process,
        rank=difference.rank,
        baseline_complete=False,
        candidate_complete=False,
    )
    if found is None or found.step > difference.step:
        return difference
    if is_joint(found):
        found = named(found, *readers)
    return dataclasses.replace(found, note=f"{found.note} found by replaying both runs".strip())


def is_joint(difference: Difference) -> bool:
    """True where the gradients or parameters of a step differ as a whole, and no tensor is named."""
    return difference.kind in ("grad", "param") and difference.dtype is None


def named(difference: Difference, left: TraceReader, right: TraceReader) -> Difference:
    """The first tensor that differs in that step, where the last step was sampled tensor by tensor too."""

    def single(reader: TraceReader) -> dict[str, Event]:
        same = (one for one in reader if one.step == difference.step and one.kind_name == difference.kind)
        return {one.name: one for one in same if one.dtype is not None}

    others = single(right)
    for name, one in single(left).items():
        other = others.get(name)
        if other is not None and other.value != one.value:
            return dataclasses.replace(
                difference,
                name=name,
                dtype=one.dtype,
                shape=one.shape,
                baseline_value=one.value,
                candidate_value=other.value,
            )
    return difference
