"""The model: what it is made of, its file, and what it says of points."""

import numpy as np
import torch
from torch import nn

FILE = "model.pt"
"""Name of the file that a training leaves in its folder."""


CLASSES = 2


class Classifier(nn.Module):
    """Layers of one width, from a point to a score for each class."""

    def __init__(self, hidden, layers):
        super().__init__()
        self.shape = {"hidden": hidden, "layers": layers}
        widths = [2] + [hidden] * layers
        steps = [step for a, b in zip(widths, widths[1:]) for step in (nn.Linear(a, b), nn.ReLU())]
        self.net = nn.Sequential(*steps, nn.Linear(widths[-1], CLASSES))

    def forward(self, points):
        return self.net(points)


def build(hidden, layers, seed):
    """A model with new weights, drawn by the seed."""
    torch.manual_seed(seed)
    return Classifier(hidden, layers)


def save(model, path):
    torch.save({"shape": model.shape, "weights": model.state_dict()}, path)


def load(path):
    """The model of a file, ready to predict."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    model = Classifier(**saved["shape"])
    model.load_state_dict(saved["weights"])
    return model.eval()


def probabilities(model, points):
    """How likely each class is, for points of shape (points, 2): float32 of shape (points, CLASSES)."""
    with torch.no_grad():
        scores = model(torch.as_tensor(np.asarray(points, dtype=np.float32).reshape(-1, 2)))
        return torch.softmax(scores, dim=1).numpy()
