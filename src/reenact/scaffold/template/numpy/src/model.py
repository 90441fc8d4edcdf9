"""The model: what it is made of, its gradients, its file, and what it says of points."""

import numpy as np

FILE = "model.npz"
"""Name of the file that a training leaves in its folder."""


CLASSES = 2


class Classifier:
    """Layers of one width, from a point to a score for each class.

    ``weights`` are a matrix and a row of biases for each layer in turn.
    """

    def __init__(self, hidden, layers, weights):
        self.shape = {"hidden": hidden, "layers": layers}
        self.weights = weights

    def forward(self, points):
        """What goes into each layer, and the scores at the end."""
        found = [points]
        for at in range(0, len(self.weights), 2):
            scores = found[-1] @ self.weights[at] + self.weights[at + 1]
            found.append(np.maximum(scores, 0) if at + 2 < len(self.weights) else scores)
        return found

    def gradients(self, points, labels):
        """The mean cross entropy, and its gradient for each of the weights."""
        *inputs, scores = self.forward(points)
        likely = softmax(scores)
        rows = np.arange(len(labels))
        loss = -np.log(likely[rows, labels]).mean()
        slope = likely
        slope[rows, labels] -= 1
        slope /= len(labels)
        found = []
        for at in range(len(self.weights) - 2, -2, -2):
            given = inputs[at // 2]
            found += [slope.sum(axis=0), given.T @ slope]
            slope = (slope @ self.weights[at].T) * (given > 0)
        return float(loss), found[::-1]


def softmax(scores):
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def build(hidden, layers, seed):
    """A model with new weights, drawn by the seed."""
    draw = np.random.default_rng(seed)
    widths = [2] + [hidden] * layers + [CLASSES]
    weights = []
    for a, b in zip(widths, widths[1:]):
        weights += [draw.normal(0, np.sqrt(2 / a), (a, b)).astype(np.float32), np.zeros(b, dtype=np.float32)]
    return Classifier(hidden, layers, weights)


def save(model, path):
    np.savez(path, **model.shape, **{f"weight{at}": weight for at, weight in enumerate(model.weights)})


def load(path):
    """The model of a file, ready to predict."""
    with np.load(path) as saved:
        hidden, layers = int(saved["hidden"]), int(saved["layers"])
        return Classifier(hidden, layers, [saved[f"weight{at}"] for at in range(2 * layers + 2)])


def probabilities(model, points):
    """How likely each class is, for points of shape (points, 2): float32 of shape (points, CLASSES)."""
    return softmax(model.forward(np.asarray(points, dtype=np.float32).reshape(-1, 2))[-1])
