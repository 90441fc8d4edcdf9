"""Which statements of a module stay where they are, and which become the body of the app's main function.

Imports, functions and classes stay (classes of ``__main__`` are pickled by name), with everything that is needed while the
module is loaded: what comes before the last import and what default arguments, decorators, base classes and class bodies use.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...errors import ReenactError

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)


@dataclass
class Structure:
    """The parts of a module.

    Attributes:
        staying, moving: statements of the module, in order.
        guard: the ``if __name__ == "__main__":`` statement, if there is one; its body moves.
        shared: names that moving statements bind and functions or classes look up as globals.
        loaded: nodes that are evaluated while the module is loaded: no config is there yet.
    """

    staying: list[ast.stmt] = field(default_factory=list)
    moving: list[ast.stmt] = field(default_factory=list)
    guard: ast.If | None = None
    shared: set[str] = field(default_factory=set)
    loaded: set[ast.AST] = field(default_factory=set)


def structure(tree: ast.Module, hyper: set[int]) -> Structure:
    """Divide a module.

    Args:
        tree: the module.
        hyper: ``id`` of the nodes that are to come from the config.

    Raises:
        ReenactError: the module cannot be divided; says why.
    """
    body = tree.body
    found = Structure()
    last_import = max((n for n, s in enumerate(body) if isinstance(s, IMPORTS)), default=-1)
    for number, statement in enumerate(body):
        if _is_guard(statement):
            if found.guard is not None:
                raise refused('it has two `if __name__ == "__main__":`')
            assert isinstance(statement, ast.If)
            if statement.orelse:
                raise refused('its `if __name__ == "__main__":` has an else')
            found.guard = statement
            found.moving.append(statement)
        elif found.guard is not None and not isinstance(statement, (*DEFINITIONS, *IMPORTS)):
            raise refused(f'line {statement.lineno} follows its `if __name__ == "__main__":`')
        elif _is_settings(statement) and _holds(statement, hyper):
            found.moving.append(statement)
        elif (
            isinstance(statement, (*DEFINITIONS, *IMPORTS))
            or _is_docstring(statement, number)
            or (number < last_import and not _holds(statement, hyper))
        ):
            found.staying.append(statement)
        else:
            found.moving.append(statement)
    _keep_what_loading_needs(found)
    _check_lines(found)
    bound = {name for statement in found.moving for name in _bound(statement)}
    found.shared = bound & _globals_of(found.staying)
    found.loaded = {part for statement in found.staying for part in _at_loading(statement)}
    return found


def _globals_of(staying: list[ast.stmt]) -> set[str]:
    """Names of the module that functions and classes which stay look up or bind."""
    table = symtable.symtable(ast.unparse(ast.Module(list(staying), [])), "<staying>", "exec")
    found: set[str] = set()
    waiting = list(table.get_children())
    while waiting:
        inner = waiting.pop()
        found.update(symbol.get_name() for symbol in inner.get_symbols() if symbol.is_global())
        waiting += inner.get_children()
    return found


def _keep_what_loading_needs(found: Structure) -> None:
    """Moves statements back whose names are needed while the module is loaded, until none is left."""
    while True:
        needed = {
            node.id
            for statement in found.staying
            for part in _at_loading(statement)
            for node in ast.walk(part)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        back = [s for s in found.moving if s is not found.guard and needed & set(_bound(s))]
        if not back:
            return
        found.moving = [s for s in found.moving if s not in back]
        found.staying = sorted([*found.staying, *back], key=lambda s: s.lineno)


def _check_lines(found: Structure) -> None:
    """A line that holds statements of both kinds cannot be divided."""
    lines = {line for s in found.staying for line in range(_first_line(s), (s.end_lineno or s.lineno) + 1)}
    for statement in found.moving:
        for line in range(_first_line(statement), (statement.end_lineno or statement.lineno) + 1):
            if line in lines:
                raise refused(f"line {line} holds several statements")


def _first_line(statement: ast.stmt) -> int:
    decorators = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(one.lineno for one in decorators)])


def _at_loading(statement: ast.stmt) -> Iterator[ast.AST]:
    """The parts of a staying statement that are evaluated while the module is loaded."""
    if isinstance(statement, IMPORTS):
        return
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from statement.decorator_list
        yield from (one for one in [*statement.args.defaults, *statement.args.kw_defaults] if one is not None)
        yield from _annotations(statement)
    elif isinstance(statement, ast.ClassDef):
        yield from [*statement.decorator_list, *statement.bases, *(word.value for word in statement.keywords)]
        for inner in statement.body:
            yield from _at_loading(inner)
    else:
        yield statement


def _annotations(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    args = function.args
    for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs, *(one for one in (args.vararg, args.kwarg) if one)]:
        if arg.annotation is not None:
            yield arg.annotation
    if function.returns is not None:
        yield function.returns


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement binds in its own scope."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, DEFINITIONS):
            yield node.name
            continue
        if isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            waiting += [inner for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)]
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            yield node.id
        elif isinstance(node, IMPORTS):
            for alias in node.names:
                yield (alias.asname or alias.name).split(".")[0]
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name
        waiting += ast.iter_child_nodes(node)


def _holds(statement: ast.stmt, hyper: set[int]) -> bool:
    return any(id(node) in hyper for node in ast.walk(statement))


def _is_settings(statement: ast.stmt) -> bool:
    """True for a class that only holds values: it is a place for hyperparameters, and pickled by nobody."""
    return (
        isinstance(statement, ast.ClassDef)
        and not statement.decorator_list
        and all(isinstance(inner, (ast.Assign, ast.AnnAssign, ast.Expr, ast.Pass)) for inner in statement.body)
    )


def _is_docstring(statement: ast.stmt, number: int) -> bool:
    return number == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_guard(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.If) or not isinstance(statement.test, ast.Compare):
        return False
    sides = [statement.test.left, *statement.test.comparators]
    names = {side.id for side in sides if isinstance(side, ast.Name)}
    texts = {side.value for side in sides if isinstance(side, ast.Constant)}
    return names == {"__name__"} and texts == {"__main__"} and isinstance(statement.test.ops[0], ast.Eq)


def refused(why: str) -> ReenactError:
    return ReenactError(
        "not-extractable",
        f"it cannot be turned into a Hydra app: {why}",
        fix="change that and extract again, or write conf/ by hand",
        exit_code=1,
    )
