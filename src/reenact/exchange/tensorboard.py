"""Runs out of TensorBoard's event files: a folder of them is a run. Read by TensorBoard's own reader."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..mirror.tensorboard import need_tensorboard
from .writer import Foreign, Point, nothing


def runs(folder: Path) -> Iterator[Foreign]:
    """Each folder below with event files in it.

    Raises:
        ReenactError: ``nothing-to-import``; ``no-tensorboard`` (exit code 4).
    """
    need_tensorboard()
    files = sorted(folder.rglob("*tfevents*"))
    places = sorted({path.parent for path in files})
    if not places:
        raise nothing("event file of TensorBoard", str(folder), "a folder with *tfevents* files below it")
    for place in places:
        run = _run(place, folder)
        if run is not None:
            yield run


def _run(place: Path, root: Path) -> Foreign | None:
    times: list[float] = []
    params: dict[str, Any] = {}
    points: list[tuple[str, int, float, float]] = []
    for path in sorted(place.glob("*tfevents*")):
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
