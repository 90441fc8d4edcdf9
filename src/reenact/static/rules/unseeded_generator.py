"""A generator of its own that is given no seed."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import ERROR, Hit, hit
from ..module import Module
from ..randomness import seeded

ID = "unseeded-generator"
SEVERITY = ERROR
WHAT = "a generator is made without a seed"
WHY = "it seeds itself from the operating system: no global seed reaches it"
FIX = "give it a seed"

GENERATORS = {
    "numpy.random.default_rng": "numpy.random.default_rng()",
    "numpy.random.RandomState": "numpy.random.RandomState()",
    "numpy.random.PCG64": "numpy.random.PCG64()",
    "numpy.random.MT19937": "numpy.random.MT19937()",
    "numpy.random.SeedSequence": "numpy.random.SeedSequence()",
    "random.Random": "random.Random()",
}


def check(module: Module) -> Iterator[Hit]:
    for call, name in module.called:
        if name == "random.SystemRandom" and module.is_numeric:
            yield hit(module.path, call, "random.SystemRandom cannot be seeded", fix="use random.Random(seed)")
        elif name in GENERATORS and not seeded(call) and not any(k.arg in (None, "entropy") for k in call.keywords):
            yield hit(module.path, call, f"{name}() has no seed")


EXAMPLES_POSITIVE = [
    "from numpy.random import default_rng as rng\ng = rng()\n",
    "import numpy as np\nr = np.random.RandomState(None)\n",
    "import random\nr = random.Random()\n",
    "import random, torch\nr = random.SystemRandom()\n",
]
EXAMPLES_NEGATIVE = [
    "import numpy as np\nr = np.random.default_rng(7)\n",
    "import numpy as np\nr = np.random.default_rng(seed=args.seed)\n",
    "from mine import Random\nr = Random()\n",
    "import numpy as np\nr = np.random.RandomState(*seeds)\n",
]
