"""Which libraries a script must seed to be repeatable, and does not."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..module import Module

LIBRARIES = {
    "random": ("random", "random.seed({})", ("random.seed",)),
    "numpy": ("numpy", "numpy.random.seed({})", ("numpy.random.seed",)),
    "torch": ("torch", "torch.manual_seed({})", ("torch.manual_seed", "torch.seed")),
}
"""Library -> what is imported, the call that seeds it, the calls that count as having seeded it."""

DEFERRED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)

EVERYTHING = ("pytorch_lightning.seed_everything", "transformers.set_seed", "accelerate.utils.set_seed")


DRAWS = {
    "random": ("random.",),
    "numpy": ("numpy.random.",),
    "torch": ("torch.rand", "torch.nn.", "torch.normal", "torch.bernoulli", "torch.multinomial"),
}
"""Library -> how the names of calls begin that may draw."""


@dataclass(frozen=True)
class Seeding:
    """A call to add, and the import that it needs where the script has none."""

    library: str
    call: str
    statement: str = ""


def seeding(module: Module) -> list[Seeding]:
    """What is to be seeded: every library that the script imports and does not seed before it draws."""
    found = []
    for library, (name, call, seeds) in LIBRARIES.items():
        if library not in module.imported or _is_seeded(module, seeds, DRAWS[library]):
            continue
        alias = _alias(module.tree, name)
        found.append(Seeding(library, call.replace(name, alias or name, 1), "" if alias else f"import {name}"))
    return found


def _is_seeded(module: Module, seeds: tuple[str, ...], draws: tuple[str, ...]) -> bool:
    """True where the script seeds a library, and nothing at its top level draws before."""
    first = min((call.lineno for call, name in module.called if name in (*seeds, *EVERYTHING)), default=None)
    if first is None:
        return False
    return not any(
        name.startswith(draws) and call.lineno < first and not any(isinstance(n, DEFERRED) for n in module.above(call))
        for call, name in module.called
    )


def _alias(tree: ast.Module, name: str) -> str | None:
    """What a module is called at the top level of a script that imports it as a whole."""
    for statement in tree.body:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                if alias.name == name:
                    return alias.asname or name
                if alias.name.startswith(name + ".") and alias.asname is None:
                    return name
    return None
