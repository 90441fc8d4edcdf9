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
        source = next((found for argument in arguments for found in _changing(argument, module)), None)
        if source:
            yield hit(module.path, call, f"the seed comes from {source}()")


def _changing(node: ast.expr, module: Module, depth: int = 0) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and (name := module.name(part.func)) in CHANGING:
            yield name or ""
        elif isinstance(part, ast.Name) and depth < 3:
            for binding in module.names.lookup(part.id, part):
                if binding.value is not None:
                    yield from _changing(binding.value, module, depth + 1)


EXAMPLES_POSITIVE = [
    "import time, torch\ntorch.manual_seed(int(time.time()))\n",
    "from time import time as now\nimport random\ns = int(now())\nrandom.seed(s)\n",
    "import os\nimport numpy as np\nrng = np.random.default_rng(os.getpid())\n",
    "import torch\ntorch.seed()\n",
]
EXAMPLES_NEGATIVE = [
    "import time, torch\nstart = time.time()\ntorch.manual_seed(1)\n",
    "import torch, random\ndef worker(i):\n    random.seed(torch.initial_seed() % 2**32)\n",
    "import torch\ntorch.manual_seed(args.seed)\n",
]
