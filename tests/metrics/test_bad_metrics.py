"""Metrics as nobody should write them: odd names, values that are no numbers, very many names, files that were damaged, long logs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import last_json, manifest, reenact

from reenact.record import printed
from reenact.record.series import read
from reenact.store.project import Store

NAMES = ["a/b/c", "ü€🎉", "q\"uo'te", "new\nline", "", " ", "a,b", "a=b<c", "x" * 500]
ODD = f"""
import reenact
for n in range(3):
    reenact.log({{name: n for name in {NAMES!r}}}, step=n)
class Bad:
    def __float__(self):
        raise ZeroDivisionError("no")
class Two:
    def __float__(self):
        raise ValueError("only one element tensors can be converted to Python scalars")
    def __repr__(self):
        return "two of them"
for value in ("text", None, 1 + 2j, Two(), Bad(), [1], 10**400, object(), float("nan"), True):
    reenact.log(odd=value)
print("done")
"""


def run(project: Path, code: str) -> dict:
    (project / "script.py").write_text(code)
    done = reenact("run", "--json", "script.py", cwd=project)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    return manifest(project, last_json(done.stdout)["run"])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".reenact").mkdir()
    return tmp_path


def test_values_without_names(project: Path) -> None:
    """They are gaps of a recorded run, and nothing outside of one; what follows is kept."""
    code = (
        "import reenact\nclass Mute:\n    def __str__(self):\n        raise ValueError('no words')\n    keys = None\n"
        "for words in ((0.5,), ('loss', 0.5), ('a b', 1), ([1, 2],), (Mute(), 3)):\n    reenact.log(*words)\n"
        "reenact.log(0.5, good=1)\n"
    )
    record = run(project, code)
    assert {name: one["last"] for name, one in record["metrics"].items() if "/" not in name} == {"good": 1.0}
    told = [gap["detail"] for gap in record["gaps"] if gap["id"] == "metric-without-name"]
    assert "str 'loss' is not values by name: say reenact.log(loss=…)" in told, told
    assert "Mute is not values by name" in told and len(told) == 5, told
    assert any(one.startswith("float '0.5'") and 'reenact.log({"name": …})' in one for one in told)
    assert subprocess.run([sys.executable, "script.py"], cwd=project).returncode == 0


def test_odd_names_and_values(project: Path) -> None:
    record = run(project, ODD)
    for name in NAMES:
        assert record["metrics"][name]["count"] == 3 and record["metrics"][name]["last"] == 2.0
    assert record["metrics"]["odd"] == {"count": 2, "first": "nan", "last": 1.0, "max": 1.0, "min": 1.0}
    told = [gap["detail"] for gap in record["gaps"] if gap["id"] in ("metric-not-a-number", "metric-not-kept")]
    assert len(told) == 8 and all(one.startswith("odd: ") for one in told)
    assert {"odd: str 'text'", "odd: NoneType 'None'", "odd: Two 'two of them'", "odd: no"} <= set(told)
    found = read(Store(project).run_dir(record["run"]), NAMES)
    assert set(found) == set(NAMES) and all(list(one.values) == [0.0, 1.0, 2.0] for one in found.values())
    for where in ('"new\nline"=2 and "a=b<c">1', "a/b/c.first=0", '"ü€🎉"=2', '"q\\"uo\'te"=2', '" "=2'):
        assert len(last_json(reenact("ls", "--json", "--where", where, cwd=project).stdout)) == 1
    out = reenact("ls", "--columns", "a/b/c", "--columns", "a,b", "--columns", "new\nline", cwd=project).stdout
    assert out.splitlines()[0].split() == ["RUN", "a/b/c", "a,b", "new\\nline"]
    # No column of the metric with no name, which nobody asked for.
    assert reenact("ls", cwd=project, env={"COLUMNS": "200"}).stdout.splitlines()[0].split()[3:5] == ["TIME", "GAPS"]
    for words in (
        ["show", "last"],
        ["compare", "last", "--metric", "new\nline"],
        ["export", "last"],
        ["export", "--points", "last"],
    ):
        done = reenact(*words, cwd=project)
        assert done.returncode == 0 and "Traceback" not in done.stderr, (words, done.stderr)


def test_very_many_names(project: Path) -> None:
    record = run(project, "import reenact\nfor n in range(70_000):\n    reenact.log({f'metric {n}': n}, step=n)\n")
    gaps = {gap["id"]: gap["detail"] for gap in record["gaps"]}
    assert "more than 65536 names" in "".join(gap["detail"] for gap in record["gaps"] if gap["id"] == "metric-names")
    assert len(record["gaps"]) < 100 and len(record["metrics"]) == 10_000
    assert "65,5" in gaps["metrics-left-out"] and "the files in metrics/ have all" in gaps["metrics-left-out"]
    # What the manifest leaves out is in the files.
    folder = Store(project).run_dir(record["run"])
    assert list(read(folder, ["metric 60000"])["metric 60000"].values) == [60_000.0]
    assert len(last_json(reenact("ls", "--json", "--where", '"metric 9000">=9000', cwd=project).stdout)) == 1
    unknown = reenact("ls", "--where", "nothing=1", cwd=project)
    assert unknown.returncode == 2 and len(unknown.stderr) < 5_000
    assert len(reenact("ls", cwd=project).stdout.splitlines()) <= 3
    assert reenact("compare", "last", cwd=project).returncode == 0
    assert len(reenact("show", "last", cwd=project).stdout) < 20_000


def test_damaged_files(project: Path) -> None:
    record = run(project, "import reenact\nfor n in range(100):\n    reenact.log(a=n, b=n, step=n)\n")
    folder = Store(project).run_dir(record["run"])
    points = folder / "metrics" / "rank0.points"
    data = bytearray(points.read_bytes())
    assert len(data) == 200 * 24
    data[50 * 24 : 52 * 24] = b"\xff" * 48
    points.write_bytes(data)
    lines = [json.dumps({"n": "c", "s": n, "v": n}) for n in range(10)]
    lines[4] = '{"n": "c", "s": 4, "v'
    (folder / "metrics" / "rank0.jsonl").write_text("".join(f"{line}\n" for line in lines))
    journal = folder / "journal" / "rank0.jsonl"
    whole = journal.read_bytes().split(b"\n")
    whole.insert(1, b"\x00\xff not an event")
    journal.write_bytes(b"\n".join(whole))
    (folder / "manifest.json").unlink()
    sealed = Store(project).seal(record["run"])
    assert {name: sealed.metrics[name].count for name in "abc"} == {"a": 99, "b": 99, "c": 9}
    told = {(gap.id, gap.detail) for gap in sealed.gaps}
    assert ("metrics-unreadable", "rank0.points: points without a name: 2") in told
    assert ("metrics-unreadable", "rank0.jsonl: lines that could not be read: 1") in told
    assert any(gap.id == "corrupt-journal-line" and "2" in gap.detail for gap in sealed.gaps)
    found = read(folder)
    assert (len(found["a"]), found["a"].skipped, len(found["c"]), found["c"].skipped) == (99, 2, 9, 1)
    assert "could not be read" in reenact("compare", record["run"], "--metric", "c", cwd=project).stdout
    (folder / "manifest.json").write_bytes(
        (folder / "manifest.json").read_bytes().replace(b'"metrics":', b'"metrics"#', 1)
    )
    listed = reenact("ls", cwd=project)
    assert listed.returncode == 0 and "unreadable" in listed.stdout and "manifest.json" in listed.stderr


def test_a_long_log_is_read_in_part_and_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printed, "GUESSED", 1 << 20)
    monkeypatch.setattr(printed, "NAMES", 100)
    log = tmp_path / "log.txt"
    with open(log, "w") as file:
        for n in range(60_000):
            file.write(f"epoch {n}: loss {n}.5 loss of item{n} 3.0\n")
    told = printed.write_printed(log, tmp_path / "log.jsonl", ())
    assert told == "of log.txt the first 1 MB of 2 were looked through"
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert {row["n"] for row in rows} == {"log/loss"}
    assert [row["s"] for row in rows] == list(range(len(rows))) and 10_000 < len(rows) < 60_000
