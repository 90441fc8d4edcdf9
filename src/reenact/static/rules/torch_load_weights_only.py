"""``torch.load`` without ``weights_only``."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import NOTE, Hit, hit
from ..module import Module
from ..randomness import keyword

ID = "torch-load-weights-only"
SEVERITY = NOTE
WHAT = "torch.load does not say what it may load"
WHY = "its default changed with torch 2.6: older ones run code that is in the file, newer ones refuse files that hold more than tensors"
FIX = "say weights_only=True, or False where the file is your own and holds objects"


def check(module: Module) -> Iterator[Hit]:
    for call, name in module.called:
        told = keyword(call, "weights_only") is not None or not all(one.arg for one in call.keywords)
        if name in ("torch.load", "torch.serialization.load") and not told:
            yield hit(module.path, call, "torch.load without weights_only")


EXAMPLES_POSITIVE = [
    "import torch\nx = torch.load('a.pt')\n",
    "from torch import load as l\nx = l(p, map_location='cpu')\n",
]
EXAMPLES_NEGATIVE = [
    "import torch\nx = torch.load('a.pt', weights_only=True)\n",
    "import torch\nx = torch.load('a.pt', **options)\n",
    "import json\nx = json.load(f)\n",
]
