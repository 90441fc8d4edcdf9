"""A Hydra app in a folder of its own, as people write them: config groups in several files, a resolver of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("hydra")
sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("e2e", "probe")]

FILES = {
    "conf/config.yaml": """\
defaults:
  - model: mlp
  - optim: sgd
  - _self_

seed: 1
steps: 3
noise: ${random:}
stamp: ${now:%H-%M-%S-%f}
data:
  n: 8
  dim: ${model.dim}
""",
    "conf/model/mlp.yaml": "dim: 4\nhidden: 8\n",
    "conf/model/wide.yaml": "dim: 4\nhidden: 32\n",
    "conf/optim/sgd.yaml": "lr: 0.1\n",
    "conf/optim/slow.yaml": "lr: 1e-3\n",
    "conf/experiment/exp1.yaml": "# @package _global_\ndefaults:\n  - override /model: wide\nseed: 7\n",
    "app.py": """\
import random

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

OmegaConf.register_new_resolver("random", lambda: random.random())


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    print(OmegaConf.to_yaml(cfg))
    print("in", cfg.data.dim, cfg.model.hidden, cfg.seed, cfg.optim.lr, cfg.steps)
    folder = HydraConfig.get().runtime.output_dir
    with open(folder + "/result.txt", "w") as file:
        file.write(f"{cfg.noise} {random.random()} {cfg.stamp}")


if __name__ == "__main__":
    main()
""",
    "train.py": """\
import logging

import hydra
import torch

log = logging.getLogger(__name__)


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    torch.manual_seed(cfg.seed)
    model = torch.nn.Linear(cfg.data.dim, cfg.model.hidden)
    optimizer = torch.optim.SGD(model.parameters(), lr=cfg.optim.lr)
    for step in range(cfg.steps):
        loss = model(torch.randn(cfg.data.n, cfg.data.dim)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        log.info("step %d, loss %s", step, loss.item())


if __name__ == "__main__":
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("random", lambda: 4)
    main()
""",
}


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The project's folder."""
    folder = tmp_path / "my app"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
