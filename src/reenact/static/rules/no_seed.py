"""A program draws from a library's global generator, and nothing seeds that."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..finding import ERROR, Hit, hit
from ..module import Module
from ..project import Project
from ..randomness import draws, seeds

ID = "no-seed"
SEVERITY = ERROR
WHAT = "random numbers are drawn, and the library is never seeded"
WHY = "every run draws other random numbers: other weights, another order, another result"
FIX = "seed it before anything draws"

CALLS = {
    "random": "random.seed(…)",
    "numpy": "np.random.seed(…), or draw from np.random.default_rng(…)",
    "torch": "torch.manual_seed(…), which seeds GPUs too",
    "tensorflow": "tf.random.set_seed(…), or keras.utils.set_random_seed(…)",
    "gym": "env.reset(seed=…)",
}


def check_project(project: Project) -> Iterator[Hit]:
    """For each file that is started: what it and the project's modules that it imports draw and seed."""
    for entry in project.entries:
        modules = project.closure(entry)
        seeded = {library for module in modules for libraries, _, _ in seeds(module) for library in libraries}
        told: set[str] = set()
        for module in modules:
            for library, call, name in draws(module):
                if library in seeded or library in told:
                    continue
                told.add(library)
                yield _hit(entry, module, call, library, name, "cuda" in seeded)


def _hit(entry: Module, module: Module, call: ast.Call, library: str, name: str, cuda: bool) -> Hit:
    what = f"{name.removeprefix('builtins.')} draws, and {library} is never seeded"
    if library == "torch" and cuda:
        what = f"{name} draws on the CPU, and only the GPU's generator is seeded"
    fix = f"before anything draws, call {CALLS[library]}"
    if module is entry:
        return hit(entry.path, call, what, fix=fix)
    line = getattr(call, "lineno", 1)
    first = next((node for node in entry.tree.body if isinstance(node, (ast.Import, ast.ImportFrom))), entry.tree)
    return hit(entry.path, first, f"{what} (in {module.path.rpartition('/')[2]}, line {line})", fix=fix)


EXAMPLES_POSITIVE = [
    "from torch import nn\nmodel = nn.Linear(2, 2)\n",
    "import torch.utils.data as d\nloader = d.DataLoader(x, shuffle=True)\n",
    "from numpy import random as r\nx = r.permutation(10)\n",
    "import random\nx = random.choice([1, 2])\nrandom.seed()\n",
    "import torch\ntorch.cuda.manual_seed(1)\nx = torch.randn(3)\n",
    "from tensorflow.keras.layers import Dense as D\nx = D(3)\n",
    "from sklearn.model_selection import train_test_split\na, b = train_test_split(x)\n",
    "import gymnasium as gym\nenv = gym.make('CartPole-v1')\nobs, _ = env.reset()\n",
]
EXAMPLES_NEGATIVE = [
    "import torch\nfrom torch import nn\ntorch.manual_seed(1)\nmodel = nn.Linear(2, 2)\n",
    "from lightning import seed_everything as s\nimport torch\ns(1)\nx = torch.rand(2)\n",
    "import random\nrandom.seed(args.seed)\nx = random.random()\n",
    "import torch\nx = torch.randn(3, generator=g)\n",
    "import jax\nx = jax.random.normal(key, (3,))\n",
    "from sklearn.model_selection import train_test_split\na, b = train_test_split(x, random_state=1)\n",
    "import numpy as np\nrng = np.random.default_rng(1)\nx = rng.normal()\n",
    "from utils import set_seed\nimport torch\nset_seed(3)\nx = torch.randn(3)\n",
    "random = Thing()\nx = random.choice([1, 2])\n",
    "import gymnasium as gym\nenv = gym.make('CartPole-v1')\nobs, _ = env.reset(seed=1)\n",
    "import torch\nx = torch.utils.data.DataLoader(d, shuffle=False)\n",
]
