"""Why two runs differ: what went in, the first differing event, the ranked causes, what came out."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..errors import ReenactError
from ..record.schema import Manifest, Trace
from ..record.trace import TraceReader
from ..store.project import Store
from .causes import Context, rank
from .changes import diff_manifests
from .compare import Difference, Tolerance, first_difference
from .difference import when
from .outputs import compare_outputs
from .prepare import Progress
from .runs import alone, journal_events, total_steps
from .zoom import cost, is_joint, named, zoom

ZOOM_SECONDS = 60.0
"""How long looking closer may take without being asked for."""


def diff(
    store: Store,
    a: str,
    b: str,
    *,
    tolerance: Tolerance | None = None,
    ignore: Sequence[str] = (),
    closer: bool | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare any two sealed runs.

    Args:
        closer: replay both runs where the first difference may lie in steps that were not sampled; None does so when it
            takes no more than `ZOOM_SECONDS` and `progress` is given.

    Returns:
        ``{a, b, inputs: [{kind, name, a, b, detail, bits}], first_difference, causes, outputs, steps}``: plain JSON data.

    Raises:
        ReenactError: one of them is not there or not sealed.
    """
    left, right = store.manifest(a), store.manifest(b)
    first, second = _comparable(left), _comparable(right)
    _pair_folders(first, second)
    changes = diff_manifests(first, second, lambda digest: store.blobs.path(digest).read_bytes())
    difference = _first(store, left, right, tolerance)
    if difference is not None and progress is not None and closer is not False and _is_vague(difference):
        difference = _closer(store, left, right, difference, closer is True, progress)
    outputs = compare_outputs(
        first["outputs"], second["outputs"], store.blobs.path, store.blobs.path, tuple(ignore), tolerance
    )
    causes = []
    if difference is not None or not all(output.equal for output in outputs):
        context = Context(
            difference=difference,
            changes=tuple(changes),
            a=first,
            b=second,
            events_a=journal_events(store.run_dir(a)),
            events_b=journal_events(store.run_dir(b)),
            outputs=tuple(outputs),
        )
        causes = [cause.to_dict() for cause in rank(context)]
    return {
        "a": a,
        "b": b,
        "inputs": [change.to_dict() for change in changes],
        "first_difference": with_distance(difference),
        "causes": causes,
        "outputs": [output.to_dict() for output in outputs],
        "steps": {"a": total_steps(left), "b": total_steps(right)},
        "same_recipe": left.recipe == right.recipe,
        "same_result": left.result == right.result,
    }


def _comparable(manifest: Manifest) -> dict[str, Any]:
    """The manifest as plain data, with the processes of a trial called as if it had been run by itself."""
    data: dict[str, Any] = msgspec.to_builtins(manifest)
    for found in (data["entropy"]["seeds"], data["hazards"], data["processes"]):
        for one in found:
            one["process"] = alone(manifest, one["process"])
    return data


def _pair_folders(first: dict[str, Any], second: dict[str, Any]) -> None:
    """What two Hydra jobs wrote into the folder that each was given is called alike, after the first's."""
    folders = []
    for side in (first, second):
        found = [config["output_dir"] for config in side["configs"] if config["kind"] == "job"]
        if len(found) != 1 or not found[0] or found[0] == ".":
            return
        folders.append(found[0].rstrip("/") + "/")
    for output in second["outputs"]:
        if output["path"].startswith(folders[1]):
            output["path"] = folders[0] + output["path"][len(folders[1]) :]


def _closer(
    store: Store, left: Manifest, right: Manifest, difference: Difference, asked: bool, progress: Progress
) -> Difference:
    seconds = cost([left, right], difference)
    if not asked and seconds > ZOOM_SECONDS:
        progress.message(f"--closer would replay both runs to name the event, about {seconds:.0f} s")
        return difference
    try:
        return zoom(store, left.run, right.run, difference, progress)
    except ReenactError as problem:
        progress.message(f"cannot look closer: {problem.what}")
        return difference


def _first(store: Store, left: Manifest, right: Manifest, tolerance: Tolerance | None) -> Difference | None:
    """The earliest difference over all processes; a process that only one run has counts from its beginning."""
    traces = {alone(left, trace.process): trace for trace in left.traces}
    others = {alone(right, trace.process): trace for trace in right.traces}
    ended_left, ended_right = _ended(left), _ended(right)
    found = []
    for process in sorted(traces.keys() | others.keys()):
        trace, other = traces.get(process), others.get(process)
        difference = first_difference(
            _reader(store.run_dir(left.run), trace),
            _reader(store.run_dir(right.run), other),
            process=process,
            rank=(trace or other or _none).rank or 0,
            tolerance=tolerance,
            baseline_complete=ended_left.get(process, True),
            candidate_complete=ended_right.get(process, True),
        )
        if difference is not None and is_joint(difference) and trace is not None and other is not None:
            difference = named(
                difference, _reader(store.run_dir(left.run), trace), _reader(store.run_dir(right.run), other)
            )
        if difference is not None:
            found.append(difference)
    return min(found, key=when, default=None)


def _is_vague(difference: Difference) -> bool:
    return bool(difference.possibly) or is_joint(difference)


_none = Trace(process="", rank=None, path="", digest="", events=0, steps=0, core="")


def _reader(run_dir: Path, trace: Trace | None) -> Any:
    return TraceReader(run_dir / trace.path) if trace is not None else ()


def _ended(manifest: Manifest) -> dict[str, bool]:
    return {alone(manifest, process.process): process.complete for process in manifest.processes}


def with_distance(difference: Difference | None) -> dict[str, Any] | None:
    """A difference as plain data, with the distance in units in the last place where both values are at hand."""
    if difference is None:
        return None
    data = difference.to_dict()
    a, b = difference.baseline_value, difference.candidate_value
    if difference.raw and isinstance(a, float) and isinstance(b, float):
        data["ulps"] = ulps(a, b, difference.dtype)
    return data


_WIDTHS = {"torch.float64": ("<d", "<q"), "torch.float32": ("<f", "<i"), "torch.float16": ("<e", "<h")}


def ulps(a: float, b: float, dtype: str | None) -> int | None:
    """Distance of two floats in units in the last place of their dtype; None for NaN or a dtype without a format here."""
    if dtype not in _WIDTHS or a != a or b != b:
        return None
    as_float, as_int = _WIDTHS[dtype]
    bits = []
    for number in (a, b):
        whole = struct.unpack(as_int, struct.pack(as_float, number))[0]
        bits.append(whole if whole >= 0 else -(whole & ((1 << (struct.calcsize(as_int) * 8 - 1)) - 1)))
    return abs(bits[0] - bits[1])
