"""Trains the model on the points in data/, as conf/ says.

python src/train.py experiment=exp2 training.lr=0.02
reenact run src/train.py -m model=small,wide
"""

import json
import logging
from pathlib import Path

import hydra
import numpy as np
from hydra.core.hydra_config import HydraConfig

import data
import model as models

log = logging.getLogger(__name__)


class Adam:
    """Kingma and Ba's optimizer, for a list of arrays."""

    def __init__(self, weights, lr, betas=(0.9, 0.999), tiny=1e-8):
        self.weights, self.lr, self.betas, self.tiny = weights, lr, betas, tiny
        self.steps = 0
        self.means = [np.zeros_like(weight) for weight in weights]
        self.squares = [np.zeros_like(weight) for weight in weights]

    def step(self, gradients):
        self.steps += 1
        first, second = self.betas
        for weight, gradient, mean, square in zip(self.weights, gradients, self.means, self.squares):
            mean += (1 - first) * (gradient - mean)
            square += (1 - second) * (gradient**2 - square)
            scaled = mean / (1 - first**self.steps)
            weight -= self.lr * scaled / (np.sqrt(square / (1 - second**self.steps)) + self.tiny)


def train(cfg, folder):
    """Trains and leaves the model and its metrics in a folder; the metrics."""
    points, labels = data.load(cfg.data.file)
    train_points, train_labels, test_points, test_labels = data.split(points, labels, cfg.data.test_share, cfg.seed)
    order = np.random.default_rng(cfg.seed)
    model = models.build(**cfg.model, seed=cfg.seed)
    optimizer = Adam(model.weights, cfg.training.lr)
    losses = []
    for epoch in range(cfg.training.epochs):
        total = 0.0
        shuffled = order.permutation(len(train_points))
        for start in range(0, len(shuffled), cfg.training.batch_size):
            batch = shuffled[start : start + cfg.training.batch_size]
            loss, gradients = model.gradients(train_points[batch], train_labels[batch])
            optimizer.step(gradients)
            total += loss * len(batch)
        losses.append(total / len(train_points))
        log.info("epoch %d: loss %.4f", epoch + 1, losses[-1])
    guesses = models.probabilities(model, test_points).argmax(axis=1)
    accuracy = float((guesses == test_labels).mean())
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
