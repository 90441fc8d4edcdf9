"""A set whose order goes on into something ordered."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..finding import WARNING, Hit, hit
from ..module import Module
from ..order import feeds_order

ID = "set-order"
SEVERITY = WARNING
WHAT = "the order of a set goes on into a list, a dict or a loop"
WHY = "the order of a set of strings changes with every start of Python (PYTHONHASHSEED): so do indices of words and labels"
FIX = "put sorted(…) around the set"


def check(module: Module) -> Iterator[Hit]:
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
    "vocab = list(set(words))\n",
    "index = {w: i for i, w in enumerate(set(words))}\n",
    "chars = set(text)\nindex = {c: i for i, c in enumerate(chars)}\n",
    "for i, label in enumerate({row.label for row in rows}):\n    ids[label] = i\n",
    "labels = set(names)\nids = list(labels)\n",
]
EXAMPLES_NEGATIVE = [
    "vocab = sorted(set(words))\n",
    "n = len(set(words))\n",
    "if x in {'a', 'b'}:\n    pass\n",
    "for size in {1, 2, 3}:\n    run(size)\n",
    "both = set(a) & set(b)\n",
    "total = sum(set(numbers))\n",
    "for name in set(names):\n    check(name)\n",
    "seen = set(names)\nif x in seen:\n    pass\n",
    "chars = sorted(list(set(text)))\n",
    "kept = {w for w in set(words)}\n",
]
