"""Values that the text of a program shows."""

from __future__ import annotations

import ast
from typing import Any

from .names import Names

Number = (int, float)


class NoValue(Exception):
    """The text does not show what the expression's value is."""


def literal(node: ast.AST | None) -> Any:
    """The value of a literal, of arithmetic with literals (``5 * 8``, ``10 ** -3``), of tuples and lists of them.

    Raises:
        NoValue: it is something else.
    """
    if isinstance(node, ast.Constant) and node.value is not Ellipsis and not isinstance(node.value, bytes):
        return node.value
    if isinstance(node, ast.Tuple):
        return tuple(literal(element) for element in node.elts)
    if isinstance(node, ast.List):
        return [literal(element) for element in node.elts]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _number(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp):
        return _arithmetic(node)
    raise NoValue


def is_number(node: ast.AST | None) -> bool:
    """True for a literal number, or a tuple or list of nothing but numbers; not for True and False."""
    try:
        value = literal(node)
    except NoValue:
        return False
    return _numeric(value)


def constant(node: ast.AST | None, names: Names) -> Any:
    """As `literal`, with names that are bound once, to a literal.

    Raises:
        NoValue: it is something else.
    """
    if isinstance(node, ast.Name):
        bindings = names.lookup(node.id, node)
        if len(bindings) == 1 and bindings[0].value is not None:
            return literal(bindings[0].value)
        raise NoValue
    return literal(node)


def _numeric(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return bool(value) and all(_numeric(part) for part in value)
    return isinstance(value, Number) and not isinstance(value, bool)


def _number(node: ast.AST) -> Any:
    value = literal(node)
    if not isinstance(value, Number) or isinstance(value, bool):
        raise NoValue
    return value


def _arithmetic(node: ast.BinOp) -> Any:
    left, right = _number(node.left), _number(node.right)
    try:
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
        if isinstance(node.op, ast.Div):
            return left / right
        if isinstance(node.op, ast.FloorDiv):
            return left // right
        if isinstance(node.op, ast.Pow) and abs(left) <= 1e6 and abs(right) <= 64:
            return left**right
    except (ArithmeticError, ValueError):
        pass
    raise NoValue
