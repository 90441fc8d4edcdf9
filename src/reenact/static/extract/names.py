"""Names for what extraction adds, that the script does not use itself."""

from __future__ import annotations

import ast


def used(tree: ast.Module) -> set[str]:
    """Every name that occurs in a module, whatever for."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            found.update(node.names)
    return found


def free(taken: set[str], *wishes: str) -> str:
    """The first of the names that is free, else the last one with underscores."""
    for name in wishes:
        if name not in taken:
            return name
    name = wishes[-1]
    while name in taken:
        name += "_"
    return name
