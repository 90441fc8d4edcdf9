"""Runs of torch programs as people start them: several ranks, deterministic algorithms, manual updates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from endtoend import last_json, manifest, record, reenact

RANKS = """
import torch
import torch.distributed as dist
from torch import nn

dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
model = nn.parallel.DistributedDataParallel(nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
generator = torch.Generator().manual_seed(rank)
for step in range(10):
    loss = model(torch.randn(16, 8, generator=generator)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
if rank == 0:
    torch.save(model.module.state_dict(), "w.pt")
dist.destroy_process_group()
"""


def test_ranks_of_torchrun_are_traced_and_verified(project: Path) -> None:
    (project / "train.py").write_text(RANKS)
    command = ("--", "torchrun", "--standalone", "--nproc-per-node", "2", "train.py")
    ran = reenact("run", "--json", *command, cwd=project, env={"OMP_NUM_THREADS": "1"}, timeout=180)
    assert ran.returncode == 0, ran.stderr
    manifest = json.loads(reenact("show", "last", "--json", cwd=project).stdout)
    assert [(trace["process"], trace["rank"], trace["steps"]) for trace in manifest["traces"]] == [
        ("rank0", 0, 10),
        ("rank1", 1, 10),
    ]
    done = reenact("verify", "last", "--json", cwd=project, timeout=180)
    assert last_json(done.stdout)["verdict"] == "identical", done.stdout + done.stderr


def test_deterministic_asks_torch(project: Path) -> None:
    (project / "train.py").write_text(
        "import os, torch\n"
        "print(torch.are_deterministic_algorithms_enabled(), os.environ.get('CUBLAS_WORKSPACE_CONFIG'))\n"
    )
    assert reenact("run", "train.py", cwd=project).stdout == "False None\n"
    assert reenact("run", "--deterministic", "train.py", cwd=project).stdout == "True :4096:8\n"


MANUAL = """
import torch

w = torch.zeros(3, requires_grad=True)
for step in range(20):
    x = torch.randn(8, 3)
    loss = ((x @ w) - x.sum(1)).pow(2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        w.grad = None
torch.save(w, "w.pt")
"""


def test_updates_by_hand_count_as_steps_and_unseeded_torch_verifies(project: Path) -> None:
    (project / "train.py").write_text(MANUAL)
    assert reenact("run", "train.py", cwd=project).returncode == 0
    found = last_json(reenact("verify", "last", "--json", cwd=project, timeout=120).stdout)
    assert (found["verdict"], found["steps_compared"]) == ("identical", 20)
    fresh = last_json(reenact("verify", "last", "--fresh-entropy", "--json", cwd=project, timeout=120).stdout)
    assert fresh["verdict"] == "diverged"
    assert fresh["causes"][0]["id"] == "unseeded-generator"


@pytest.mark.parametrize("text", ["import torch\nprint(1)\n"])
def test_importing_torch_alone_leaves_a_complete_record(project: Path, text: str) -> None:
    (project / "train.py").write_text(text)
    assert last_json(reenact("run", "--json", "train.py", cwd=project).stdout)["complete"] is True


def test_runs_that_draw_from_a_seeded_generator_only_have_one_result(project: Path) -> None:
    """Where `random` stands differs from run to run, and a save looks at it: it made no difference."""
    (project / "train.py").write_text(
        "import torch\ntorch.manual_seed(3)\nmodel = torch.nn.Linear(4, 1)\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "for _ in range(4):\n    loss = model(torch.randn(8, 4)).square().mean()\n"
        "    optimizer.zero_grad(); loss.backward(); optimizer.step()\n"
        "torch.save(model.state_dict(), 'model.pt')\n"
    )
    first, second = (manifest(project, record("train.py", cwd=project)) for _ in range(2))
    assert first["traces"][0]["core"] == second["traces"][0]["core"]
    assert first["result"] == second["result"]
    (project / "train.py").write_text((project / "train.py").read_text().replace("seed(3)", "seed(4)"))
    assert manifest(project, record("train.py", cwd=project))["result"] != first["result"]


def test_a_repeat_says_what_is_as_before(tmp_path: Path) -> None:
    """A time in a file makes another result of the same steps; that is said as it is."""
    (tmp_path / "train.py").write_text(
        "import os, time, torch\ntorch.manual_seed(0)\nnet = torch.nn.Linear(2, 1)\n"
        "opt = torch.optim.SGD(net.parameters(), lr=0.1 if time.localtime().tm_year < 3000 else 0.2)\n"
        "for _ in range(3):\n    opt.zero_grad()\n    net(torch.ones(1, 2)).sum().backward()\n    opt.step()\n"
        "if os.path.exists('clock'):\n    open('time.txt', 'w').write(str(time.time_ns()))\n"
    )
    record("train.py", cwd=tmp_path)
    assert "same result as before" in reenact("run", "train.py", cwd=tmp_path).stderr
    (tmp_path / "clock").touch()
    reenact("run", "train.py", cwd=tmp_path)
    told = reenact("run", "train.py", cwd=tmp_path).stderr
    assert "the same steps as before, but other bytes in its files (reenact diff " in told, told
