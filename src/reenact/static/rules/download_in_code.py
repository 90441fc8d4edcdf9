"""``download=True``: the data is what a server has on that day."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..finding import NOTE, Hit, hit
from ..module import Module
from ..randomness import is_true, keyword

ID = "download-in-code"
SEVERITY = NOTE
WHAT = "data is downloaded by the training script"
WHY = "a run needs the network, and gets what the server has on that day"
FIX = "download once, in a step of its own, and keep the digest of what came"


def check(module: Module) -> Iterator[Hit]:
    for call in module.nodes(ast.Call):
        place = keyword(call, "download")
        if place is not None and is_true(place):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "a call")
            yield hit(module.path, place, f"{name}(download=True)")


EXAMPLES_POSITIVE = [
    "from torchvision.datasets import MNIST\nd = MNIST('data', download=True)\n",
    "d = dataset(root=r,\n            download=True)\n",
]
EXAMPLES_NEGATIVE = [
    "d = MNIST('data', download=False)\n",
    "d = MNIST('data', download=args.download)\n",
    "download = True\n",
]
