"""A run that goes on is listed, filtered, grouped, compared and shown with the params and metrics that it has by now."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from endtoend import last_json, reenact

import reenact as api
from reenact.store.index import Index
from reenact.store.project import Store

SCRIPT = """\
import argparse, pathlib, time, reenact
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--go", default="go")
args = parser.parse_args()
for step in range(10):
    reenact.log(loss=args.lr / (step + 1), nan=float("nan"), step=step)
pathlib.Path("logged").touch()
while not pathlib.Path(args.go).exists():
    time.sleep(0.05)
reenact.log(loss=7.0, step=10)
"""


def wait_for(path: Path) -> None:
    for _ in range(1200):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} never came")


@pytest.fixture
def going(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """A project with a run that waits after ten steps."""
    (tmp_path / "train.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "reenact", "run", "--json", "train.py", "--lr", "0.5"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    try:
        wait_for(tmp_path / "logged")
        yield tmp_path, process
    finally:
        (tmp_path / "go").touch()
        process.communicate(timeout=60)


def told(folder: Path, *words: str) -> Any:
    done = reenact(*words, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_run_that_goes_on(going: tuple[Path, subprocess.Popen[str]]) -> None:
    folder, process = going
    loss = {"last": 0.05, "min": 0.05, "max": 0.5, "count": 10, "first": 0.5}
    (row,) = told(folder, "ls")
    assert (row["status"], row["complete"], row["recipe"]) == ("running", False, None)
    assert row["params"] == {"lr": 0.5, "go": "go"} and row["metrics"]["loss"] == loss
    assert row["metrics"]["nan"] == {"last": "nan", "min": None, "max": None, "count": 10, "first": "nan"}
    # It is found and ordered by them, and in the group that it belongs to.
    assert [one["id"] for one in told(folder, "ls", "--where", "loss<0.06 and loss.max=0.5 and lr=0.5")] == [row["id"]]
    assert told(folder, "ls", "--where", "loss>0.06") == []
    (group,) = told(folder, "ls", "--group-by", "lr")
    assert (group["value"], group["metrics"]["loss"]["mean"]) == (0.5, 0.05)
    assert "0.05" in reenact("ls", "--columns", "loss,lr", "--best", "loss", cwd=folder).stdout
    shown = told(folder, "show", row["id"])
    assert shown["params"] == row["params"] and shown["metrics"]["loss"] == loss
    exported = told(folder, "export")
    assert exported[0]["params.lr"] == 0.5 and exported[0]["metrics.loss.last"] == 0.05
    (listed,) = api.runs(folder=folder)
    assert listed["metrics.loss.last"] == 0.05 and math.isnan(listed["metrics.nan.last"])
    # An index that does not look leaves what is known.
    store = Store.open(folder)
    with Index(store) as index:
        assert index.rows()[0].metrics["loss"] == loss
    # One that stays open reads on, and sees the end.
    with Index(store, live=True) as index:
        token = index.changed_since(None).token
        assert index.changed_since(token).ids == []
        (folder / "go").touch()
        ended = last_json(process.communicate(timeout=60)[0])
        assert ended["run"] == row["id"]
        assert index.changed_since(token).ids == [row["id"]]
        after = index.rows()[0]
    assert after.status == "finished" and after.params == row["params"]
    assert after.metrics["loss"] == {**loss, "last": 7.0, "max": 7.0, "count": 11}


def test_one_that_grows_is_read_on(going: tuple[Path, subprocess.Popen[str]]) -> None:
    folder, _ = going
    store = Store.open(folder)
    run = told(folder, "ls")[0]["id"]
    with Index(store, live=True) as index:
        token = index.changed_since(None).token
        path = store.run_dir(run) / "metrics" / "mine.jsonl"
        path.write_text('{"n": "mine", "s": 0, "v": 1.5}\n')
        deadline = time.monotonic() + 60
        while index.changed_since(token).ids != [run]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert index.rows("mine=1.5")[0].metrics["mine"]["count"] == 1
        # What was changed of its labels does not take away what is known.
        assert reenact("note", run, "a note", cwd=folder).returncode == 0
        index.refresh()
        index.refresh()
        (row,) = index.rows()
        assert row.note == "a note" and row.status == "running"
    with Index(store, live=True) as index:
        assert index.rows("mine=1.5 and lr=0.5")[0].note == "a note"


def test_one_that_cannot_be_read_is_listed(going: tuple[Path, subprocess.Popen[str]]) -> None:
    folder, _ = going
    store = Store.open(folder)
    run = told(folder, "ls")[0]["id"]
    for path in [*(store.run_dir(run) / "journal").iterdir(), *(store.run_dir(run) / "metrics").iterdir()]:
        with open(path, "ab") as file:
            file.write(os.urandom(300))
    row = told(folder, "ls")[0]
    assert (row["id"], row["status"]) == (run, "running")


SWEEP = """\
import pathlib, time
import hydra, reenact

@hydra.main(config_path=None, config_name=None, version_base=None)
def main(config):
    reenact.log(loss=float(config.lr))
    if config.lr == 0.2:
        root = pathlib.Path(hydra.utils.get_original_cwd())
        (root / "logged").touch()
        while not (root / "go").exists():
            time.sleep(0.05)
    return config.lr * 2

main()
"""


def test_a_sweep_that_goes_on(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SWEEP)
    command = [sys.executable, "-m", "reenact", "run", "--json", "app.py", "-m", "+lr=0.1,0.2,0.3"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    try:
        wait_for(tmp_path / "logged")
        trials = told(tmp_path, "sweep", "show")
        table = reenact("sweep", "show", cwd=tmp_path).stdout
        shown = told(tmp_path, "show", "last")
        report = reenact("report", "last", "-o", "report.html", cwd=tmp_path)
        assert report.returncode == 0, report.stderr
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0)
    finally:
        (tmp_path / "go").touch()
        out = process.communicate(timeout=60)[0]
    run = last_json(out)["run"]
    assert [(one["job"], one["run"], one["status"], one["returned"]) for one in trials] == [
        (0, f"{run}.0", "completed", 0.2),
        (1, f"{run}.1", "running", None),
        (2, None, "waiting", None),
    ]
    assert [one["params"] for one in trials] == [{"lr": 0.1}, {"lr": 0.2}, {}]
    assert [one["metrics"].get("loss", {}).get("last") for one in trials] == [0.1, 0.2, None]
    assert "● running" in table and "waiting" in table
    assert [one["status"] for one in shown["trials"]] == ["completed", "running", "waiting"]
    # It says the same of those that had ended when all have.
    after = told(tmp_path, "sweep", "show")
    assert after[0] == trials[0] and [one["status"] for one in after] == ["completed"] * 3


def test_what_is_no_sweep(going: tuple[Path, subprocess.Popen[str]]) -> None:
    done = reenact("sweep", "show", cwd=going[0])
    assert done.returncode == 2 and "no job of a multirun has begun in it" in done.stderr
