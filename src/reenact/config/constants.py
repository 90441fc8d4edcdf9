"""Constants of a program: names that its source binds to a literal, once. Read from the syntax tree; nothing is run."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .sources import Source

LONGEST = 200
"""Characters of a string, items of a list: what is longer is data or text, no param."""

_PLACE = re.compile(
    r"(^|_)(path|paths|dir|dirs|directory|file|files|filename|folder|root|url|uri|home)$", re.IGNORECASE
)
_LOOKS_LIKE_A_PLACE = re.compile(
    r"[~.]{0,2}/|[\w.-]+/[\w./-]*\w+\.\w{1,8}$|\w+://|[\w-]+\.(py|pt|pth|csv|json|yaml|txt|png|npz?|log)$"
)
_ENUMS = ("Enum", "IntEnum", "StrEnum", "Flag", "IntFlag")
_PLAIN_BASES = {"object", "NamedTuple", "BaseModel", "BaseSettings", "Serializable", "SimpleNamespace"}


class NotLiteral(ValueError):
    """An expression is no literal."""


@dataclass(frozen=True)
class Constant:
    """A name bound to a literal.

    Attributes:
        name: ``lr``; ``my_hp.batch_size`` for an attribute; behind the module's name where it is not the script's.
        value: the literal's value.
        source: where it is bound.
        line: of the value, from 1.
        span: of the value in the source, in bytes.
        param: False for what is there for other reasons: places of files, texts, private names.
    """

    name: str
    value: Any
    source: Source
    line: int
    span: tuple[int, int]
    param: bool = True

    @property
    def type(self) -> str:
        """``int``, ``float``, ``bool``, ``str``, ``None``, ``list``, ``tuple`` or ``dict``."""
        return "None" if self.value is None else type(self.value).__name__


def constants(sources: Sequence[Source]) -> list[Constant]:
    """Every constant of a program, in the order of its sources; the script's come first."""
    return [constant for source in sources for constant in _of_source(source)]


def _of_source(source: Source) -> Iterator[Constant]:
    before = source.module + "." if source.module else ""
    bound = _bindings(source.tree)
    plain_classes: set[str] = set()
    for statement in _statements(source.tree.body):
        if isinstance(statement, ast.ClassDef):
            if _is_plain(statement, plain_classes):
                plain_classes.add(statement.name)
                if bound[statement.name] == 1:
                    yield from _of_class(source, statement, before + statement.name + ".")
        else:
            for name, node in _assigned(statement):
                if bound[name] == 1:
                    yield from _constant(source, before, name, node)


def _of_class(source: Source, node: ast.ClassDef, before: str) -> Iterator[Constant]:
    counts: Counter[str] = Counter()
    for statement in node.body:
        if not isinstance(statement, _SCOPES):
            counts.update(node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and _stores(node))
    for statement in node.body:
        if isinstance(statement, ast.ClassDef) and _is_plain(statement, set()):
            yield from _of_class(source, statement, before + statement.name + ".")
        for name, value in _assigned(statement):
            if counts[name] == 1:
                yield from _constant(source, before, name, _default_of_field(value))


def _constant(source: Source, before: str, name: str, node: ast.expr) -> Iterator[Constant]:
    if name.startswith("__") and name.endswith("__"):
        return
    try:
        value = literal(node)
    except NotLiteral:
        return
    yield Constant(before + name, value, source, node.lineno, source.span(node), _is_param(name, value))


def _is_param(name: str, value: Any) -> bool:
    if name.startswith("_"):
        return False
    if isinstance(value, str):
        long = len(value) > LONGEST or "\n" in value
        return not (long or _PLACE.search(name) or _LOOKS_LIKE_A_PLACE.match(value))
    if isinstance(value, (list, dict)) and not value:
        return False  # something to be filled
    return not (isinstance(value, (list, tuple, dict)) and (len(value) > LONGEST or _PLACE.search(name) is not None))


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those of its ``if __name__ == "__main__":`` included."""
    for statement in body:
        if isinstance(statement, ast.If) and is_main_guard(statement.test):
            yield from _statements(statement.body)
        else:
            yield statement


def is_main_guard(test: ast.expr) -> bool:
    """True for ``__name__ == "__main__"``."""
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == "__name__"
        and len(test.comparators) == 1
        and isinstance(test.comparators[0], ast.Constant)
        and test.comparators[0].value == "__main__"
    )


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """The names that a statement binds, each with the expression: ``a = 1``, ``a: int = 1``, ``a, b = 1, 2``."""
    if isinstance(statement, ast.AnnAssign):
        if isinstance(statement.target, ast.Name) and statement.value is not None:
            yield statement.target.id, statement.value
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Name):
            yield target.id, value
        elif (
            isinstance(target, (ast.Tuple, ast.List))
            and isinstance(value, (ast.Tuple, ast.List))
            and len(target.elts) == len(value.elts)
            and not any(isinstance(element, ast.Starred) for element in value.elts)
        ):
            for one, element in zip(target.elts, value.elts):
                if isinstance(one, ast.Name):
                    yield one.id, element


def _bindings(tree: ast.Module) -> Counter[str]:
    """How often each name is bound in the module's scope; a function's ``global`` counts."""
    counts: Counter[str] = Counter()

    def visit(node: ast.AST) -> None:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            counts[node.name] += 1
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            counts.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        if _stores(node):
            counts[node.id] += 1  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and node.value is None and isinstance(node.target, ast.Name):
            counts[node.target.id] -= 1
        if isinstance(node, _SCOPES):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Global):
                    counts.update(dict.fromkeys(inner.names, 2))
            return
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return counts


def _stores(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del))


def _is_plain(node: ast.ClassDef, known: set[str]) -> bool:
    """True for a class that holds settings: a dataclass, or one without a base that says what else it is."""
    names = [_last(base) for base in node.bases]
    if any(name in _ENUMS for name in names) or any(_last(word) == "unique" for word in node.decorator_list):
        return False
    if any(_last(word) in ("dataclass", "define", "attrs", "s", "frozen", "struct") for word in node.decorator_list):
        return True
    return all(name in _PLAIN_BASES or name in known for name in names)


def _last(node: ast.expr) -> str:
    """``dataclass`` of ``@dataclasses.dataclass(frozen=True)``."""
    if isinstance(node, (ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _default_of_field(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Call) and _last(node) in ("field", "Field"):
        for keyword in node.keywords:
            if keyword.arg == "default":
                return keyword.value
    return node


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}


def literal(node: ast.expr) -> Any:
    """The value of a literal, or of arithmetic of number literals (``2**10``, ``1e-3 * 2``).

    Raises:
        NotLiteral: it is another expression.
    """
    if isinstance(node, ast.Constant):
        if node.value is None or isinstance(node.value, (bool, int, float, str)):
            return node.value
    elif isinstance(node, ast.Tuple):
        return tuple(literal(one) for one in node.elts)
    elif isinstance(node, ast.List):
        return [literal(one) for one in node.elts]
    elif isinstance(node, ast.Dict):
        keys = [literal(key) if key is not None else _raise() for key in node.keys]
        if all(isinstance(key, (str, int, float, bool)) or key is None for key in keys):
            return dict(zip(keys, (literal(value) for value in node.values)))
    elif isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        value = literal(node.operand)
        if isinstance(value, (bool, int)) or (isinstance(value, float) and not isinstance(node.op, ast.Invert)):
            return _UNARY[type(node.op)](value)
    elif isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = literal(node.left), literal(node.right)
        if isinstance(left, (int, float)) and isinstance(right, (int, float)):
            return _arithmetic(node.op, left, right)
    raise NotLiteral


def _raise() -> Any:
    raise NotLiteral


def _arithmetic(operation: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(operation, ast.Pow) and (abs(right) > 1024 or abs(left) > 1e9):
        raise NotLiteral
    try:
        value = _BINARY[type(operation)](left, right)
    except (ArithmeticError, ValueError) as error:
        raise NotLiteral from error
    if isinstance(value, complex) or (isinstance(value, int) and value.bit_length() > 1024) or value != value:
        raise NotLiteral
    return value if not isinstance(value, float) or math.isfinite(value) else _raise()
