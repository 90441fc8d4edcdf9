"""Trains the model on the points in data/, as conf/ says.

python src/train.py experiment=exp2 training.lr=0.02
reenact run src/train.py -m model=small,wide
"""

import json
import logging
from pathlib import Path

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import data
import model as models

log = logging.getLogger(__name__)


def train(cfg, folder):
    """Trains and leaves the model and its metrics in a folder; the metrics."""
    points, labels = data.load(cfg.data.file)
    parts = data.split(points, labels, cfg.data.test_share, cfg.seed)
    train_points, train_labels, test_points, test_labels = (torch.from_numpy(part) for part in parts)
    order = torch.Generator().manual_seed(cfg.seed)
    batches = DataLoader(
        TensorDataset(train_points, train_labels), cfg.training.batch_size, shuffle=True, generator=order
    )
    model = models.build(**cfg.model, seed=cfg.seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.training.lr)
    losses = []
    for epoch in range(cfg.training.epochs):
        total = 0.0
        for some_points, some_labels in batches:
            loss = nn.functional.cross_entropy(model(some_points), some_labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(some_points)
        losses.append(total / len(train_points))
        log.info("epoch %d: loss %.4f", epoch + 1, losses[-1])
    guesses = models.probabilities(model.eval(), test_points).argmax(axis=1)
    accuracy = float((guesses == test_labels.numpy()).mean())
    log.info("accuracy on the test part: %.3f", accuracy)
    models.save(model, folder / models.FILE)
    metrics = {"losses": losses, "accuracy": accuracy}
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    return metrics


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(cfg):
    train(cfg, Path(HydraConfig.get().runtime.output_dir))


if __name__ == "__main__":
    main()
