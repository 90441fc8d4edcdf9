"""``cudnn.benchmark = True``: kernels are chosen by how fast they were this time."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..finding import WARNING, Hit, hit
from ..module import Module
from ..randomness import is_true

ID = "cudnn-benchmark"
SEVERITY = WARNING
WHAT = "cudnn may choose other kernels at every run"
WHY = "cudnn times its kernels and takes the fastest: another one rounds differently"
FIX = "set torch.backends.cudnn.benchmark = False, or run with `reenact run --deterministic`"


def check(module: Module) -> Iterator[Hit]:
    for node in module.nodes(ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Attribute) and target.attr == "benchmark" and is_true(node.value):
                name = module.name(target)
                if name == "torch.backends.cudnn.benchmark":
                    yield hit(module.path, target, "torch.backends.cudnn.benchmark = True")
    for call, name in module.called:
        if name.endswith(".Trainer") and any(k.arg == "benchmark" and is_true(k.value) for k in call.keywords):
            yield hit(module.path, call, "Trainer(benchmark=True)")


EXAMPLES_POSITIVE = [
    "import torch\ntorch.backends.cudnn.benchmark = True\n",
    "from torch.backends import cudnn as c\nc.benchmark = True\n",
    "import pytorch_lightning as pl\nt = pl.Trainer(benchmark=True)\n",
]
EXAMPLES_NEGATIVE = [
    "import torch\ntorch.backends.cudnn.benchmark = False\n",
    "config.benchmark = True\n",
    "import torch\nx = torch.backends.cudnn.benchmark\n",
]
