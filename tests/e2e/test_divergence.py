"""Divergence is step-exact: a script that is made to differ at step k in one kind of event is told so, k and kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from endtoend import last_json, reenact

SCRIPT = """
import os, torch
from torch import nn

at, what = int(os.environ.get("AT", "-1")), os.environ.get("WHAT", "")
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
x, y = torch.randn(48, 64, 64), torch.randn(48, 64, 1)
for step in range(48):
    batch = x[step]
    if step == at and what == "batch":
        batch = batch + 1e-6
    loss = ((model(batch) - y[step]) ** 2).mean()
    if step == at and what == "loss":
        loss = loss + 1e-6
    optimizer.zero_grad()
    loss.backward()
    if step == at and what == "grad":
        model[2].weight.grad[3, 5] += 1e-4
    optimizer.step()
    if step == at and what == "param":
        with torch.no_grad():
            model[2].weight[3, 5] += 1e-4
"""
LAST = 47
CASES = [("batch", 0), ("batch", LAST), ("loss", 29), ("grad", 0), ("grad", LAST), ("param", 0), ("param", LAST)]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("divergence")
    (folder / "train.py").write_text(SCRIPT)
    assert reenact("run", "--name", "baseline", "train.py", cwd=folder).returncode == 0
    return folder


def unsampled(folder: Path) -> int:
    """A step in the middle at which the baseline did not sample grad and param; any step where it sampled them all."""
    base = reenact("path", "baseline", cwd=folder).stdout.strip()
    lines = (Path(base) / "journal" / "rank0.jsonl").read_text().splitlines()
    stride = next(json.loads(line)["stride"] for line in lines if '"e":"schedule"' in line)
    return next((step for step in range(27, 40) if step % stride and step != 32), 29)


def first_difference(folder: Path, what: str, at: int) -> dict:
    name = f"{what}{at}"
    done = reenact("run", "--name", name, "train.py", cwd=folder, env={"AT": str(at), "WHAT": what})
    assert done.returncode == 0, done.stderr
    return json.loads(reenact("diff", "baseline", name, "--json", "--closer", cwd=folder, timeout=180).stdout)


@pytest.mark.parametrize(("what", "at"), CASES)
def test_diff_names_step_and_kind(recorded: Path, what: str, at: int) -> None:
    found = first_difference(recorded, what, at)
    difference = found["first_difference"]
    assert (difference["step"], difference["kind"]) == (at, what), difference
    if what in ("grad", "param"):
        assert difference["name"] == "2.weight"
    assert found["causes"][0]["id"] == "variable-changed", found["causes"]


@pytest.mark.parametrize("what", ["grad", "param"])
def test_diff_names_step_and_kind_where_it_was_not_sampled(recorded: Path, what: str) -> None:
    at = unsampled(recorded)
    difference = first_difference(recorded, what, at)["first_difference"]
    assert (difference["step"], difference["kind"], difference["name"]) == (at, what, "2.weight"), difference


def test_equal_runs_have_no_difference(recorded: Path) -> None:
    reenact("run", "--name", "again", "train.py", cwd=recorded)
    found = json.loads(reenact("diff", "baseline", "again", "--json", cwd=recorded).stdout)
    assert found["first_difference"] is None
    assert found["causes"] == []


@pytest.mark.parametrize(("what", "at"), [("batch", 20), ("loss", 0), ("grad", 4), ("param", 16)])
def test_verify_names_step_and_kind_and_stops(tmp_path: Path, what: str, at: int) -> None:
    """The script looks at something that no record holds: whether a file exists."""
    flag = tmp_path / "flag"
    folder = tmp_path / "project"
    folder.mkdir()
    text = SCRIPT.replace('int(os.environ.get("AT", "-1"))', f'{at} if os.path.exists("{flag}") else -1')
    (folder / "train.py").write_text(text.replace('os.environ.get("WHAT", "")', f'"{what}"'))
    assert reenact("run", "train.py", cwd=folder).returncode == 0
    flag.touch()
    done = reenact("verify", "last", "--json", cwd=folder, timeout=180)
    found = last_json(done.stdout)
    assert done.returncode == 1
    assert found["verdict"] == "diverged"
    assert (found["first_difference"]["step"], found["first_difference"]["kind"]) == (at, what)
    assert found["steps_compared"] == at
