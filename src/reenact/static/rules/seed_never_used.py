"""A seed that is declared, and that nothing reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..finding import ERROR, Hit, hit
from ..module import Module
from ..options import options
from ..project import Project, does_something

ID = "seed-never-used"
SEVERITY = ERROR
WHAT = "a seed is declared and never read"
WHY = "the code looks seeded and is not: every run draws other random numbers"
FIX = "give it to the libraries that draw: torch.manual_seed(seed), np.random.seed(seed), random.seed(seed)"

SEED = re.compile(r"(random_?|manual_?|global_?|np_?|torch_?|rng_?)?seed|random_state")


def check_project(project: Project) -> Iterator[Hit]:
    for path, module in project.modules.items():
        if module.looks_itself_up:
            continue
        unread = [(node, name, f"{name} is set, and never read") for node, name in _declared(module)]
        unread = [one for one in unread if one[1] not in names_read(module)]
        for option in options(module):
            if SEED.fullmatch(option.dest.lower()) and not option.read:
                unread.append((option.node, option.dest, f"the option {option.flag} is never read"))
        if unread:
            elsewhere = {name for other in project.related(module) for name in names_read(other)}
            for node, name, what in unread:
                if name not in elsewhere:
                    yield hit(path, node, what)


def _declared(module: Module) -> Iterator[tuple[ast.AST, str]]:
    for name in module.nodes(ast.Name):
        if isinstance(name.ctx, ast.Store) and SEED.fullmatch(name.id.lower()):
            parent = module.parents.get(name)
            scope = module.names.scope(name).node
            # A file of nothing but settings may be loaded in a way that does not show.
            program = isinstance(scope, ast.FunctionDef) or (isinstance(scope, ast.Module) and does_something(module))
            if isinstance(parent, ast.Assign) and program:
                yield name, name.id


def names_read(module: Module) -> set[str]:
    """Names and attributes that a module reads, and names that it imports."""
    names = {node.id for node in module.nodes(ast.Name) if isinstance(node.ctx, ast.Load)}
    names |= {node.attr for node in module.nodes(ast.Attribute) if isinstance(node.ctx, ast.Load)}
    return names | {alias.name for node in module.nodes(ast.ImportFrom) for alias in node.names}


EXAMPLES_POSITIVE = [
    "SEED = 42\nprint('no')\n",
    "def main():\n    seed = 3\n    train()\n",
    "import argparse\np = argparse.ArgumentParser()\np.add_argument('--seed', default=1)\na = p.parse_args()\nprint(a.lr)\n",
]
EXAMPLES_NEGATIVE = [
    "import torch\nseed = 42\ntorch.manual_seed(seed)\n",
    "seed = 42\nlr = 1e-3\nmodel = make(lr)\n",
    "seed = 42\nconfig = {k: globals()[k] for k in keys}\n",
    "import argparse\np = argparse.ArgumentParser()\np.add_argument('--seed')\na = p.parse_args()\nf(a.seed)\n",
    "import argparse\np = argparse.ArgumentParser()\np.add_argument('--seed')\na = p.parse_args()\nf(**vars(a))\n",
]
