"""Whether the order of a collection that has none of its own goes on into something that has one."""

from __future__ import annotations

import ast

from .module import Module

_FORGET = frozenset(
    [
        "builtins.sorted",
        "builtins.len",
        "builtins.set",
        "builtins.frozenset",
        "builtins.sum",
        "builtins.any",
        "builtins.all",
        "builtins.min",
        "builtins.max",
        "builtins.bool",
        "builtins.isinstance",
        "builtins.print",
        "builtins.str",
        "builtins.repr",
        "collections.Counter",
        "natsort.natsorted",
        "numpy.unique",
        "numpy.sort",
        "random.choice",
    ]
)
"""Calls that do not let the order through, or only show it."""

_KEEP = frozenset(
    [
        "builtins.list",
        "builtins.tuple",
        "builtins.enumerate",
        "builtins.map",
        "builtins.filter",
        "builtins.zip",
        "builtins.iter",
        "builtins.reversed",
        "tqdm.tqdm",
        "tqdm.auto.tqdm",
        "itertools.chain",
        "itertools.islice",
        "builtins.dict",
        "builtins.next",
    ]
)
_ORDERED = _KEEP - {
    "builtins.map",
    "builtins.filter",
    "builtins.iter",
    "tqdm.tqdm",
    "tqdm.auto.tqdm",
    "itertools.chain",
}

_NEEDLESS = frozenset(
    [
        "remove",
        "unlink",
        "rmtree",
        "rmdir",
        "kill",
        "close",
        "add",
        "discard",
        "copy",
        "copy2",
        "copyfile",
        "move",
        "rename",
        "replace",
        "makedirs",
        "chmod",
        "symlink",
        "print",
        "exists",
        "isfile",
        "isdir",
        "is_file",
        "is_dir",
        "join",
        "endswith",
        "startswith",
        "match",
        "warn",
        "warning",
        "info",
        "debug",
        "error",
        "basename",
        "splitext",
        "setdefault",
        "register",
        "format",
        "update",
    ]
)
"""What a loop may call without its order meaning anything."""


def feeds_order(node: ast.expr, module: Module, loops: bool = True) -> bool:
    """True where the order of `node`'s elements decides what comes later.

    Args:
        loops: whether looping over it is enough; else the loop has to count, or to collect into a list.
    """
    return _feeds(node, module, loops, False, 0)


def _feeds(node: ast.AST, module: Module, loops: bool, ordered: bool, depth: int) -> bool:
    if depth > 12:
        return False
    parent = module.parents.get(node)
    again = depth + 1
    if isinstance(parent, ast.Call) and node is not parent.func:
        return _given(parent, node, module, loops, ordered, again)
    if isinstance(parent, ast.Starred):
        return _feeds(parent, module, loops, True, again)
    if isinstance(parent, ast.comprehension):
        return node is parent.iter and _comprehended(module.parents[parent], module, loops, ordered, again)
    if isinstance(parent, ast.For):
        return node is parent.iter and _looped(parent, loops, ordered)
    if isinstance(parent, (ast.Assign, ast.AnnAssign)):
        return _assigned(parent, module, loops, ordered, again)
    if isinstance(parent, ast.Subscript):
        return node is parent.value and isinstance(parent.ctx, ast.Load) and (loops or ordered)
    if isinstance(parent, ast.Attribute):
        return _method(parent, module, loops, ordered, again)
    if isinstance(parent, (ast.BinOp, ast.IfExp, ast.List, ast.Tuple)):
        if isinstance(parent, ast.IfExp) and node is parent.test:
            return False
        return _feeds(parent, module, loops, ordered, again)
    return isinstance(parent, (ast.Return, ast.YieldFrom)) and (ordered or (loops and not isinstance(node, ast.Call)))


def _given(call: ast.Call, node: ast.AST, module: Module, loops: bool, ordered: bool, depth: int) -> bool:
    name = module.name(call.func)
    last = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in _FORGET or last in (
        "sorted",
        "natsorted",
        "union",
        "intersection",
        "difference",
        "issubset",
        "issuperset",
    ):
        return False
    if name in _KEEP or last == "tqdm":
        return _feeds(call, module, loops, ordered or name in _ORDERED, depth)
    if last in ("shuffle", "add", "discard", "update", "intersection_update", "difference_update"):
        return last == "shuffle" and ordered
    return ordered or loops or last == "join"


def _comprehended(built: ast.AST, module: Module, loops: bool, ordered: bool, depth: int) -> bool:
    if isinstance(built, ast.SetComp):
        return False
    return _feeds(built, module, loops, ordered or isinstance(built, ast.ListComp), depth)


def _looped(loop: ast.For, loops: bool, ordered: bool) -> bool:
    nodes = [node for statement in loop.body for node in ast.walk(statement)]
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in nodes
        if isinstance(node, ast.Call)
    }
    counts = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in nodes)
    counts = counts or bool(called & {"append", "extend", "insert", "yield"})
    if loops:
        return counts or bool(called - _NEEDLESS)
    counts = counts or any(
        isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add) and _one(node.value) for node in nodes
    )
    return (ordered and _enumerated(loop) and any(isinstance(n, ast.Assign) for n in nodes)) or counts


def _one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1


def _enumerated(loop: ast.For) -> bool:
    return isinstance(loop.target, ast.Tuple)


def _assigned(statement: ast.Assign | ast.AnnAssign, module: Module, loops: bool, ordered: bool, depth: int) -> bool:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    if isinstance(target, ast.Attribute):
        return (ordered or loops) and not _sorted_later(target.attr, module)
    if not isinstance(target, ast.Name):
        return False
    bindings = module.names.lookup(target.id, target)
    loads = [name for name in module.nodes(ast.Name) if name.id == target.id and isinstance(name.ctx, ast.Load)]
    loads = [name for name in loads if module.names.lookup(name.id, name) is bindings]
    if any(_is_sorted(name, module) for name in loads):
        return False
    if not loads:
        return ordered  # for whoever imports it
    return any(_feeds(name, module, loops, ordered, depth) for name in loads if name.lineno >= statement.lineno)


def _is_sorted(name: ast.Name, module: Module) -> bool:
    parent = module.parents.get(name)
    if isinstance(parent, ast.Attribute) and parent.attr == "sort":
        return True
    while isinstance(parent, ast.Call) and module.name(parent.func) in _KEEP:
        parent = module.parents.get(parent)
    return isinstance(parent, ast.Call) and (module.name(parent.func) in ("builtins.sorted", "natsort.natsorted"))


def _sorted_later(attribute: str, module: Module) -> bool:
    for node in module.nodes(ast.Attribute):
        if node.attr == attribute:
            parent = module.parents.get(node)
            if isinstance(parent, ast.Attribute) and parent.attr == "sort":
                return True
            if isinstance(parent, ast.Call) and module.name(parent.func) == "builtins.sorted":
                return True
    return False


def _method(attribute: ast.Attribute, module: Module, loops: bool, ordered: bool, depth: int) -> bool:
    """A method of the collection: of a set, most give a set again; ``pop`` takes what comes first."""
    if ordered and attribute.attr in _POSITIONS:
        return True
    call = module.parents.get(attribute)
    if not isinstance(call, ast.Call) or call.func is not attribute:
        return False
    if attribute.attr in ("union", "intersection", "difference", "symmetric_difference", "copy"):
        return _feeds(call, module, loops, ordered, depth)
    return False


_POSITIONS = frozenset({"get", "items", "values", "keys", "index", "pop"})
"""Methods that let out where something stands in a list or dict."""
