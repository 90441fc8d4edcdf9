"""Which literals of a script come from the config, by which name, in which group."""

from __future__ import annotations

import ast
import re
from collections import Counter

from ..hyperparameters import FLAG, LIKELY, Hyperparameter, hyperparameters
from ..module import Module
from ..signatures import LAYERS
from ..vocabulary import snake
from .rewrite import Literal

_OF_MODEL = re.compile(
    r"(^|_)(dims?|hidden|latent|emb(ed(ding)?)?|layers?|heads?|channels|features|planes|filters|units|kernel|dropout|vocab|width|depth)(_|$)"
    r"|^(d_model|d_ff|n_embd|block_size|context_length)$"
)
_TIE = re.compile(r"(\w+)\(")


def literals(module: Module) -> list[Literal]:
    """The numbers and switches that extraction takes out of the code, each name unique in its group."""
    found = [one for one in hyperparameters(module) if one.kind != FLAG and one.score >= LIKELY and _is_scalar(one)]
    names = [_name(one) for one in found]
    counts = Counter((_group(one, name), name) for one, name in zip(found, names))
    taken: set[tuple[str, str]] = set()
    out = []
    for one, name in zip(found, names):
        group = _group(one, name)
        if counts[group, name] > 1:
            target = _target(module, one.node)
            name = f"{target}_{name}" if target and not name.startswith(target) else name
        wish, number = name, 1
        while (group, name) in taken:
            number += 1
            name = f"{wish}_{number}"
        taken.add((group, name))
        out.append(Literal(group, name, one.node, one.value))
    return out


def _is_scalar(one: Hyperparameter) -> bool:
    return isinstance(one.value, (bool, int, float))


def _name(one: Hyperparameter) -> str:
    name = snake(one.name)
    return "dropout" if name == "p" and one.tied[0].lower().startswith("dropout") else name


def _group(one: Hyperparameter, name: str) -> str:
    called = {match[1] for tie in one.tied if (match := _TIE.match(tie))}
    return "model" if called & set(LAYERS) or _OF_MODEL.search(name) else "training"


def _target(module: Module, node: ast.AST) -> str | None:
    """The name that the statement around a node assigns to: ``fc1`` of ``self.fc1 = nn.Linear(784, 400)``."""
    for above in module.above(node):
        if isinstance(above, ast.Assign) and len(above.targets) == 1:
            target = above.targets[0]
            name = (
                target.id
                if isinstance(target, ast.Name)
                else target.attr
                if isinstance(target, ast.Attribute)
                else None
            )
            return snake(name) if name else None
        if isinstance(above, ast.stmt):
            return None
    return None
