"""A seed that is taken from the clock, the operating system or the process's number."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..finding import ERROR, Hit, hit
from ..module import Module
from ..randomness import seeds

ID = "seed-from-clock"
SEVERITY = ERROR
WHAT = "a seed comes from the clock, the operating system or a process number"
WHY = "it is another seed at every run"
FIX = "seed with a number of your own, and record it with the run"

CHANGING = (
    *(
        "time.time",
        "time.time_ns",
        "time.perf_counter",
        "time.perf_counter_ns",
        "time.monotonic",
        "os.getpid",
        "os.urandom",
    ),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "uuid.uuid4", "secrets.randbits", "secrets.randbelow"),
    *("torch.seed", "builtins.id"),
)
DRAWING = ("random.randint", "random.randrange", "random.getrandbits", "numpy.random.randint")
GENERATORS = (
    "numpy.random.default_rng",
    "numpy.random.RandomState",
    "random.Random",
    "jax.random.PRNGKey",
    "jax.random.key",
)


def check(module: Module) -> Iterator[Hit]:
    for call, name in module.called:
        if name in ("torch.seed", "torch.cuda.seed", "torch.cuda.seed_all"):
            yield hit(
                module.path, call, f"{name}() seeds from the operating system", fix="call torch.manual_seed(…) instead"
            )
    calls = [call for _, call, _ in seeds(module)] + [call for call, name in module.called if name in GENERATORS]
    for call in calls:
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        source = next((found for argument in arguments for found in _changing(argument, module, call)), None)
        if source:
            yield hit(module.path, call, f"the seed comes from {source}()")


def _changing(node: ast.expr, module: Module, seed: ast.Call, depth: int = 0) -> Iterator[str]:
    """Functions in an expression, or in what its names and attributes were set to, that give something else each time."""
    for part in ast.walk(node):
        values: list[ast.expr | None] = []
        if isinstance(part, ast.Call):
            name = module.name(part.func) or ""
            if name in CHANGING or (name in DRAWING and not _seeded_before(part, name, module)):
                yield name
        elif isinstance(part, ast.Name):
            values = [binding.value for binding in module.names.lookup(part.id, part)]
        elif isinstance(part, ast.Attribute):
            text = ast.unparse(part)
            values = [one.value for one in module.nodes(ast.Assign) if ast.unparse(one.targets[0]) == text]
        for value in values if depth < 3 else ():
            if value is not None and value.lineno <= seed.lineno:
                yield from _changing(value, module, seed, depth + 1)


def _seeded_before(draw: ast.Call, name: str, module: Module) -> bool:
    library = "random" if name.startswith("random.") else "numpy"
    return any(library in libraries and call.lineno < draw.lineno for libraries, call, _ in seeds(module))


EXAMPLES_POSITIVE = [
    "import time, torch\ntorch.manual_seed(int(time.time()))\n",
    "from time import time as now\nimport random\ns = int(now())\nrandom.seed(s)\n",
    "import os\nimport numpy as np\nrng = np.random.default_rng(os.getpid())\n",
    "import torch\ntorch.seed()\n",
    "import random, torch\nopt.seed = random.randint(1, 99)\ntorch.manual_seed(opt.seed)\n",
]
EXAMPLES_NEGATIVE = [
    "import time, torch\nstart = time.time()\ntorch.manual_seed(1)\n",
    "import torch, random\ndef worker(i):\n    random.seed(torch.initial_seed() % 2**32)\n",
    "import torch\ntorch.manual_seed(args.seed)\n",
    "import random, torch\nrandom.seed(1)\ns = random.randint(1, 99)\ntorch.manual_seed(s)\n",
]
