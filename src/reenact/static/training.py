"""The loops of a program that train: those whose body reaches ``backward``."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from .module import Module

BACKWARD = frozenset({"backward", "manual_backward", "apply_gradients"})
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def training_loops(module: Module) -> list[ast.For]:
    """Loops whose body calls ``.backward()``, directly or through functions and methods of the same file."""
    if "training_loops" not in module.kept:
        # Most files have none of these names: their functions need not be looked through.
        named = any(name in module.text for name in BACKWARD)
        reaching = _reaching(module) if named else set()
        module.kept["training_loops"] = [
            loop for loop in module.nodes(ast.For) if named and _reaches(loop.body, reaching)
        ]
    return module.kept["training_loops"]


def over_range(loop: ast.For, module: Module) -> ast.Call | None:
    """The call of ``range``, ``trange`` and the like that a loop runs over, also inside ``tqdm(…)``; None for other loops."""
    call: ast.expr = loop.iter
    for _ in range(3):
        if not isinstance(call, ast.Call):
            return None
        name = (module.name(call.func) or "").rpartition(".")[2]
        if name in ("range", "trange", "xrange") or (
            isinstance(call.func, ast.Name) and call.func.id in ("xrange", "trange")
        ):
            return call
        if not call.args:
            return None
        call = call.args[0]
    return None


def _reaching(module: Module) -> set[str]:
    """Names of the file's functions and methods that call backward, directly or not."""
    functions = module.functions
    calls = {function: set(_called(function.body)) for function in functions}
    reaching: set[str] = set()
    while True:
        more = {
            function.name
            for function, names in calls.items()
            if function.name not in reaching and (names & BACKWARD or names & reaching)
        }
        # A module's own `backward` or `forward` is called by the framework for another reason.
        more -= {"backward", "forward", "__init__"}
        if not more:
            return reaching
        reaching |= more


def _reaches(body: Iterable[ast.stmt], reaching: set[str]) -> bool:
    return any(name in reaching or name in BACKWARD for name in _called(body))


def _called(body: Iterable[ast.stmt]) -> Iterator[str]:
    """Bare names of what the statements call; functions that they define are not entered."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.func.attr
            elif isinstance(node.func, ast.Name):
                yield node.func.id
        waiting.extend(ast.iter_child_nodes(node))
