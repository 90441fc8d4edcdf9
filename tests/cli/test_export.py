from __future__ import annotations

import csv
import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from storemaker import Project

import reenact
from reenact.errors import ReenactError

A, B = "20260101-000001-aaaa", "20260101-000002-abbb"
HOSTILE = ["a/b", 'say "hi", you', "two\nlines", "ключ ✓", "=cmd()", "\udc80", ""]


@pytest.fixture
def two(project: Project) -> Project:
    project.add(A, name="base", lr=0.1, losses=(0.9, 0.3), tags=["x", "y"], metrics={"acc": [0.5, "NaN"], "pages": [1]})
    project.add(B, lr=0.2, losses=(0.9, 0.1))
    return project


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_has_a_row_a_run(two: Project) -> None:
    rows = table(two.cli("export").out)
    assert [row["id"] for row in rows] == [B, A]
    base = rows[1]
    assert (base["name"], base["tags"], base["params.lr"], base["complete"]) == ("base", "x,y", "0.1", "true")
    assert (base["metrics.loss.last"], base["metrics.loss.best"]) == ("0.3", "0.3")
    assert (base["metrics.acc.last"], base["metrics.acc.best"], base["metrics.pages.last"]) == ("nan", "0.5", "1.0")
    assert "metrics.pages.best" not in base and rows[0]["metrics.acc.last"] == ""
    assert base["command"] == "/env/bin/python3 train.py --lr 0.1"


def test_only_the_runs_named_or_matching(two: Project) -> None:
    assert [row["id"] for row in table(two.cli("export", "base").out)] == [A]
    assert [row["id"] for row in table(two.cli("export", "--where", "loss<0.2").out)] == [B]
    assert [row["id"] for row in table(two.cli("export", A, B, "--where", "loss<0.2").out)] == [B]
    assert two.cli("export", "nope").code == 2


def test_what_is_no_format_is_refused(two: Project, tmp_path: Path) -> None:
    target = tmp_path / "runs.xlsx"
    done = two.cli("export", "-o", str(target))
    assert done.code == 2 and ".csv, .json, .parquet, .pq" in done.err and not target.exists()
    done = two.cli("export", "--csv", "--json")
    assert done.code == 2 and "--csv and --json" in done.err and done.out == ""
    # Who says the format may name the file as they like.
    assert two.cli("export", "--csv", "-o", str(tmp_path / "runs.txt")).code == 0
    assert two.cli("export", "-o", str(tmp_path / "runs")).code == 0
    assert [row["id"] for row in table((tmp_path / "runs.txt").read_text())] == [B, A]


def test_points(two: Project) -> None:
    rows = table(two.cli("export", A, "--points").out)
    assert {row["metric"] for row in rows} == {"loss", "acc", "pages", "lr"}
    assert [(row["step"], row["time"], row["value"]) for row in rows if row["metric"] == "acc"] == [
        ("0", "0.0", "0.5"),
        ("1", "0.5", "nan"),
    ]
    lines = two.cli("export", "--points", "--json", "--metric", "loss").out.splitlines()
    assert [json.loads(line)["value"] for line in lines] == pytest.approx([0.9, 0.1, 0.9, 0.3])
    assert two.cli("export", "--metric", "loss").code == 2


def test_parquet(two: Project, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert two.cli("export", "-o", str(tmp_path / "runs.parquet")).code == 0
    rows = parquet.read_table(tmp_path / "runs.parquet").to_pylist()
    assert [row["id"] for row in rows] == [B, A] and rows[1]["tags"] == ["x", "y"]
    assert rows[1]["params.lr"] == 0.1 and math.isnan(rows[1]["metrics.acc.last"])
    result = two.cli("export", "--points", "-o", str(tmp_path / "points.pq"))
    assert result.code == 0 and "wrote 11 points" in result.err
    points = parquet.read_table(tmp_path / "points.pq").to_pylist()
    assert [(p["run"], p["step"], p["value"], p["time"]) for p in points if p["metric"] == "loss"] == [
        (B, 0, 0.9, None),
        (B, 1, 0.1, None),
        (A, 0, 0.9, None),
        (A, 1, 0.3, None),
    ]
    assert [p["time"] for p in points if p["metric"] == "acc"] == [0.0, 0.5]


def test_parquet_without_pyarrow_names_the_extra(two: Project, tmp_path: Path) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ImportError('not here')\n")
    words = ["export", "--parquet", "-o", "x.parquet"]
    process = two.process(*words, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    out, err = process.communicate()
    assert process.returncode == 4 and out == b"" and b"reenact[frames]" in err
    assert not (two.root / "x.parquet").exists()


def test_csv_and_json_import_no_frames(two: Project) -> None:
    process = two.process("export", "--points", env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    _, err = process.communicate()
    assert process.returncode == 0
    assert not [name for name in (b"pyarrow", b"pandas", b"numpy", b"polars") if name in err]


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_hostile_names_and_values(project: Project, tmp_path: Path, suffix: str) -> None:
    project.add(A, name='na"me,\n', lr=0.5, metrics={name: [1.5] for name in HOSTILE})
    target = tmp_path / f"o ut.{suffix}"
    for words in ([], ["--points"]):
        result = project.cli("export", *words, "-o", str(target))
        assert result.code == 0, result.err
        data = target.read_bytes()
        if suffix == "csv":
            rows: list[Any] = table(data.decode())
        elif suffix == "json":
            rows = [json.loads(line) for line in data.splitlines()] if words else json.loads(data)
        else:
            rows = pytest.importorskip("pyarrow.parquet").read_table(target).to_pylist()
        shown = [name.encode("utf-8", "backslashreplace").decode() for name in HOSTILE]
        if suffix == "json":
            shown = HOSTILE
        if words:
            assert {row["metric"] for row in rows} == {*shown, "loss", "lr"}
        else:
            assert rows[0]["name"] == 'na"me,\n'
            assert all(float(rows[0][f"metrics.{name}.last"]) == 1.5 for name in shown)


def test_a_file_appears_whole_or_not_at_all(two: Project) -> None:
    target = two.root / "out.csv"
    target.write_text("before")
    assert two.cli("export", "nope", "-o", "out.csv").code == 2
    assert target.read_text() == "before"
    assert two.cli("export", "-o", "nowhere/out.csv").code == 2
    assert two.cli("export", "-o", "out.csv").code == 0
    assert len(table(target.read_text())) == 2
    assert not [name for name in os.listdir(two.root) if name.endswith(".tmp")]


def test_a_metric_that_is_named_like_a_part_of_another(project: Project) -> None:
    project.add(A, losses=(0.5,), metrics={"loss.best": [7.0], "loss.last": [8.0]})
    row = table(project.cli("export").out)[0]
    assert (row["metrics.loss.best"], row["metrics.loss.best.last"]) == ("0.5", "7.0")
    assert (row["metrics.loss.last"], row["metrics.loss.last.last"]) == ("0.5", "8.0")


def test_runs_for_a_notebook(two: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(two.root)
    rows = reenact.runs()
    assert [row["id"] for row in rows] == [B, A]
    assert rows[1]["params.lr"] == 0.1 and rows[1]["metrics.loss.best"] == 0.3 and rows[1]["tags"] == ["x", "y"]
    assert [row["id"] for row in reenact.runs("base")] == [A]
    assert [row["id"] for row in reenact.runs(where="lr > 0.1", folder=two.root)] == [B]
    # A traceback shows the text of the exception alone: what is valid and what to do is in it.
    with pytest.raises(ReenactError, match=r"no frame 'excel'\n.*pandas, polars"):
        reenact.runs(frame="excel")
    with pytest.raises(ReenactError, match=r"no runs have been recorded.*\n.*`reenact run COMMAND`.*runs\(folder="):
        reenact.runs(folder="/")
    with pytest.raises(ReenactError, match=r"(?s)there is no run 'nope'.*reenact ls"):
        reenact.runs("nope")


def test_frames(two: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    monkeypatch.chdir(two.root)
    frame = reenact.runs(frame="pandas")
    assert isinstance(frame, pandas.DataFrame) and list(frame["params.lr"]) == [0.2, 0.1]
    assert frame["metrics.loss.last"].dtype == "float64"
    other = reenact.runs(frame="polars")
    assert isinstance(other, polars.DataFrame) and other["params.lr"].to_list() == [0.2, 0.1]
    assert len(reenact.runs(where="lr > 9", frame="pandas")) == len(reenact.runs(where="lr > 9", frame="polars")) == 0


def test_params_of_several_types(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    values: list[Any] = [1, 2.5, "auto", [1, {"a": None}], True, 2**70]
    for number, value in enumerate(values):
        run = project.add(f"20260101-00000{number}-aaaa", output=None)
        manifest = project.folder(run) / "manifest.json"
        data = json.loads(manifest.read_text())
        data["params"] = {"mixed": value, "number": value if isinstance(value, (float, int)) else 0, "some": number % 2}
        manifest.write_text(json.dumps(data))
    assert project.cli("export", "-o", "x.parquet").code == 0
    monkeypatch.chdir(project.root)
    assert list(reenact.runs(frame="pandas")["params.some"]) == [1, 0, 1, 0, 1, 0]
    assert reenact.runs(frame="polars")["params.mixed"].to_list()[2] == '[1,{"a":null}]'


def test_importing_reenact_stays_free() -> None:
    program = "import sys; before = set(sys.modules); import reenact; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['__future__', 'reenact']"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        reenact.nothing  # noqa: B018


def test_names_that_no_run_has(two: Project) -> None:
    for words in (["--points", "--metric", "los"], ["--where", "los > 1"]):
        result = two.cli("export", *words)
        assert (result.code, result.out) == (2, "") and "'los'" in result.err and "did you mean loss" in result.err
    assert len(table(two.cli("export", "--points", "--metric", "lr").out)) == 4
