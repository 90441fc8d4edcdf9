"""``reenact extract`` as a person types it: the proof runs the original and the rewrite for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("hydra")

VAE = '''"""A variational autoencoder, its values in the code."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

batch_size = 100
x_dim = 16
hidden_dim = 20
latent_dim = 20
lr = 1e-3
epochs = 2

data = torch.rand(300, x_dim)
loader = DataLoader(TensorDataset(data), batch_size=batch_size, shuffle=True)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Linear(x_dim, hidden_dim)
        self.both = nn.Linear(hidden_dim, 2 * latent_dim)
        self.decode = nn.Sequential(nn.Linear(latent_dim, 12), nn.ReLU(), nn.Linear(12, x_dim))

    def forward(self, x):
        mean, log_var = self.both(torch.relu(self.encode(x))).chunk(2, 1)
        return self.decode(mean + torch.randn_like(mean) * torch.exp(log_var / 2))


model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=lr)
for epoch in range(epochs):
    for (x,) in loader:
        optimizer.zero_grad()
        loss = ((model(x) - x) ** 2).mean()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, f"loss {loss.item():.17g}")
print("done", end=".\\n")
torch.save(model.state_dict(), "vae.pt")
'''


def extract(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", "from reenact.cli.main import entry; entry()", "extract", *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "train.py").write_text(VAE)
    return tmp_path


def test_a_vae_is_proven_written_and_runs(project: Path) -> None:
    done = extract(project, "train.py", "--write", "--typed")
    assert done.returncode == 0, done.stderr
    assert "identical: 6 training steps, 1 file and all that is printed are the same to the bit" in done.stdout
    files = sorted(str(path.relative_to(project)) for path in (project / "conf").rglob("*.yaml"))
    assert files == [
        "conf/config.yaml",
        "conf/experiment/exp1.yaml",
        "conf/model/default.yaml",
        "conf/training/default.yaml",
    ]
    assert "lr: 0.001\n" in (project / "conf/training/default.yaml").read_text()
    assert not (project / "vae.pt").exists(), "the proof runs in a copy"
    (project / "conf/experiment/exp2.yaml").write_text("# @package _global_\ntraining:\n  epochs: 1\n")
    ran = subprocess.run(
        [sys.executable, "train.py", "experiment=exp2", "training.lr=1e-2"], cwd=project, capture_output=True, text=True
    )
    assert ran.stdout.startswith("epoch 0 loss"), ran.stderr
    assert ran.stdout.count("epoch") == 1
    logs = list((project / "outputs").rglob("train.log"))
    assert "epoch 0 loss" in logs[0].read_text()
    wrong = subprocess.run(
        [sys.executable, "train.py", "training.epochs=many"], cwd=project, capture_output=True, text=True
    )
    assert wrong.returncode != 0
    assert "could not be converted to Integer" in wrong.stderr


def test_what_depends_on_the_text_of_the_script_is_not_written(project: Path) -> None:
    (project / "train.py").write_text(VAE + "print(len(open('train.py').read()))\n")
    before = (project / "train.py").read_text()
    done = extract(project, "train.py", "--write", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["verdict"], told["written"]) == (1, "diverged", False)
    assert told["reason"].startswith("what it prints")
    assert (project / "train.py").read_text() == before
    assert not (project / "conf").exists()


def test_a_difference_in_training_is_named(project: Path) -> None:
    # The number of lines above decides what the first step sees.
    text = VAE.replace(
        "model = VAE()\n", "import inspect\nmodel = VAE()\ntorch.manual_seed(inspect.currentframe().f_lineno)\n"
    )
    (project / "train.py").write_text(text)
    told = json.loads(extract(project, "train.py", "--json").stdout)
    assert told["verdict"] == "diverged"
    assert told["reason"].startswith(("step 0, batch", "step -1, seed", "step 0, seed")), told["reason"]


def test_an_original_that_differs_from_itself_proves_nothing(project: Path) -> None:
    (project / "train.py").write_text(VAE.replace("data = ", "import os\ntorch.manual_seed(os.getpid())\ndata = "))
    told = json.loads(extract(project, "train.py", "--json").stdout)
    assert told["verdict"] == "not-provable"
    assert told["reason"].startswith("the original differs from itself: step")


def test_an_original_that_fails_proves_nothing(project: Path) -> None:
    (project / "train.py").write_text(VAE + "raise ValueError('too late')\n")
    told = json.loads(extract(project, "train.py", "--json").stdout)
    assert told["verdict"] == "not-provable"
    assert "ValueError: too late" in told["reason"]


def test_quick_compares_the_first_steps(project: Path) -> None:
    (project / "train.py").write_text(VAE.replace("epochs = 2", "epochs = 2000"))
    told = json.loads(extract(project, "train.py", "--quick", "--json", "--out", "app").stdout)
    assert told["verdict"] == "identical"
    assert 20 <= told["steps_compared"] < 6000
    assert not told["whole"]
    assert (project / "app/conf/config.yaml").exists()
    assert (project / "train.py").read_text().startswith('"""A variational')


def test_without_an_answer_nothing_is_written(project: Path) -> None:
    done = extract(project, "train.py")
    assert done.returncode == 0
    assert "+    lr = cfg.training.lr" in done.stdout
    assert "nothing was written" in done.stderr
    assert not (project / "conf").exists()


def test_files_that_are_there_are_not_overwritten(project: Path) -> None:
    (project / "conf").mkdir()
    (project / "conf/config.yaml").write_text("mine: 1\n")
    done = extract(project, "train.py", "--write")
    assert done.returncode == 1
    assert "there already: conf/config.yaml" in done.stderr
    assert (project / "conf/config.yaml").read_text() == "mine: 1\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x7fELF\0\0", "cannot be read as Python"),
        (b"def f(:\n", "syntax error"),
        (b"import argparse\nlr = 1\n", "argparse"),
        (b"x = 1\n", "no hyperparameter"),
    ],
)
def test_what_cannot_be_extracted_is_told(project: Path, content: bytes, told: str) -> None:
    (project / "train.py").write_bytes(content)
    done = extract(project, "train.py", "--write")
    assert done.returncode in (1, 2)
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_no_such_script(project: Path) -> None:
    done = extract(project, "trian.py")
    assert done.returncode == 2
    assert "cannot read trian.py" in done.stderr
