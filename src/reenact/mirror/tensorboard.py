"""Runs as TensorBoard's event files: scalars, images, histograms, texts, sounds, and the params as hparams, by its own writer."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import EXIT_MISSING, ReenactError
from ..record import layout
from ..record.media import MediaFollower
from ..record.schema import load_manifest, load_start
from ..record.series import Follower
from .tensorboard_media import shown

_STATE = "reenact.json"
"""Beside the event files of a run: how many points of each metric are in them, and how many of each name of media."""


def need_tensorboard() -> None:
    """Say what to install where TensorBoard is missing.

    Raises:
        ReenactError: ``no-tensorboard`` (exit code 4).
    """
    from importlib.util import find_spec

    if find_spec("tensorboard") is None:
        raise ReenactError(
            "no-tensorboard",
            "TensorBoard is not installed beside reenact",
            fix='pip install "reenact[tensorboard]"',
            exit_code=EXIT_MISSING,
        )


class Board:
    """The event files of some runs, which are written on as the runs go on.

    Args:
        folder: where TensorBoard looks: a folder for each run is made in it.
        cache: where what was read of large metrics is kept; see `Follower`.
    """

    def __init__(self, folder: Path, cache: Path | None) -> None:
        need_tensorboard()
        self.folder = folder
        self._cache = cache
        self._runs: dict[str, _Run] = {}

    def add(self, run_dir: Path, name: str | None = None) -> None:
        """Have a run shown, under its id and its name."""
        if run_dir.name not in self._runs:
            shown = re.sub(r"[^\w.=@+ -]+", "-", f"{run_dir.name} {name}" if name else run_dir.name)
            self._runs[run_dir.name] = _Run(run_dir, self.folder / shown, self._cache)

    def update(self) -> int:
        """Write what is new of all runs; how many points that were."""
        return sum(run.update() for run in self._runs.values())

    def close(self) -> None:
        """Close the files."""
        for run in self._runs.values():
            run.close()


class _Run:
    def __init__(self, run_dir: Path, folder: Path, cache: Path | None) -> None:
        self._run_dir = run_dir
        self._folder = folder
        self._follower = Follower(run_dir, None, cache)
        self._writer: Any = None
        self._media = MediaFollower(run_dir)
        self._seen: dict[str, int] = {}
        self._state = _state(folder)
        self._done = self._state["points"]
        self._over = False
        self._began = _seconds(load_start(run_dir / layout.START).started)

    def update(self) -> int:
        if self._over:
            return 0
        sealed = (self._run_dir / layout.MANIFEST).exists()
        self._follower.poll()
        if sealed:
            self._follower.finish()
        count = 0
        for name, series in self._follower.series().items():
            start = self._done.get(name, 0)
            for at in range(start, len(series)):
                time = series.times[at] if series.times is not None else math.nan
                self._scalar(name, series.steps[at], series.values[at], self._began + (0.0 if time != time else time))
            count += len(series) - start
            self._done[name] = len(series)
        count += self._rich(sealed)
        if sealed:
            self._params()
        if self._writer is not None and (count or sealed):
            self._writer.flush()
            (self._folder / _STATE).write_text(json.dumps(self._state))
        if sealed:
            self.close()
            self._over = True
        return count

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _open(self) -> Any:
        if self._writer is None:
            from tensorboard.summary.writer.event_file_writer import EventFileWriter

            self._folder.mkdir(parents=True, exist_ok=True)
            self._writer = EventFileWriter(str(self._folder))
        return self._writer

    def _scalar(self, name: str, step: int, value: float, wall_time: float) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
        self._open().add_event(Event(wall_time=wall_time, step=step, summary=summary))

    def _rich(self, sealed: bool) -> int:
        """What is new of the media; how many that were."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        found = self._media.poll() + (self._media.finish() if sealed else [])
        before, seen, count = self._state["media"], self._seen, 0
        for one in found:
            seen[one.name] = seen.get(one.name, 0) + 1
            if seen[one.name] <= before.get(one.name, 0):
                continue  # it is in the files of an earlier time
            before[one.name] = seen[one.name]
            try:
                value = shown(one)
            except (OSError, ValueError, TypeError):  # a file that went, numbers that are none
                continue
            if value is not None:
                time = self._began + (one.time or 0.0)
                self._open().add_event(Event(wall_time=time, step=one.step, summary=Summary(value=[value])))
                count += 1
        return count

    def _params(self) -> None:
        """The params, for TensorBoard's table of hparams; only once the run is sealed are all of them known."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb

        params = load_manifest(self._run_dir / layout.MANIFEST).params
        values = {name: _plain(value) for name, value in params.items()}
        if values and not self._state["params"]:
            pb = hparams_pb(values, trial_id=self._run_dir.name)
            self._open().add_event(Event(wall_time=self._began, summary=pb))
            self._state["params"] = {"": 1}


def _state(folder: Path) -> dict[str, dict[str, int]]:
    """What is in the event files of an earlier time; a folder that does not say so is begun anew."""
    try:
        found = json.loads((folder / _STATE).read_text())
        return {
            kind: {str(name): int(count) for name, count in found[kind].items()}
            for kind in ("points", "media", "params")
        }
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        shutil.rmtree(folder, ignore_errors=True)
        return {"points": {}, "media": {}, "params": {}}


def _plain(value: Any) -> bool | float | str:
    if isinstance(value, bool) or (isinstance(value, (int, float)) and abs(value) < 1e300):
        return value
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _seconds(time: str) -> float:
    try:
        return datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return 0.0


def command(python: str, folder: Path, host: str, port: int) -> list[str]:
    """The words that start TensorBoard on a folder."""
    return [
        python,
        "-m",
        "tensorboard.main",
        "--logdir",
        str(folder),
        "--host",
        host,
        "--port",
        str(port),
        "--reload_interval",
        "2",
    ]


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Variables for TensorBoard: it is to be quiet about TensorFlow, which it does not need."""
    return {
        **env,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "GRPC_VERBOSITY": "ERROR",
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore"),
    }
