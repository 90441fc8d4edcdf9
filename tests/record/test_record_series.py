from __future__ import annotations

import json
import math
import os
import random
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runfolder import RunFolder

from reenact.record import series, seriesfiles
from reenact.record.series import Follower, Series, downsample, names, read
from reenact.record.traces import read_metrics
from reenact.store.project import Store

HOSTILE = ["a/b", "../../x", "läuft ✓", 'say "hi"', "two\nlines", "tab\t", "", " ", "n@rank1", "\x1b[31m", "loss.min"]


def lines(run: RunFolder, *rows: Any, process: str = "rank0") -> Path:
    """Append rows; text as it is, other values as JSON."""
    path = run.folder / "metrics" / f"{process}.jsonl"
    with open(path, "a", encoding="utf-8") as file:
        for row in rows:
            file.write((row if isinstance(row, str) else json.dumps(row)) + "\n")
    return path


def points(found: Series) -> list[tuple[int, float]]:
    return list(zip(found.steps, found.values))


def test_both_forms_of_a_line(run: RunFolder) -> None:
    lines(
        run,
        {"n": "acc", "s": 0, "v": 0.5, "t": 1.5},
        {"s": 1, "t": 2.5, "m": {"acc": 0.75, "cpu": 12}},
        {"n": "acc", "s": None, "v": 1, "t": 3.5},
    )
    found = read(run.folder)
    assert points(found["acc"]) == [(0, 0.5), (1, 0.75), (2, 1.0)]
    assert found["acc"].times is not None and list(found["acc"].times) == [1.5, 2.5, 3.5]
    assert points(found["cpu"]) == [(1, 12.0)]
    assert found["acc"].skipped == 0


def test_nan_and_infinities(run: RunFolder) -> None:
    path = lines(run, *({"n": "x", "s": i, "v": v} for i, v in enumerate(["NaN", "Infinity", "-Infinity", 1.0])))
    values = read(run.folder)["x"].values
    assert math.isnan(values[0]) and list(values[1:]) == [math.inf, -math.inf, 1.0]
    assert read(run.folder)["x"].times is None
    summary = read_metrics([path])["x"]
    assert (summary.min, summary.max, summary.count, summary.last) == (1.0, 1.0, 4, 1.0) and math.isnan(summary.first)


@pytest.mark.parametrize(
    "bad",
    [
        "not json",
        '{"n": "acc", "s": 1, "v": "0.5"}',
        '{"n": "acc", "s": 1, "v": "high"}',
        '{"n": "acc", "s": 1, "v": true}',
        '{"n": "acc", "s": 1, "v": null}',
        '{"n": "acc", "s": 1}',
        '{"n": "acc", "s": 1.5, "v": 1}',
        '{"n": "acc", "s": "1", "v": 1}',
        '{"n": "acc", "s": 99999999999999999999, "v": 1}',
        '{"n": "acc", "s": 1, "v": [1]}',
        '{"n": 3, "s": 1, "v": 1}',
        '{"n": "acc", "m": {"acc": 1}, "s": 1}',
        '{"m": [1], "s": 1}',
        '{"m": {"other": "high"}, "s": 1}',
        "[]",
        "{}",
        "3",
        "\x00\x01",
        "[" * 5000,
        '{"n": "acc", "s": 1, "v": 1} {"n": "acc", "s": 1, "v": 1}',
    ],
)
def test_a_line_that_cannot_be_read_is_counted_and_the_others_stay(run: RunFolder, bad: str) -> None:
    path = lines(run, {"n": "acc", "s": 0, "v": 0.5}, bad, {"n": "acc", "s": 2, "v": 0.75})
    found = read(run.folder)["acc"]
    assert points(found) == [(0, 0.5), (2, 0.75)]
    assert found.skipped == 1
    assert read_metrics([path])["acc"].count == 2


def test_nearly_right_lines_are_read(run: RunFolder) -> None:
    lines(run, '{"n": "acc", "s": 3.0, "v": NaN}', '{"s": 4, "m": {"acc": 1, "bad": "x"}}', "", '{"n":"\\udc80","v":1}')
    found = read(run.folder)
    assert [step for step, _ in points(found["acc"])] == [3, 4] and math.isnan(found["acc"].values[0])
    assert points(found["\udc80"]) == [(0, 1.0)]
    assert found["acc"].skipped == 1


def test_bytes_that_are_no_text(run: RunFolder) -> None:
    path = lines(run, {"n": "acc", "s": 0, "v": 1})
    with open(path, "ab") as file:
        file.write(b'{"n": "\xff\xfe", "s": 0, "v": 1}\n{"n": "acc", "s": 1, "v": 2}\n')
    found = read(run.folder)["acc"]
    assert points(found) == [(0, 1.0), (1, 2.0)] and found.skipped == 1


def test_a_torn_last_line(run: RunFolder) -> None:
    path = lines(run, {"n": "acc", "s": 0, "v": 1})
    with open(path, "a") as file:
        file.write('{"n": "acc", "s": 1, "v"')
    assert (len(read(run.folder)["acc"]), read(run.folder)["acc"].skipped) == (1, 1)
    with open(path, "a") as file:
        file.write(": 2}")
    assert (points(read(run.folder)["acc"])[1], read(run.folder)["acc"].skipped) == ((1, 2.0), 0)
    assert read_metrics([path])["acc"].count == 2


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(run: RunFolder, name: str) -> None:
    lines(run, {"n": name, "s": 0, "v": 1}, {"s": 1, "m": {name: 2}})
    assert names(run.folder) == [name]
    assert points(read(run.folder, [name])[name]) == [(0, 1.0), (1, 2.0)]


def test_only_the_names_that_are_asked_for(run: RunFolder) -> None:
    lines(run, {"s": 0, "m": {"a": 1, "b": 2}}, {"n": "c", "s": 0, "v": 3})
    assert set(read(run.folder, ["b", "nope"])) == {"b"}
    assert names(run.folder) == ["a", "b", "c"]


def test_the_same_name_in_several_processes(run: RunFolder) -> None:
    lines(run, {"n": "acc", "s": 0, "v": 10}, process="rank10")
    lines(run, {"n": "acc", "s": 0, "v": 1}, process="rank1")
    lines(run, {"n": "acc", "s": 0, "v": 0})
    found = read(run.folder)
    assert {name: one.values[0] for name, one in found.items()} == {"acc": 0, "acc@rank1": 1, "acc@rank10": 10}
    assert read(run.folder, ["acc@rank10"])["acc@rank10"].values[0] == 10


def test_losses_come_from_the_trace(run: RunFolder) -> None:
    run.losses([0.5, 0.25, float("nan")])
    found = read(run.folder)["loss"]
    assert points(found)[:2] == [(0, 0.5), (1, 0.25)] and math.isnan(found.values[2])
    assert found.times is None
    lines(run, {"n": "loss", "s": 0, "v": 7})
    assert points(read(run.folder)["loss"]) == [(0, 7.0)]
    assert len(read(run.folder)["loss@trace"]) == 3


def test_a_program_with_two_losses(run: RunFolder) -> None:
    rows = [(6, 1, number, step, 0x3FF0000000000000 + number) for step in range(3) for number in (0, 1)]
    run.trace(rows, ["d_loss", "g_loss"])
    assert {name: len(one) for name, one in read(run.folder).items()} == {"loss": 3, "g_loss": 3}


def test_a_trace_that_is_none(run: RunFolder) -> None:
    (run.folder / "trace" / "rank0.trace").write_bytes(b"something else altogether")
    assert read(run.folder) == {}


def test_the_learning_rate_holds_between_its_changes(run: RunFolder) -> None:
    def hyper(step: int, *rates: float, name: str = "Adam") -> dict[str, Any]:
        return {"e": "hyper", "step": step, "optimizer": name, "name": name, "values": [{"lr": r} for r in rates]}

    run.journal(hyper(0, 0.1, 0.01), hyper(0, 0.5, name="SGD"), hyper(5, 0.05, 0.01), {"e": "hyper", "values": [3]})
    run.losses([1.0] * 9)
    found = read(run.folder)
    assert points(found["lr"]) == [(0, 0.1), (5, 0.05), (8, 0.05)] and found["lr"].held
    assert points(found["lr.1"]) == [(0, 0.01), (8, 0.01)]
    assert points(found["lr.SGD"]) == [(0, 0.5), (8, 0.5)]
    assert names(run.folder) == ["loss", "lr", "lr.1", "lr.SGD"]


def test_jobs_of_a_sweep_are_their_trials(run: RunFolder) -> None:
    lines(run, {"n": "acc", "s": 0, "v": 1}, process="job0")
    run.losses([1.0], process="job0")
    assert names(run.folder) == []
    trial = RunFolder(run.folder.with_name(run.folder.name + ".0"), run.root) if _made(run.folder, ".0") else None
    assert trial is not None
    lines(trial, {"n": "acc", "s": 0, "v": 1}, process="job0")
    trial.losses([1.0], process="job0")
    assert names(trial.folder) == ["acc", "loss"]


def _made(folder: Path, suffix: str) -> bool:
    folder.with_name(folder.name + suffix).mkdir()
    return True


def test_following_reads_only_what_is_new(run: RunFolder) -> None:
    follower = Follower(run.folder)
    assert follower.poll() == set()
    path = lines(run, {"n": "acc", "s": 0, "v": 1})
    run.losses([0.5])
    assert follower.poll() == {"acc", "loss"}
    assert follower.poll() == set()
    with open(path, "a") as file:
        file.write('{"n": "acc", "s": 1, ')
    assert follower.poll() == set()
    with open(path, "a") as file:
        file.write('"v": 2}\n{"n": "new", "s": 1, "v": 3}\n')
    assert follower.poll() == {"acc", "new"}
    assert points(follower.series()["acc"]) == [(0, 1.0), (1, 2.0)]
    assert follower.series()["acc"].skipped == 0


def test_following_sees_that_a_file_was_replaced(run: RunFolder) -> None:
    path = lines(run, {"n": "acc", "s": 0, "v": 1}, {"n": "acc", "s": 1, "v": 2})
    follower = Follower(run.folder)
    follower.poll()
    path.unlink()
    lines(run, {"n": "acc", "s": 0, "v": 9})
    follower.poll()
    assert points(follower.series()["acc"]) == [(0, 9.0)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a few hundred bytes are large."""
    monkeypatch.setattr(seriesfiles, "LARGE", 300)


def test_the_cache_gives_the_same_and_reads_only_the_tail(run: RunFolder, store: Store, small: None) -> None:
    cache = store.folder / "cache" / "series"
    rows = [{"n": ("acc", "é\n")[i % 2], "s": i, "v": i / 3, "t": i} for i in range(100)]
    path = lines(run, *rows[:90], "corrupt")
    plain = read(run.folder)
    assert read(run.folder, ["acc"], cache) == {"acc": plain["acc"]}
    kept = cache / run.folder.name / "rank0.jsonl.series"
    assert kept.exists()
    assert read(run.folder, None, cache) == plain
    # Proof that it is used: what is changed in it, is told.
    data = kept.read_bytes()
    kept.write_bytes(data.replace(b'"skipped": 1', b'"skipped": 7'))
    assert read(run.folder, None, cache)["acc"].skipped == 7
    # A file that has grown: only the tail is read.
    lines(run, *rows[90:])
    grown = read(run.folder, None, cache)
    assert grown["acc"].skipped == 7 and grown["acc"].values == read(run.folder)["acc"].values
    assert len(grown["é\n"]) == 50 and path.exists()


def test_the_cache_of_another_content_is_not_believed(run: RunFolder, store: Store, small: None) -> None:
    cache = store.folder / "cache" / "series"
    path = lines(run, *({"n": "acc", "s": i, "v": 1.5} for i in range(40)))
    read(run.folder, None, cache)
    text = path.read_text()
    path.write_text(text.replace("1.5", "2.5"))  # the same size
    assert set(read(run.folder, None, cache)["acc"].values) == {2.5}
    path.write_text(text.replace("1.5", "3.5") + text)  # it has grown, and is another
    assert set(read(run.folder, None, cache)["acc"].values) == {3.5, 1.5}
    path.write_text(text[: len(text) * 2 // 3])
    assert len(read(run.folder, None, cache)["acc"]) < 40


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"reenact series 1\n{}\n", b"reenact series 1\n[1]\n\x00\x00"])
def test_a_damaged_cache_is_made_anew(run: RunFolder, store: Store, small: None, damage: bytes) -> None:
    cache = store.folder / "cache" / "series"
    lines(run, *({"n": "acc", "s": i, "v": i} for i in range(100)))
    plain = read(run.folder, None, cache)
    kept = cache / run.folder.name / "rank0.jsonl.series"
    whole = kept.read_bytes()
    for content in (damage, whole[:-8]):
        kept.write_bytes(content)
        assert read(run.folder, None, cache) == plain
    cache.chmod(0o555)
    assert read(run.folder, None, cache) == plain
    cache.chmod(0o755)


def test_a_trace_is_kept_too(run: RunFolder, store: Store, small: None) -> None:
    cache = store.folder / "cache" / "series"
    run.losses([i / 7 for i in range(200)])
    assert read(run.folder, None, cache) == read(run.folder, None, cache) == read(run.folder)
    assert (cache / run.folder.name / "rank0.trace.series").exists()


NUMBERS = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 1.0, math.nan]))


@given(st.lists(NUMBERS, max_size=300), st.integers(8, 60))
def test_downsampling_keeps_extremes_ends_and_gaps(values: list[float], points_wanted: int) -> None:
    found = Series("x", series.array("q", range(len(values))), series.array("d", values))
    small = downsample(found, points_wanted)
    assert len(small) <= max(points_wanted, 8) and list(small.steps) == sorted(set(small.steps))
    assert all(repr(values[step]) == repr(value) for step, value in points(small))
    numbers = [value for value in values if value == value]
    if numbers:
        assert {min(numbers), max(numbers)} <= set(small.values)
        assert len(numbers) == len(values) or any(math.isnan(value) for value in small.values)
    if values:
        assert (small.steps[0], small.steps[-1]) == (0, len(values) - 1)


def test_two_million_points_in_bounded_memory_and_time(run: RunFolder) -> None:
    path = run.folder / "metrics" / "rank0.jsonl"
    generator = random.Random(7)
    with open(path, "w") as file:
        for step in range(1_000_000):
            file.write(f'{{"n":"train/loss","s":{step},"v":{generator.random()!r},"t":{step * 0.01!r}}}\n')
        for step in range(0, 1_000_000, 2):
            file.write(f'{{"s":{step},"t":1.5,"m":{{"a":{step},"b":2.5}}}}\n')
    program = (
        "import json, resource, sys\nfrom pathlib import Path\nfrom reenact.record.traces import read_metrics\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "found = read_metrics([Path(sys.argv[1])])\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(json.dumps([after - before, {name: m.count for name, m in found.items()}, found['a'].max]))\n"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    grown, counts, top = json.loads(done.stdout)
    assert counts == {"train/loss": 1_000_000, "a": 500_000, "b": 500_000} and top == 999_998
    unit = 1 if sys.platform == "darwin" else 1024
    assert grown * unit < 30_000_000 < os.path.getsize(path)
    assert time.perf_counter() - began < 60


def test_a_line_that_does_not_end(run: RunFolder) -> None:
    path = lines(run, {"n": "acc", "s": 0, "v": 1})
    with open(path, "ab") as file:
        for _ in range(70):
            file.write(b"x" * 1_000_000)
        file.write(b'\n{"n": "acc", "s": 1, "v": 2}\n')
    found = read(run.folder)["acc"]
    assert points(found) == [(0, 1.0), (1, 2.0)] and found.skipped >= 1


def test_many_names(run: RunFolder) -> None:
    with open(run.folder / "metrics" / "rank0.jsonl", "w") as file:
        for number in range(100_000):
            file.write(f'{{"n":"m{number}","s":0,"v":{number}}}\n')
    assert len(names(run.folder)) == 100_000
    assert read(run.folder, ["m77777"])["m77777"].values[0] == 77777


def logged(run: RunFolder, *rows: tuple[int, int, float, float], names: list[str], process: str = "rank0") -> None:
    """What a program logged: (number of the name, step, value, time)."""
    folder = run.folder / "metrics"
    (folder / f"{process}.points").write_bytes(b"".join(struct.pack("<Iidd", *row) for row in rows))
    text = "".join(json.dumps([number, name]) + "\n" for number, name in enumerate(names, start=1))
    (folder / f"{process}.names").write_text(text)


@pytest.mark.parametrize("many", [2, 40])
def test_logged_points_of_few_and_of_many_names(run: RunFolder, many: int) -> None:
    rows = [(1 + i % many, i, i / 3, i * 0.5) for i in range(1000)]
    logged(run, *rows, (0, 0, 0.0, 0.0), *rows[:2], (0, 0, 0.0, 0.0), names=[f"m{n}" for n in range(many)])
    found = read(run.folder)
    assert sum(map(len, found.values())) == 1002
    for n in range(many):
        expected = [(step, value) for number, step, value, _ in [*rows, *rows[:2]] if number == n + 1]
        assert points(found[f"m{n}"]) == expected
    assert points(read(run.folder, ["m1"])["m1"]) == points(found["m1"])
    assert found["m1"].times is not None and found["m1"].times[0] == 0.5


def test_what_was_logged_counts_before_what_was_printed(run: RunFolder) -> None:
    logged(run, (1, 0, 5.0, 0.1), names=["acc"])
    lines(run, {"n": "acc", "s": 0, "v": 7}, process="log")
    run.losses([1.0])
    found = read(run.folder)
    assert {name: one.values[0] for name, one in found.items()} == {"acc": 5.0, "acc@log": 7.0, "loss": 1.0}
    assert points(read(run.folder, ["acc@log"])["acc@log"]) == [(0, 7.0)]


def test_a_learning_rate_that_is_followed_has_its_changes_only(run: RunFolder) -> None:
    def hyper(step: int, rate: float) -> dict[str, Any]:
        return {"e": "hyper", "step": step, "optimizer": "SGD", "name": "SGD", "values": [{"lr": rate}]}

    run.journal(hyper(0, 0.1), end=False)
    run.losses([1.0] * 5)
    follower = Follower(run.folder)
    assert "lr" in follower.poll() and points(follower.series()["lr"]) == [(0, 0.1)]
    run.journal(hyper(5, 0.2), begin=False)
    assert "lr" in follower.poll() and points(follower.series()["lr"]) == [(0, 0.1), (5, 0.2)]
    run.trace([(6, 1, 0, 7, 0)], [])
    follower.poll()
    follower.finish()
    assert points(follower.series()["lr"]) == [(0, 0.1), (5, 0.2), (7, 0.2)]
