"""Earlier runs, really recorded, side by side: a training's loss and learning rate, and the trials of a sweep."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from endtoend import last_json, reenact

TRAIN = """\
import argparse
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args()
torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
x = torch.randn(32, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10, 0.5)
for step in range(40):
    loss = torch.nn.functional.mse_loss(model(x), x.sum(1, keepdim=True))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
print(loss.item())
"""
SWEEP = """\
import os
import hydra
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base=None, config_path=None)
def main(cfg):
    run = max(name for name in os.listdir(".reenact/runs") if "." not in name)
    with open(f".reenact/runs/{run}/metrics/job{HydraConfig.get().job.num}.jsonl", "a") as file:
        for step in range(5):
            file.write('{"s": %d, "m": {"val/acc": %r}}\\n' % (step, cfg.gain * step / 10))


main()
"""


def test_a_training_that_knows_nothing_of_reenact(project: Path) -> None:
    pytest.importorskip("torch")
    (project / "train.py").write_text(TRAIN)
    printed = []
    for lr in ("0.1", "0.01"):
        done = reenact("run", "--quiet", "--name", f"lr {lr}", "train.py", "--lr", lr, cwd=project, timeout=180)
        assert done.returncode == 0, done.stderr
        printed.append(float(done.stdout.split()[-1]))
    data = json.loads(
        reenact("compare", "lr 0.1", "last", "--json", "--metric", "loss", "--metric", "lr", cwd=project).stdout
    )
    losses = [curve for curve in data["curves"] if curve["metric"] == "loss"]
    assert [curve["steps"] for curve in losses] == [list(range(40))] * 2
    assert [curve["values"][-1] for curve in losses] == pytest.approx(printed)
    rates = [curve for curve in data["curves"] if curve["metric"] == "lr"]
    assert rates[0]["steps"] == [0, 10, 20, 30, 39]
    assert rates[0]["values"] == pytest.approx([0.1, 0.05, 0.025, 0.0125, 0.0125])
    assert {"name": "lr", "differs": True, "values": [0.1, 0.01]} in data["params"]

    shown = reenact("compare", "lr 0.1", "lr 0.01", cwd=project)
    assert shown.returncode == 0 and re.search(r"^ +loss +\S+ +\S+", shown.stdout, re.MULTILINE)
    assert "AAA" in shown.stdout and "BBB" in shown.stdout
    groups = json.loads(reenact("ls", "--group-by", "lr", "--json", cwd=project).stdout)
    assert [group["value"] for group in groups] == [0.01, 0.1]
    assert groups[1]["metrics"]["loss"]["mean"] == pytest.approx(printed[0])
    lines = reenact("export", "--points", "--metric", "loss", cwd=project).stdout.splitlines()
    assert len(lines) == 81


def test_metrics_of_a_sweep_are_those_of_its_trials(project: Path) -> None:
    pytest.importorskip("hydra")
    (project / "sweep.py").write_text(SWEEP)
    done = reenact("run", "--quiet", "--json", "sweep.py", "-m", "+gain=1,2,3", cwd=project, timeout=180)
    run = last_json(done.stdout)["run"]
    data = json.loads(reenact("compare", run, "--json", "--metric", "val/acc", cwd=project).stdout)
    assert [one["id"] for one in data["runs"]] == [f"{run}.0", f"{run}.1", f"{run}.2"]
    assert [one["metrics"]["val/acc"]["best"] for one in data["runs"]] == pytest.approx([0.4, 0.8, 1.2])
    assert [curve["values"][-1] for curve in data["curves"]] == pytest.approx([0.4, 0.8, 1.2])
    assert data["params"][0]["values"] == [1, 2, 3]
    best = json.loads(reenact("ls", "--best", "val/acc", "--json", "--limit", "1", cwd=project).stdout)
    assert best[0]["id"] == f"{run}.2"
    rows = json.loads(reenact("ls", "--json", "--where", f"id = {run}", cwd=project).stdout)
    assert [name for name in rows[0]["metrics"] if not name.startswith("system/")] == []
