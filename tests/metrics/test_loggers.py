"""Numbers that programs send to other loggers are in the record too, once, at their steps. Each library is the real one."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import manifest, record, run_folder

from reenact.record.points import read_chunks, read_names


def logged(project: Path, script: str, needs: str, **env: str) -> dict[str, list[tuple[int, float]]]:
    """Steps and values of every metric that a script logged."""
    if importlib.util.find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed")
    (project / "train.py").write_text(script)
    run = record("train.py", cwd=project, env=env, timeout=300)
    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted((run_folder(project, run) / "metrics").glob("*.points")):
        names = read_names(path)
        for chunk in read_chunks(path):
            for number, step, value in zip(chunk.names, chunk.steps, chunk.values):
                if number:  # 0: a signal came while it was being written
                    found.setdefault(names[number], []).append((step, value))
    known = manifest(project, run)["metrics"]
    assert {name: known[name]["count"] for name in found} == {name: len(points) for name, points in found.items()}
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


def test_torch_tensorboard(project: Path) -> None:
    found = logged(
        project,
        "from torch.utils.tensorboard import SummaryWriter\n"
        "with SummaryWriter('tb') as writer:\n"
        "    for step in range(5):\n"
        "        writer.add_scalar('train/loss', 1 / (step + 1), step * 10)\n"
        "    writer.add_scalars('both', {'a': 1, 'b': 2}, 3)\n"
        "    writer.add_histogram('h', __import__('torch').ones(3), 0)\n",
        "tensorboard",
    )
    assert found["train/loss"] == [(step * 10, 1 / (step + 1)) for step in range(5)]
    assert found["both/a"] == [(3, 1.0)] and found["both/b"] == [(3, 2.0)]
    assert set(found) == {"train/loss", "both/a", "both/b"}


def test_tensorboardx(project: Path) -> None:
    script = "from tensorboardX import SummaryWriter\nw = SummaryWriter('tb')\nw.add_scalar('x', 2.5, 7)\nw.close()\n"
    assert logged(project, script, "tensorboardX") == {"x": [(7, 2.5)]}


def test_mlflow(project: Path) -> None:
    found = logged(
        project,
        "import mlflow\n"
        "from mlflow.entities import Metric\n"
        "mlflow.set_tracking_uri('file:./mlruns')\n"
        "with mlflow.start_run() as run:\n"
        "    for step in range(3):\n"
        "        mlflow.log_metric('acc', step / 2, step=step)\n"
        "    mlflow.log_metrics({'a': 1.0, 'b': float('nan')}, step=9)\n"
        "    mlflow.MlflowClient().log_batch(run.info.run_id, [Metric('c', 4.0, 0, 11)])\n"
        "    mlflow.log_param('p', 1)\n",
        "mlflow",
        MLFLOW_ALLOW_FILE_STORE="true",
    )
    assert found["acc"] == [(0, 0.0), (1, 0.5), (2, 1.0)]
    assert found["a"] == [(9, 1.0)] and found["c"] == [(11, 4.0)]
    assert math.isnan(found["b"][0][1])


def test_wandb_offline(project: Path) -> None:
    found = logged(
        project,
        "import wandb\n"
        "run = wandb.init(mode='offline', project='p', dir='.')\n"
        "for i in range(3):\n    wandb.log({'loss': i / 4, 'text': 'no number', 'deep': {'er': i}})\n"
        "wandb.log({'late': 1}, step=20)\n"
        "run.finish()\n",
        "wandb",
        WANDB_SILENT="true",
    )
    assert found["loss"] == [(0, 0.0), (1, 0.25), (2, 0.5)]
    assert found["deep.er"] == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert found["late"] == [(20, 1.0)] and "text" not in found


def test_keras(project: Path) -> None:
    found = logged(
        project,
        "import json, keras, numpy as np\n"
        "x = np.random.rand(32, 4); y = x.sum(1)\n"
        "model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])\n"
        "model.compile(optimizer='sgd', loss='mse')\n"
        "history = model.fit(x, y, validation_split=0.25, epochs=3, verbose=0)\n"
        "json.dump(history.history, open('history.json', 'w'))\n",
        "keras",
        KERAS_BACKEND="torch",
    )
    import json

    history = json.loads((project / "history.json").read_text())
    assert set(history) == {"loss", "val_loss"}
    for name, values in history.items():
        assert found[name] == list(enumerate(values))


def test_lightning(project: Path) -> None:
    found = logged(
        project,
        "import torch, pytorch_lightning as pl\n"
        "class M(pl.LightningModule):\n"
        "    def __init__(self):\n        super().__init__(); self.l = torch.nn.Linear(4, 1)\n"
        "    def training_step(self, batch, i):\n"
        "        loss = self.l(batch[0]).square().mean(); self.log('my_loss', loss); return loss\n"
        "    def configure_optimizers(self):\n        return torch.optim.SGD(self.parameters(), lr=0.1)\n"
        "data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(16, 4)), batch_size=4)\n"
        "pl.Trainer(max_epochs=2, logger=True, log_every_n_steps=1, enable_checkpointing=False,\n"
        "    enable_progress_bar=False, enable_model_summary=False).fit(M(), data)\n",
        "pytorch_lightning",
    )
    assert [step for step, _ in found["my_loss"]] == list(range(8))
    assert all(math.isfinite(value) for _, value in found["my_loss"])


def test_hugging_face(project: Path) -> None:
    found = logged(
        project,
        "import torch, transformers\n"
        "class M(torch.nn.Module):\n"
        "    def __init__(self):\n        super().__init__(); self.l = torch.nn.Linear(4, 1)\n"
        "    def forward(self, x=None):\n        return {'loss': self.l(x).square().mean()}\n"
        "data = [{'x': torch.randn(4)} for _ in range(16)]\n"
        "args = transformers.TrainingArguments('out', max_steps=6, logging_steps=2, report_to='none', use_cpu=True,\n"
        "    disable_tqdm=True, save_strategy='no', per_device_train_batch_size=4)\n"
        "transformers.Trainer(model=M(), args=args, train_dataset=data).train()\n",
        "transformers",
    )
    assert [step for step, _ in found["loss"]] == [2, 4, 6]
    assert [step for step, _ in found["learning_rate"]] == [2, 4, 6]


def test_threads_that_log_at_once(project: Path) -> None:
    """While one thread is in a logging call, another's is its own, and not what the first hands on."""
    found = logged(
        project,
        "import threading, time\n"
        "from tensorboardX import SummaryWriter\n"
        "writer = SummaryWriter('tb')\n"
        "import tensorboardX.writer as inner\n"
        "original = inner.scalar\n"
        "def slow(*args, **kwargs):\n    time.sleep(0.001)\n    return original(*args, **kwargs)\n"
        "inner.scalar = slow\n"
        "def work(n):\n    for i in range(200):\n        writer.add_scalar(f't{n}', i, i)\n"
        "threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "writer.close()\n",
        "tensorboardX",
    )
    assert found == {f"t{n}": [(i, float(i)) for i in range(200)] for n in range(4)}
