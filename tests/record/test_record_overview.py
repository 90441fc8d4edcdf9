"""Metrics made small enough to draw while they are read, whatever their size."""

from __future__ import annotations

import json
import math
import os
import random
from pathlib import Path

import pytest

from reenact.probe.metrics import RECORD
from reenact.record import seriesfiles
from reenact.record.condensed import BLOCK, RAW
from reenact.record.points import by_name, read_chunks, summaries
from reenact.record.series import Follower, Whole, downsample, overview, read

COUNT = 20_000


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(seriesfiles, "LARGE_TO_DRAW", 1000)
    folder = tmp_path / "20260101-000000-aaaa"
    (folder / "metrics").mkdir(parents=True)
    return folder


def write_points(run: Path, values: dict[str, list[float]], start: int = 0) -> None:
    names = list(values)
    (run / "metrics" / "rank0.names").write_text(
        "".join(f"[{n}, {json.dumps(name)}]\n" for n, name in enumerate(names, 1))
    )
    with open(run / "metrics" / "rank0.points", "ab") as file:
        for step in range(max(map(len, values.values()))):
            for number, name in enumerate(names, 1):
                if step < len(values[name]):
                    file.write(RECORD.pack(number, start + step, values[name][step], step * 0.5))


def some(seed: int, count: int = COUNT) -> list[float]:
    draw = random.Random(seed)
    return [draw.uniform(0.1, 2.0) for _ in range(count)]


def test_of_few_points_it_is_exact(run: Path, tmp_path: Path) -> None:
    write_points(run, {"loss": some(0, RAW - 1), "acc": some(1, 10)})
    whole = read(run)
    found = overview(run, "loss", 100, tmp_path / "cache")
    assert found is not None and found.whole == Whole(RAW - 1, 0, 0)
    assert list(found.values) == list(downsample(whole["loss"], 100).values)
    assert overview(run, "acc", 100).values == whole["acc"].values  # type: ignore[union-attr]
    assert overview(run, "none", 100) is None


@pytest.mark.parametrize("kind", ["points", "jsonl"])
def test_what_must_not_be_lost_is_there(run: Path, tmp_path: Path, kind: str) -> None:
    values = some(0)
    values[7_777], values[12_345], values[15_000], values[3] = 9.5, -4.5, math.nan, math.inf
    if kind == "points":
        write_points(run, {"loss": values, "acc": some(1)})
    else:  # without steps: a point's step is its place
        lines = (
            json.dumps({"n": name, "v": value})
            for pair in zip(values, some(1))
            for name, value in zip(("loss", "acc"), pair)
        )
        (run / "metrics" / "rank0.jsonl").write_text("".join(f"{line}\n" for line in lines))
    cache = tmp_path / "cache"
    first = overview(run, "loss", 1000, cache)
    assert first is not None and len(first) <= 1000
    assert first.whole == Whole(COUNT, 2, 1)
    shown = dict(zip(first.steps, first.values))
    assert (shown[0], shown[COUNT - 1]) == (values[0], values[-1])
    assert (shown[7_777], shown[12_345], shown[3]) == (9.5, -4.5, math.inf) and math.isnan(shown[15_000])
    assert all(repr(values[step]) == repr(value) for step, value in shown.items())
    assert list(first.steps) == sorted(first.steps)
    # The second time nothing of the file is read but its ends.
    kept = next((cache / run.name).glob("*.overview"))
    assert repr(overview(run, "loss", 1000, cache)) == repr(first)
    kept.write_bytes(kept.read_bytes()[: kept.stat().st_size // 2])
    assert repr(overview(run, "loss", 1000, cache)) == repr(first)
    assert overview(run, "acc", 1000, cache).whole == Whole(COUNT, 0, 0)  # type: ignore[union-attr]


def test_one_that_grows(run: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    values = some(0)
    write_points(run, {"loss": values[:5000]})
    live = Follower(run, None, cache, condensed=True)
    overview(run, "loss", 200, cache, live)
    for start in range(5000, COUNT, 1000):
        write_points(run, {"loss": values[start : start + 1000]}, start)
        found = overview(run, "loss", 200, cache, live)
        # Of one that is being written, the last point may be half there.
        assert found is not None and found.whole is not None and start + 999 <= found.whole.count <= start + 1000
    again = overview(run, "loss", 200, cache)
    assert again is not None and again.whole == Whole(COUNT, 0, 0)
    assert (min(again.values), max(again.values)) == (min(values), max(values))
    assert again.steps[-1] == COUNT - 1


def test_a_file_that_is_another_now(run: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    write_points(run, {"loss": some(0)})
    overview(run, "loss", 200, cache)
    os.unlink(run / "metrics" / "rank0.points")
    write_points(run, {"loss": [1.0] * COUNT})
    found = overview(run, "loss", 200, cache)
    assert found is not None and set(found.values) == {1.0}


@pytest.mark.parametrize(
    "numbers",
    [[1, 2, 3] * 50, [1] * 100, [1, 2, 2, 3] * 25, [1, 2, 3, 1, 2], [1, 0, 2] * 9, list(range(1, 40)), [3, 1, 2, 1, 3]],
)
def test_points_are_sorted_by_name(run: Path, numbers: list[int]) -> None:
    path = run / "metrics" / "rank0.points"
    path.write_bytes(b"".join(RECORD.pack(number, at, at * 1.5, at * 0.5) for at, number in enumerate(numbers)))
    chunk = next(read_chunks(path))
    for stop in (len(numbers), len(numbers) - 1):
        found = by_name(chunk, stop, set(numbers) - {0, 2})
        expected = {
            number: [(at, at * 1.5, at * 0.5) for at in range(stop) if numbers[at] == number]
            for number in set(numbers[:stop]) - {0, 2}
        }
        assert {number: list(zip(*columns)) for number, columns in found.items()} == expected


def test_summaries_of_points(run: Path) -> None:
    write_points(run, {"a": [3.0, 1.0, 2.0], "b": [math.nan, 5.0]})
    found = summaries(run / "metrics" / "rank0.points")
    assert (found["a"].first, found["a"].last, found["a"].min, found["a"].max, found["a"].count) == (
        3.0,
        2.0,
        1.0,
        3.0,
        3,
    )
    assert (found["b"].min, found["b"].last) == (5.0, 5.0)
    assert BLOCK < RAW
