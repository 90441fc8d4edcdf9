"""What a name stands for: scopes, imports with their aliases, and simple assignments.

A name is resolved through what binds it (``from torch.optim import Adam as A``), never by how it is spelled. A name that
a parameter or an assignment shadows is not the import of the same name.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field

SCOPES = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
BUILTINS = frozenset(dir(builtins))
LIBRARIES = frozenset({"torch", "numpy", "random", "tensorflow", "keras", "torchvision"})

_SAME = (
    ("tensorflow.keras.", "keras."),
    ("tensorflow.python.keras.", "keras."),
    ("tensorflow.compat.v2.", "tensorflow."),
    ("lightning.pytorch.", "pytorch_lightning."),
    ("torch.utils.data.dataloader.", "torch.utils.data."),
    ("torch.random.", "torch."),
    ("numpy.random.mtrand.", "numpy.random."),
)


@dataclass
class Binding:
    """One thing that binds a name: an import (`target`), an assignment (`value`), or something else (neither)."""

    node: ast.AST
    target: str | None = None
    value: ast.expr | None = None


@dataclass
class Scope:
    """Names bound in a module, function or class."""

    node: ast.AST
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)

    def bind(self, name: str, binding: Binding) -> None:
        self.bindings.setdefault(name, []).append(binding)


class Names:
    """The names of one syntax tree."""

    def __init__(self, tree: ast.Module, parents: dict[ast.AST, ast.AST]) -> None:
        self._parents = parents
        self._scopes: dict[ast.AST, Scope] = {tree: Scope(tree)}
        self.module = self._scopes[tree]
        self.stars: list[str] = []
        self._known: dict[ast.AST, str | None] = {}
        for node in list(parents):
            self._bind(node)

    def scope(self, node: ast.AST) -> Scope:
        """The innermost scope that a node lies in."""
        at: ast.AST | None = self._parents.get(node, node)
        while at is not None and not isinstance(at, SCOPES):
            at = self._parents.get(at)
        at = at if at is not None else self.module.node
        if at not in self._scopes:
            self._scopes[at] = Scope(at)
        return self._scopes[at]

    def lookup(self, name: str, node: ast.AST) -> list[Binding]:
        """What binds a name where it is used; empty for builtins and names unknown."""
        scope = self.scope(node)
        innermost = True
        while True:
            seen = scope.bindings.get(name)
            if seen and name not in scope.elsewhere and (innermost or not isinstance(scope.node, ast.ClassDef)):
                return seen
            if scope is self.module:
                return []
            scope, innermost = self.scope(scope.node), False

    def qualified(self, node: ast.AST, depth: int = 0) -> str | None:
        """``torch.optim.Adam`` for a name or attribute that stands for it; None where that cannot be said."""
        if node not in self._known:
            self._known[node] = self._qualified(node, depth)
        return self._known[node]

    def _qualified(self, node: ast.AST, depth: int) -> str | None:
        if depth > 8:
            return None
        if isinstance(node, ast.Attribute):
            base = self.qualified(node.value, depth + 1)
            return _canonical(f"{base}.{node.attr}") if base else None
        if not isinstance(node, ast.Name):
            return None
        bindings = self.lookup(node.id, node)
        if not bindings:
            return self._unbound(node.id)
        imports = [binding.target for binding in bindings if binding.target]
        if imports:
            # Next to an import, `x = None` and the like are what is done where the import failed.
            others = [b for b in bindings if not b.target and not isinstance(b.value, ast.Constant)]
            return None if others else _canonical(imports[0])
        value = bindings[0].value
        if len(bindings) == 1 and isinstance(value, (ast.Name, ast.Attribute)) and value is not node:
            found = self.qualified(value, depth + 1)
            return None if found and found.startswith("builtins.") else found
        return None

    def _unbound(self, name: str) -> str | None:
        if name in BUILTINS:
            return f"builtins.{name}"
        known = [star for star in self.stars if star.partition(".")[0] in LIBRARIES]
        return _canonical(f"{known[0]}.{name}") if len(self.stars) == len(known) == 1 else None

    def _bind(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                self.scope(node).bind(
                    alias.asname or first, Binding(node, target=alias.name if alias.asname else first)
                )
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            for alias in node.names:
                if alias.name == "*":
                    self.stars.append(source)
                else:
                    dot = "" if source.endswith(".") else "."
                    self.scope(node).bind(alias.asname or alias.name, Binding(node, f"{source}{dot}{alias.name}"))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self.scope(node).bind(node.name, Binding(node))
        elif isinstance(node, ast.arg):
            self.scope(node).bind(node.arg, Binding(node))
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            self.scope(node).elsewhere.update(node.names)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            self.scope(node).bind(node.name, Binding(node))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            self.scope(node).bind(node.id, Binding(node, value=assigned(node, self._parents)))


def assigned(name: ast.AST, parents: dict[ast.AST, ast.AST]) -> ast.expr | None:
    """The expression that an assignment gives to a name; None for loop targets, augmented ones and the like."""
    parent = parents.get(name)
    if isinstance(parent, ast.Assign):
        return parent.value
    if isinstance(parent, (ast.AnnAssign, ast.NamedExpr)):
        return parent.value
    if isinstance(parent, ast.Tuple):
        above = parents.get(parent)
        if isinstance(above, ast.Assign) and isinstance(above.value, ast.Tuple):
            values, targets = above.value.elts, parent.elts
            if len(values) == len(targets) and not any(isinstance(e, ast.Starred) for e in [*values, *targets]):
                return values[targets.index(name)]  # type: ignore[arg-type]
    return None


def _canonical(name: str) -> str:
    for prefix, same in _SAME:
        if name.startswith(prefix):
            return same + name[len(prefix) :]
    return name
