"""A hyperparameter that only an edit of the code can change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ..finding import NOTE, Hit
from ..hyperparameters import Hyperparameter, hyperparameters
from ..module import Module

ID = "hard-coded-hyperparameter"
SEVERITY = NOTE
WHAT = "a hyperparameter is written in the code"
WHY = "another value is another version of the code: runs cannot be told apart by their settings"
FIX = "give it a name in a config or a command-line option, and record it with the run"


def check(module: Module) -> Iterator[Hit]:
    """One hit for each call, loop or line, with all that stands in it."""
    places: dict[tuple[int, str], list[Hyperparameter]] = defaultdict(list)
    for one in hyperparameters(module):
        if one.in_code:
            places[(one.site, one.tied[0].partition("(")[0])].append(one)
    for ones in places.values():
        values = ", ".join(f"{one.name} = {one.value!r}" for one in ones)
        ties = dict.fromkeys(tie for one in ones for tie in one.tied if tie != "its name")
        functions = dict.fromkeys(_short(tie) for tie in ties)
        first = ones[0]
        told = f"{values}, {_joined(functions)}" if functions else values
        yield Hit(module.path, first.line, first.column, told, max(one.line for one in ones))


def _short(tie: str) -> str:
    """``of Adam`` for ``Adam(lr)``; a loop as it is."""
    return f"in `{tie}`" if tie.startswith("for ") else f"of {tie.partition('(')[0]}"


def _joined(functions: Iterable[str]) -> str:
    return ", ".join(functions).replace(", of ", ", ")


EXAMPLES_POSITIVE = [
    "from torch import optim as o\nopt = o.Adam(model.parameters(), lr=1e-3)\n",
    "from torch.utils.data import DataLoader\nB = 64\nloader = DataLoader(data, B)\n",
    "import torch.nn as nn\ndef block(a, b):\n    return nn.Linear(a, b)\nx = block(128, 256)\n",
    "from torch import nn\nclass Net(nn.Module):\n    def __init__(self, wide=400):\n        self.a = nn.Linear(784, wide)\n",
    "hidden_dim = 400\nmodel = Encoder(hidden_dim=hidden_dim)\n",
    "for epoch in range(20):\n    for x in loader:\n        loss(x).backward()\n",
    "def step(x):\n    loss(x).backward()\nfor i in range(300):\n    step(i)\n",
    "for g in optimizer.param_groups:\n    g['lr'] *= 0.1\n",
    "class Config:\n    learning_rate = 1e-3\n",
]
EXAMPLES_NEGATIVE = [
    "import torch\ny = torch.sum(x, dim=1).view(-1, 784)\n",
    "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default=1e-3)\n",
    "from mylib import Adam\nopt = Adam(1, 2)\n",
    "for i in range(10):\n    print(i)\n",
    "from torch.optim import Adam\nopt = Adam(model.parameters(), lr=args.lr)\n",
    "import matplotlib.pyplot as plt\nplt.plot(x, alpha=0.3)\nplt.figure(figsize=(8, 6))\n",
    "kld = -0.5 * total\nepoch = 0\n",
    "from dataclasses import dataclass\n@dataclass\nclass Config:\n    lr: float = 1e-3\n",
]
