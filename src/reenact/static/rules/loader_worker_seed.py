"""Workers of a DataLoader draw from numpy or random, and nothing seeds those in them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..finding import WARNING, Hit, hit
from ..module import Module
from ..project import Project
from ..randomness import draws, is_false, keyword

ID = "loader-worker-seed"
SEVERITY = WARNING
WHAT = "a DataLoader with workers, and a dataset that draws from random or numpy"
WHY = "with other numbers of workers each item draws other numbers, and numpy before 1.26 or torch before 1.9 repeats them in each worker"
FIX = "pass worker_init_fn that seeds numpy and random from torch.initial_seed(), and a seeded generator"


def check_project(project: Project) -> Iterator[Hit]:
    for module in project.modules.values():
        loaders = [call for call, name in module.called if name == "torch.utils.data.DataLoader" and _workers(call)]
        loaders = [call for call in loaders if not keyword(call, "worker_init_fn")]
        if not loaders:
            continue
        drawn = next((found for other in project.closure(module) for found in _in_datasets(other)), None)
        if drawn:
            for call in loaders:
                yield hit(
                    module.path, call, f"workers draw with {drawn} in __getitem__, and no worker_init_fn seeds it"
                )


def _workers(call: ast.Call) -> bool:
    workers = keyword(call, "num_workers")
    return workers is not None and not is_false(workers)


def _in_datasets(module: Module) -> Iterator[str]:
    """What items of datasets draw with: in ``__getitem__``, and in methods and functions of the file that it calls."""
    for library, call, name in draws(module):
        if library in ("random", "numpy"):
            around = [node for node in module.above(call) if isinstance(node, ast.FunctionDef)]
            if any(function.name in ("__getitem__", "__iter__", "__getitems__") for function in around) or (
                around and _called_by_items(module, around[-1].name)
            ):
                yield name


def _called_by_items(module: Module, name: str) -> bool:
    for function in module.nodes(ast.FunctionDef):
        if function.name in ("__getitem__", "__getitems__"):
            for node in ast.walk(function):
                if isinstance(node, ast.Call):
                    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                    if called == name:
                        return True
    return False


_SET = "import numpy as np\nfrom torch.utils.data import DataLoader, Dataset\nclass D(Dataset):\n    def __getitem__(self, i):\n"
EXAMPLES_POSITIVE = [
    _SET + "        return np.random.rand()\nloader = DataLoader(D(), num_workers=4)\n",
    _SET
    + "        return flip(i)\ndef flip(i):\n    return np.random.rand()\nloader = DataLoader(D(), num_workers=n)\n",
]
EXAMPLES_NEGATIVE = [
    _SET + "        return np.random.rand()\nloader = DataLoader(D())\n",
    _SET + "        return np.random.rand()\nloader = DataLoader(D(), num_workers=0)\n",
    _SET + "        return np.random.rand()\nloader = DataLoader(D(), num_workers=4, worker_init_fn=seed)\n",
    _SET + "        return i\nloader = DataLoader(D(), num_workers=4)\nx = np.random.rand()\n",
]
