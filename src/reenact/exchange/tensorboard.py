"""Runs out of TensorBoard's event files: a folder of them is a run. Read by TensorBoard's own reader."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..mirror.tensorboard import need_tensorboard
from .own import Own
from .writer import Foreign, Point, nothing


def runs(folder: Path, own: Own) -> Iterator[Foreign]:
    """Each folder below with event files in it; files of runs recorded here are left out.

    Raises:
        ReenactError: ``nothing-to-import``; ``no-tensorboard`` (exit code 4).
    """
    need_tensorboard()
    places: dict[Path, list[Path]] = {}
    for path in sorted(path for path in own.files(folder) if "tfevents" in path.name):
        places.setdefault(path.parent, []).append(path)
    if not places:
        raise nothing("event file of TensorBoard", str(folder), "a folder with *tfevents* files below it")
    for place, files in sorted(places.items()):
        theirs = [path for path in files if not own.recorded(path)]
        run = _run(place, theirs, folder) if theirs else None
        if run is not None:
            yield run
        elif not theirs:
            own.left_out += 1


def _run(place: Path, files: list[Path], root: Path) -> Foreign | None:
    times: list[float] = []
    params: dict[str, Any] = {}
    points: list[tuple[str, int, float, float]] = []
    for path in files:
        for event in _events(path):
            times.append(event.wall_time)
            if event.HasField("summary"):
                for value in event.summary.value:
                    scalar = _scalar(value)
                    if scalar is not None:
                        points.append((value.tag, event.step, scalar, event.wall_time))
                    elif value.metadata.plugin_data.plugin_name == "hparams":
                        params.update(_hparams(value.metadata.plugin_data.content))
    if not points and not params:
        return None
    began = min(times)
    inside = os.path.relpath(place, root)
    return Foreign(
        source="tensorboard",
        id=str(place.resolve()),
        place=str(place),
        started=datetime.fromtimestamp(began, timezone.utc),
        ended=datetime.fromtimestamp(max(times), timezone.utc),
        name=place.name if inside == "." else inside,
        experiment=root.resolve().name,
        params=params,
        points=(Point(tag, step, value, time - began) for tag, step, value, time in points),
    )


def _events(path: Path) -> Iterator[Any]:
    """The events of a file; one that was cut off ends there."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    try:
        yield from LegacyEventFileLoader(str(path)).Load()
    except Exception:  # what its readers raise for a damaged file depends on the version
        return


def _scalar(value: Any) -> float | None:
    """The number of a scalar summary, of the old kind (``simple_value``) or of the new one (a tensor)."""
    if value.HasField("simple_value"):
        return float(value.simple_value)
    if value.HasField("tensor") and value.metadata.plugin_data.plugin_name == "scalars":
        from tensorboard.util import tensor_util

        return float(tensor_util.make_ndarray(value.tensor))
    return None


def _hparams(content: bytes) -> dict[str, Any]:
    from tensorboard.plugins.hparams import plugin_data_pb2

    try:
        data = plugin_data_pb2.HParamsPluginData.FromString(content)
    except Exception:  # protobuf's own error, which lies elsewhere in every version
        return {}
    found: dict[str, Any] = {}
    for name, value in data.session_start_info.hparams.items():
        kind = value.WhichOneof("kind")
        if kind in ("number_value", "string_value", "bool_value"):
            found[name] = getattr(value, kind)
    return found
