"""A set whose order goes on into something ordered."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..finding import WARNING, Hit, hit
from ..module import Module
from ..order import feeds_order
from ..project import Project

ID = "set-order"
SEVERITY = WARNING
WHAT = "the order of a set goes on into a list, a dict or a loop"
WHY = "the order of a set of strings changes with every start of Python (PYTHONHASHSEED): so do indices of words and labels"
FIX = "put sorted(…) around the set"


def check_project(project: Project) -> Iterator[Hit]:
    """In files that compute, and those that they import."""
    yield from project.where_numeric(_check)


def _check(module: Module) -> Iterator[Hit]:
    for node in (*module.nodes(ast.Set), *module.nodes(ast.SetComp), *module.nodes(ast.Call)):
        if isinstance(node, ast.Call) and module.name(node.func) not in ("builtins.set", "builtins.frozenset"):
            continue
        if isinstance(node, ast.Call) and not node.args:
            continue
        if isinstance(node, ast.Set) and _no_strings(node):
            continue
        if feeds_order(node, module, loops=False):
            yield hit(module.path, node, "the order of a set is used")


def _no_strings(node: ast.Set) -> bool:
    """Small numbers hash to themselves."""
    return all(isinstance(element, ast.Constant) and isinstance(element.value, (int, float)) for element in node.elts)


EXAMPLES_POSITIVE = [
    "import torch\nvocab = list(set(words))\n",
    "import torch\nindex = {w: i for i, w in enumerate(set(words))}\n",
    "import torch\nchars = set(text)\nindex = {c: i for i, c in enumerate(chars)}\n",
    "import torch\nfor i, label in enumerate({row.label for row in rows}):\n    ids[label] = i\n",
    "import torch\nlabels = set(names)\nids = list(labels)\n",
    "import numpy as np\ndef f(labels):\n    c = set(labels)\n    d = {x: i for i, x in enumerate(c)}\n    return list(map(d.get, labels))\n",
]
EXAMPLES_NEGATIVE = [
    "import torch\nvocab = sorted(set(words))\n",
    "import torch\nn = len(set(words))\n",
    "import torch\nif x in {'a', 'b'}:\n    pass\n",
    "import torch\nfor size in {1, 2, 3}:\n    run(size)\n",
    "import torch\nboth = set(a) & set(b)\n",
    "import torch\ntotal = sum(set(numbers))\n",
    "import torch\nfor name in set(names):\n    check(name)\n",
    "import torch\nseen = set(names)\nif x in seen:\n    pass\n",
    "import torch\nchars = sorted(list(set(text)))\n",
    "import torch\nkept = {w for w in set(words)}\n",
    "vocab = list(set(words))\n",
]
