"""What a manifest tells of a trace, in one pass over it: counts, digests, and the losses as metrics."""

from __future__ import annotations

import hashlib
import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..probe.traceformat import RECORD, always_sampled, bits_float
from .metriclines import Columns, LineParser, whole_lines
from .schema import Gap, Metric, Schedule, Trace
from .trace import RAW, Kind, TraceReader, names_path

_RANK = re.compile(r"rank(\d+)(?:~\d+)?")  # ~2: a second process of that rank, such as a script below its launcher
_SAMPLED = (int(Kind.GRAD), int(Kind.PARAM))
_LOSS = int(Kind.LOSS)
_RNG = int(Kind.RNG)


@dataclass
class Summary:
    """Running minimum, maximum, first, last and count of a metric; NaN and infinities count, but are no minimum or maximum."""

    first: float = math.nan
    last: float = math.nan
    low: float = math.inf
    high: float = -math.inf
    count: int = 0

    def add(self, value: float) -> None:
        """Take in the next value."""
        if self.count == 0:
            self.first = value
        self.last = value
        self.count += 1
        if value < self.low and value > -math.inf:
            self.low = value
        if value > self.high and value < math.inf:
            self.high = value

    def metric(self) -> Metric:
        """The summary as the manifest has it; minimum and maximum are None when no value was finite."""
        seen = self.low <= self.high
        return Metric(self.last, self.low if seen else None, self.high if seen else None, self.count, self.first)


@dataclass
class TraceSummary:
    """A trace's entry in the manifest, and the losses that it holds."""

    trace: Trace
    metrics: dict[str, Metric] = field(default_factory=dict)


def rank_of(process: str) -> int | None:
    """3 of ``rank3`` and ``rank3~2``; None for a process of no rank, such as a child."""
    match = _RANK.fullmatch(process)
    return int(match[1]) if match else None


def summarise(run_dir: str | os.PathLike[str], path: Path, schedules: list[Any], steps: int | None) -> TraceSummary:
    """Read one trace.

    Args:
        run_dir: the run folder, which the entry's path is relative to.
        path: the ``.trace`` file.
        schedules: the schedule events of the same process.
        steps: what its end event said; counted from the trace when None or 0.

    Raises:
        ReenactError: ``corrupt-trace``.
    """
    reader = TraceReader(path)
    process = path.name.removesuffix(".trace")
    names = reader.names
    idle, order = _core_names(reader)
    rows = _names_bytes(path).splitlines(keepends=True)
    # Names are numbered as they come, and one that is sampled comes when the pace of the machine has it.
    place = {name: at for at, name in enumerate(order)}
    moved = any(name != at for name, at in place.items())
    core = hashlib.sha256(b"".join(rows[name] for name in order if name < len(rows)))
    losses: dict[int, Summary] = {}
    for chunk in reader.chunks():
        kept: list[bytes] = []
        start = 0
        for index, (kind, flags, name, step, value) in enumerate(RECORD.iter_unpack(chunk)):
            left_out = kind in _SAMPLED and not always_sampled(step)
            if left_out or (kind == _RNG and name in idle):
                kept.append(chunk[start : index * RECORD.size])
                start = (index + 1) * RECORD.size
            elif kind == _LOSS and flags & RAW:
                losses.setdefault(name, Summary()).add(bits_float(value))
        for piece in (*kept, chunk[start:]):
            core.update(_renamed(piece, place) if moved else piece)
    trace = Trace(
        process=process,
        rank=rank_of(process),
        path=path.relative_to(run_dir).as_posix(),
        digest=file_digest(path),
        events=len(reader),
        steps=steps or reader.steps,
        core="sha256:" + core.hexdigest(),
        schedule=_schedules(schedules),
    )
    metrics: dict[str, Metric] = {}
    for name, summary in losses.items():
        # The first is the loss; a program with several (a GAN) has the others under their names.
        key = "loss" if not metrics else names[name].name if name < len(names) else f"loss.{len(metrics)}"
        metrics.setdefault(key, summary.metric())
    return TraceSummary(trace, metrics)


def _core_names(reader: TraceReader) -> tuple[set[int], list[int]]:
    """Names of random generators that never moved: where they stood differs from run to run, and made no difference. And the names of
    the events that every sampling schedule has, in the order in which they come.
    """
    first: dict[int, int] = {}
    moving: set[int] = set()
    order: dict[int, None] = {}
    for chunk in reader.chunks():
        for kind, _, name, step, value in RECORD.iter_unpack(chunk):
            if kind == _RNG and first.setdefault(name, value) != value:
                moving.add(name)
            if name not in order and not (kind in _SAMPLED and not always_sampled(step)):
                order[name] = None
    return first.keys() - moving, list(order)


def _renamed(events: bytes, place: dict[int, int]) -> bytes:
    """Events with other numbers of their names."""
    return b"".join(
        RECORD.pack(kind, flags, place[name], step, value)
        for kind, flags, name, step, value in RECORD.iter_unpack(events)
    )


def read_metrics(paths: list[Path], gaps: list[Gap] | None = None) -> dict[str, Metric]:
    """Summaries of the metrics in ``metrics/*.jsonl`` (see `metriclines`), read piece by piece: memory is by names, not by points.

    Of a name in several files the first file's is taken. Lines that are not such are passed over, and told in ``gaps``.
    """
    metrics: dict[str, Metric] = {}
    for path in paths:
        found: dict[str, Summary] = {}
        pending: dict[str, Columns] = {}
        parser = LineParser(lambda name, pending=pending: pending.setdefault(name, Columns()))  # type: ignore[misc]
        try:
            with open(path, "rb") as file:
                for lines, _ in whole_lines(file):
                    if lines.endswith(b"\n"):
                        parser.feed(lines)
                    else:
                        parser.one(lines)
                    for name, columns in pending.items():
                        summary = found.setdefault(name, Summary())
                        for value in columns.values:
                            summary.add(value)
                    pending.clear()
        except OSError:
            continue
        if parser.skipped and gaps is not None:
            gaps.append(
                Gap("metrics-unreadable", f"{path.name}: lines that could not be read: {parser.skipped:,}", path.stem)
            )
        for name, summary in found.items():
            if summary.count:
                metrics.setdefault(name, summary.metric())
    return metrics


def file_digest(path: str | os.PathLike[str]) -> str:
    """sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return "sha256:" + digest.hexdigest()


def _names_bytes(path: Path) -> bytes:
    try:
        return names_path(path).read_bytes()
    except OSError:
        return b""


def _schedules(events: list[Any]) -> list[Schedule]:
    found = []
    for event in events:
        start, stride = event.get("from"), event.get("stride")
        if isinstance(start, int) and isinstance(stride, int):
            found.append(Schedule(start, stride))
    return found
