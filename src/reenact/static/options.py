"""Options that a program declares with argparse, and whether it reads them."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .module import Module


@dataclass(frozen=True)
class Option:
    """One ``add_argument``: the flag as it is typed, the attribute it becomes, and whether anything reads that."""

    flag: str
    dest: str
    node: ast.Call
    read: bool


def options(module: Module) -> list[Option]:
    """The options of all parsers of a file. Where the namespace goes on as a whole, each counts as read."""
    if not any(name.startswith("argparse.") for _, name in module.called):
        return []
    declared = [(call, *_names(call)) for call in module.nodes(ast.Call) if _adds(call)]
    if not declared:
        return []
    everything = _goes_on(module)
    read = {node.attr for node in module.nodes(ast.Attribute) if isinstance(node.ctx, ast.Load)}
    own = {part for call, _, _ in declared for part in ast.walk(call)}
    texts = [node.value for node in module.nodes(ast.Constant) if node not in own and isinstance(node.value, str)]
    read |= {text for text in texts if text.isidentifier()}
    return [Option(flag, dest, call, everything or dest in read) for call, flag, dest in declared if dest]


def _adds(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument" and bool(call.args)


def _names(call: ast.Call) -> tuple[str, str]:
    names = [
        argument.value
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
    if not names:
        return "", ""
    for keyword in call.keywords:
        if keyword.arg == "dest" and isinstance(keyword.value, ast.Constant):
            return names[0], str(keyword.value.value)
        if (
            keyword.arg == "action"
            and isinstance(keyword.value, ast.Constant)
            and keyword.value.value in ("version", "help")
        ):
            return names[0], ""
    long = next((name for name in names if name.startswith("--")), names[0])
    return long, long.lstrip("-").replace("-", "_")


def _goes_on(module: Module) -> bool:
    """True where the parsed namespace leaves the file: is returned, handed to a function of elsewhere, or made a dict."""
    parsed = {
        target.id
        for node in module.nodes(ast.Assign)
        if _parses(node.value)
        for whole in node.targets
        for target in ([whole] if isinstance(whole, ast.Name) else whole.elts if isinstance(whole, ast.Tuple) else [])
        if isinstance(target, ast.Name)
    }
    if any(
        _parses(call) and not isinstance(module.parents.get(call), (ast.Assign, ast.Expr))
        for call in module.nodes(ast.Call)
    ):
        return True
    if not any(_parses(call) for call in module.nodes(ast.Call)):
        return True
    own = {node.name for node in (*module.functions, *module.nodes(ast.ClassDef))}
    for name in module.nodes(ast.Name):
        if name.id not in parsed or not isinstance(name.ctx, ast.Load):
            continue
        parent = module.parents.get(name)
        if isinstance(parent, (ast.Return, ast.Assign, ast.Dict, ast.Tuple, ast.Starred)):
            return True
        if isinstance(parent, (ast.Call, ast.keyword)):
            call = parent if isinstance(parent, ast.Call) else module.parents.get(parent)
            if isinstance(call, ast.Call) and not _harmless(call, module, own):
                return True
    return False


def _harmless(call: ast.Call, module: Module, own: set[str]) -> bool:
    """Printing the namespace reads no option; nor does handing it to a function of the same file, which is looked at."""
    if module.name(call.func) in ("builtins.print", "builtins.str", "builtins.repr", "pprint.pprint"):
        return True
    return isinstance(call.func, ast.Name) and call.func.id in own


def _parses(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return node.func.attr in ("parse_args", "parse_known_args")
