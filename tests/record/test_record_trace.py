from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest
from runfolder import RunFolder

from reenact.errors import ReenactError
from reenact.probe import traceformat
from reenact.probe.traceformat import float_bits
from reenact.record.trace import NOGRAD, RAW, Kind, TraceReader, TraceTail
from reenact.record.traces import summarise


def _steps(count: int, stride: int = 1) -> list[tuple[int, int, int, int, int]]:
    events = [(Kind.INIT, 0, 0, -1, 2**64 - 1)]
    for step in range(count):
        events.append((Kind.BATCH, 0, 1, step, step * 7))
        events.append((Kind.LOSS, RAW, 2, step, float_bits(1.0 / (step + 1))))
        if traceformat.always_sampled(step) or step % stride == 0:
            events.append((Kind.GRAD, 0, 3, step, step * 11))
    events.append((Kind.OUT, NOGRAD, 1, count, 5))  # an evaluation after the last step
    return events


NAMES = ["weight", "x", "loss", "weight.grad"]


def test_the_kinds_are_those_of_the_format() -> None:
    assert {kind.name.lower(): int(kind) for kind in Kind} == traceformat.KINDS
    assert traceformat.RECORD.size == 16


def test_reading(run: RunFolder) -> None:
    path = run.trace(_steps(5), NAMES)
    reader = TraceReader(path)
    events = list(reader)
    assert len(reader) == len(events) == 5 * 3 + 2
    assert reader.steps == 5
    first, loss = events[0], events[2]
    assert (first.index, first.kind, first.kind_name, first.name, first.step) == (0, Kind.INIT, "init", "weight", -1)
    assert first.value == 2**64 - 1 and first.number is None
    assert (loss.name, loss.dtype, loss.shape, loss.number) == ("loss", "float32", (2, 3), 1.0)
    assert reader.losses() == [(step, 1.0 / (step + 1)) for step in range(5)]


def test_a_torn_record_and_an_unnamed_event(run: RunFolder) -> None:
    path = run.trace([(Kind.BATCH, 0, traceformat.NO_NAME, 0, 1), (99, 0, 0, 0, 2)], ["x"])
    with open(path, "ab") as file:
        file.write(b"\x01" * 15)
    events = list(TraceReader(path))
    assert [(event.name, event.kind_name) for event in events] == [("?", "batch"), ("x", "99")]


def test_not_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "rank0.trace"
    path.write_bytes(b"something else")
    with pytest.raises(ReenactError) as caught:
        TraceReader(path)
    assert caught.value.slug == "corrupt-trace" and caught.value.exit_code == 3
    with pytest.raises(ReenactError):
        TraceTail(path).poll()
    path.write_bytes(traceformat.MAGIC[:3])
    assert list(TraceReader(path)) == [] and TraceTail(path).poll() == []


def test_a_tail_sees_what_a_reader_sees(run: RunFolder, tmp_path: Path) -> None:
    path = run.trace(_steps(4), NAMES)
    data = path.read_bytes()
    grown = tmp_path / "rank0.trace"
    tail = TraceTail(grown)
    assert tail.poll() == []
    (tmp_path / "rank0.names.jsonl").write_bytes(path.with_name("rank0.names.jsonl").read_bytes())
    seen = []
    for size in range(0, len(data) + 7, 7):
        grown.write_bytes(data[:size])
        seen += tail.poll()
    assert seen == list(TraceReader(path))


def test_summary_of_a_trace(run: RunFolder) -> None:
    path = run.trace(_steps(40), NAMES)
    found = summarise(run.folder, path, [{"from": 16, "stride": 3}], None)
    assert (found.trace.path, found.trace.rank, found.trace.steps) == ("trace/rank0.trace", 0, 40)
    assert found.trace.schedule[0].stride == 3
    assert (found.metrics["loss"].count, found.metrics["loss"].first, found.metrics["loss"].last) == (40, 1.0, 1 / 40)


def test_core_does_not_depend_on_the_stride_but_on_everything_else(run: RunFolder, tmp_path: Path) -> None:
    def core(events: list[tuple[int, int, int, int, int]], process: str) -> str:
        return summarise(run.folder, run.trace(events, NAMES, process), [], None).trace.core

    every, seldom = core(_steps(40, 1), "rank0"), core(_steps(40, 9), "rank1")
    assert every == seldom
    for index in (0, 1, 2, 3, -1):
        events = _steps(40, 9)
        kind, flags, name, step, value = events[index]
        events[index] = (kind, flags, name, step, value ^ 1)
        assert core(events, f"rank{index + 10}") != every


def test_core_does_not_depend_on_when_a_name_is_sampled_first(run: RunFolder) -> None:
    """A batch of another shape comes at step 20, a weight of late at step 17, 21 or not at all, as the machine's pace has it."""

    def core(at: int | None, other: int, process: str) -> str:
        late, odd = (3, 4) if at is not None and at < 20 else (4, 3)
        names = ["weight", "x", "loss", *(["late", "odd"] if late == 3 else ["odd", "late"])][: 4 if at is None else 5]
        events = []
        for step in range(40):
            if step == at:
                events.append((int(Kind.PARAM), 0, late, step, 7))
            events.append((int(Kind.BATCH), 0, odd if step >= 20 else 1, step, other if step == 30 else step))
        return summarise(run.folder, run.trace(events, names, process), [], None).trace.core

    first = core(17, 1, "rank0")
    assert first == core(21, 1, "rank1") == core(None, 1, "rank2")
    assert first != core(17, 2, "rank3") and core(21, 2, "rank4") == core(17, 2, "rank5")


def test_losses_with_nan_and_several_names(run: RunFolder) -> None:
    values = [math.nan, 3.0, -1.0, math.nan]
    events = [(Kind.LOSS, RAW, i % 2, i, float_bits(v)) for i, v in enumerate(values)]
    metrics = summarise(run.folder, run.trace(events, ["d_loss", "g_loss"]), [], None).metrics
    assert set(metrics) == {"loss", "g_loss"}
    loss = metrics["loss"]
    assert math.isnan(loss.first) and (loss.last, loss.min, loss.max, loss.count) == (-1.0, -1.0, -1.0, 2)
    assert math.isnan(metrics["g_loss"].last) and metrics["g_loss"].min == 3.0


def test_float_bits_keep_every_bit() -> None:
    for number in (0.0, -0.0, math.inf, 1e-320, math.pi):
        assert struct.pack("<d", traceformat.bits_float(float_bits(number))) == struct.pack("<d", number)
