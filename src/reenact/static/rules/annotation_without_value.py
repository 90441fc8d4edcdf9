"""``batch_size: 64`` says that 64 is a type; it assigns nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..finding import ERROR, Hit, hit
from ..module import Module
from ..values import is_number

ID = "annotation-without-value"
SEVERITY = ERROR
WHAT = "an annotation where a value was meant: `batch_size: 64`"
WHY = "nothing is assigned: the code does not use the number that it shows"
FIX = "write `=` instead of `:`"


def check(module: Module) -> Iterator[Hit]:
    for node in module.nodes(ast.AnnAssign):
        if node.value is None and is_number(node.annotation):
            target, value = ast.unparse(node.target), ast.unparse(node.annotation)
            yield hit(module.path, node, f"`{target}: {value}` is an annotation: it gives {target} no value")


EXAMPLES_POSITIVE = ["class my_hp:\n    batch_size: 64\n", "lr: 1e-3\n", "betas: (0.9, 0.999)\n"]
EXAMPLES_NEGATIVE = ["batch_size: int = 64\n", "class A:\n    x: int\n", "x: 'int'\n", "x: None\n"]
