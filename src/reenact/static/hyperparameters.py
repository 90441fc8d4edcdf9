"""The hyperparameters that a program has in its text: name, value, where, and what they are tied to.

A number is tied to what it is for by the argument that it is given to, or by its name, never by its value: in one script 20
may be the number of epochs and the size of a latent space. `hyperparameters` lists them; a rule tells of those that only an
edit of the code can change.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from .module import Module
from .names import Binding
from .signatures import CALLS, IN_PLACE, KEYWORDS
from .training import FUNCTIONS, over_range, training_loops
from .values import NoValue, is_number, literal
from .vocabulary import COUNTERS, is_hyperparameter, is_learning_rate, is_size_of_data, snake

ARGUMENT, CONSTANT, DEFAULT, EPOCHS, SCHEDULE, FLAG = "argument", "constant", "default", "epochs", "schedule", "flag"
"""A literal in a call; a name bound to a literal; the default of a parameter; a literal range that trains; a literal that
changes the learning rate in the loop; a setting that the command line can change already."""

SURE, LIKELY, UNLIKELY = 0.9, 0.6, 0.4

_FOREIGN = (
    *(
        "torch.",
        "numpy.",
        "matplotlib.",
        "pandas.",
        "scipy.",
        "builtins.",
        "PIL.",
        "cv2.",
        "seaborn.",
        "plotly.",
        "math.",
    ),
    *(
        "jax.numpy.",
        "tensorflow.",
        "torchvision.transforms.",
        "einops.",
        "os.",
        "json.",
        "argparse.",
        "dataclasses.",
        "time.",
    ),
)
"""Calls whose keywords say nothing about hyperparameters, unless they are in the table of signatures."""


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter.

    Attributes:
        name: as the program calls it, or the argument that it is given to.
        value: number, bool, or tuple of numbers.
        kind: `ARGUMENT`, `CONSTANT`, `DEFAULT`, `EPOCHS`, `SCHEDULE` or `FLAG`.
        path, line, column: where its value stands (both from 1).
        score: how sure it is that this is one, from 0 to 1.
        tied: what it is given to, such as ``DataLoader(batch_size)``.
        site: line of the call, loop or statement; what stands on it together is one place to edit.
        node: the expression that holds the value.
    """

    name: str
    value: Any
    kind: str
    path: str
    line: int
    column: int
    score: float
    tied: tuple[str, ...]
    site: int
    node: ast.expr

    @property
    def in_code(self) -> bool:
        """True where only an edit of the code can change it."""
        return self.kind != FLAG


def hyperparameters(module: Module, least: float = 0.5) -> list[Hyperparameter]:
    """All that can be seen whose score is at least `least`, in the order of the source; each value is there once."""
    if "hyperparameters" not in module.kept:
        search = _Search(module)
        search.run()
        module.kept["hyperparameters"] = sorted(search.found.values(), key=lambda one: (one.line, one.column))
    return [one for one in module.kept["hyperparameters"] if one.score >= least]


class _Search:
    def __init__(self, module: Module) -> None:
        self.module = module
        self.found: dict[ast.expr, Hyperparameter] = {}
        self.parameters: dict[tuple[ast.AST, str], str] = {}

    def run(self) -> None:
        self._flags()
        for call, given in list(self._known_calls()):
            for name, value in given:
                self._given(value, name, f"{_called(call)}({name})", call, SURE)
        # A parameter that goes on into a layer makes the calls of its function calls to look at, and so on.
        for _ in range(3):
            if not self._own_functions():
                break
        for call in self.module.nodes(ast.Call):
            self._by_keyword(call)
        self._loops()
        self._learning_rates()
        self._constants()

    # What calls are given

    def _known_calls(self) -> Iterator[tuple[ast.Call, list[tuple[str, ast.expr]]]]:
        for call, name in self.module.called:
            if name in CALLS:
                yield call, _arguments(call, CALLS[name])
        if "torch" in self.module.imported or "torch" in "".join(self.module.names.stars):
            for call in self.module.nodes(ast.Call):
                if (
                    isinstance(call.func, ast.Attribute)
                    and call.func.attr in IN_PLACE
                    and self.module.name(call.func) is None
                ):
                    yield call, _arguments(call, tuple(IN_PLACE[call.func.attr].split()))

    def _own_functions(self) -> bool:
        """Look at the calls of functions and classes of this file whose parameters are hyperparameters; True if there was news."""
        news = False
        for call in self.module.nodes(ast.Call):
            function = self._function(call)
            if function is None:
                continue
            names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
            if self._is_method(function):
                names = names[1:]
            keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
            given = dict(zip(names, call.args)) | keywords
            for name, value in given.items():
                tie = self.parameters.get((function, name))
                if tie is not None and not isinstance(value, ast.Starred):
                    news |= self._given(value, name, f"{_called(call)}({name})", call, SURE - 0.1)
        return news

    def _function(self, call: ast.Call) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The function of this file that a call runs: by its name, or the ``__init__`` of a class of that name."""
        if not isinstance(call.func, ast.Name):
            return None
        bindings = self.module.names.lookup(call.func.id, call.func)
        node = bindings[0].node if len(bindings) == 1 else None
        if isinstance(node, FUNCTIONS):
            return node
        if isinstance(node, ast.ClassDef):
            inits = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
            return inits[0] if inits else None
        return None

    def _is_method(self, function: ast.AST) -> bool:
        return isinstance(self.module.parents.get(function), ast.ClassDef)

    def _by_keyword(self, call: ast.Call) -> None:
        """Keywords of other calls whose names say what they are: ``Encoder(hidden_dim=400)``, ``fit(epochs=10)``."""
        name = self.module.name(call.func)
        if name in CALLS or (name and name.startswith(_FOREIGN) and name != "builtins.dict"):
            return
        if isinstance(call.func, ast.Attribute) and call.func.attr in (
            "add_argument",
            "format",
            "view",
            "add_option",
            "update",
        ):
            return
        for keyword in call.keywords:
            if keyword.arg and is_hyperparameter(keyword.arg):
                if keyword.arg.endswith("_dim") and literal_or_none(keyword.value) in (-1, 0, 1):
                    continue  # an axis
                self._given(keyword.value, keyword.arg, f"{_called(call)}({keyword.arg})", call, SURE - 0.1)

    def _given(self, value: ast.expr, name: str, tie: str, site: ast.AST, score: float) -> bool:
        """Note what an argument was given; True if a parameter of a function was tied that was not before."""
        if is_number(value) or (_is_bool(value) and is_hyperparameter(name)):
            self._add(value, name, ARGUMENT, score, tie, site)
            return False
        news = False
        for part, weight in _parts(value):
            if is_number(part):
                self._add(part, name, ARGUMENT, score - 0.1, tie, site)
            elif isinstance(part, ast.Name):
                for binding in self.module.names.lookup(part.id, part):
                    if weight and literal_or_none(binding.value) == 0:
                        continue  # an offset that starts at nothing
                    news |= self._bound(binding, part.id, tie, score - weight)
        return news

    def _bound(self, binding: Binding, name: str, tie: str, score: float) -> bool:
        if isinstance(binding.node, ast.arg):
            function = self.module.parents.get(self.module.parents[binding.node])
            if not isinstance(function, FUNCTIONS) or (function, name) in self.parameters:
                return False
            self.parameters[(function, name)] = tie
            default = _default(function, name)
            if default is not None and is_number(default):
                self._add(default, name, DEFAULT, score - 0.1, tie, default)
            return True
        if binding.value is not None and (is_number(binding.value) or _is_bool(binding.value)):
            self._add(binding.value, name, CONSTANT, score, tie, binding.node)
        return False

    # What names and loops say

    def _loops(self) -> None:
        """Literal ranges that train; the outermost one counts epochs, whatever it is called."""
        loops = training_loops(self.module)
        for loop in loops:
            call = over_range(loop, self.module)
            if call is None or not call.args:
                continue
            outer = any(above in loops for above in self.module.above(loop))
            target = loop.target.id if isinstance(loop.target, ast.Name) else "step"
            name = {"_": "epochs"}.get(target, target) if outer else "epochs"
            if len(target) > 3 and is_hyperparameter(target + "s"):
                name = target + "s"
            self._given(
                call.args[-1] if len(call.args) < 3 else call.args[1], name, f"for {target} in range(…)", loop, SURE
            )
        for loop in self.module.nodes(ast.For):
            if isinstance(loop.target, ast.Name) and snake(loop.target.id) in (
                "epoch",
                "n_epoch",
                "i_epoch",
                "epoch_num",
            ):
                call = over_range(loop, self.module)
                if call is not None and call.args:
                    self._given(call.args[-1], "epochs", f"for {loop.target.id} in range(…)", loop, SURE - 0.1)

    def _learning_rates(self) -> None:
        """``lr /= 10`` and ``group["lr"] = 1e-4`` in the loop, and the ``epoch % 10`` that says when."""
        for change in self.module.nodes(ast.AugAssign):
            if _learning_rate(change.target) and is_number(change.value):
                self._schedule(change, change.value)
        for setting in self.module.nodes(ast.Assign):
            if isinstance(setting.targets[0], ast.Subscript) and _learning_rate(setting.targets[0]):
                for part, _ in _parts(setting.value):
                    if is_number(part):
                        self._schedule(setting, part)

    def _schedule(self, change: ast.stmt, value: ast.expr) -> None:
        self._add(value, "lr_factor", SCHEDULE, SURE - 0.1, "the learning rate", change)
        for above in self.module.above(change):
            if isinstance(above, ast.If):
                for part in ast.walk(above.test):
                    if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mod) and is_number(part.right):
                        self._add(part.right, "lr_period", SCHEDULE, SURE - 0.1, "the learning rate", above)
                return

    def _constants(self) -> None:
        """Names bound to numbers in the module, in its functions and its classes, where the name says what it is."""
        settings = all(isinstance(node, (ast.Assign, ast.AnnAssign, ast.Expr)) for node in self.module.tree.body)
        for statement in self.module.assignments:
            if statement.value is None:
                continue
            for target, value in _pairs(statement):
                name = _target(target)
                if name is None or value in self.found or not (is_number(value) or _is_bool(value)):
                    continue
                if _is_bool(value) and not is_learning_rate(name.replace("decay_", "")):
                    continue
                if not (self.module.is_numeric or settings or self._in_class(statement)):
                    continue
                if is_hyperparameter(name) and self._is_setting(target, name):
                    declared = isinstance(statement, ast.AnnAssign) and self._is_declared(statement)
                    self._add(value, name, FLAG if declared else CONSTANT, LIKELY + 0.1, "its name", statement)

    def _is_setting(self, target: ast.expr, name: str) -> bool:
        """A constant that something reads, and no counter or running value."""
        if snake(name) in COUNTERS and not (name.isupper() and len(name) > 1):
            return False
        if isinstance(target, ast.Attribute):
            # What is set on parsed arguments overrides them in some case, which is no setting of its own.
            return _attribute_root(target) in ("config", "cfg", "hparams", "hp", "conf")
        if isinstance(target, ast.Subscript):
            return True
        if literal_or_none(_value_of(target, self.module)) in (0, None) and not name.isupper():
            # What starts at 0 is mostly counted up.
            bindings = self.module.names.lookup(name, target)
            if len(bindings) > 1:
                return False
        scope = self.module.names.scope(target).node
        return isinstance(scope, (ast.Module, ast.ClassDef)) or len(self.module.names.lookup(name, target)) == 1

    def _in_class(self, statement: ast.stmt) -> bool:
        return isinstance(self.module.names.scope(statement).node, ast.ClassDef)

    def _is_declared(self, statement: ast.AnnAssign) -> bool:
        """A field of a dataclass and the like: a configuration that other code fills."""
        scope = self.module.names.scope(statement).node
        return isinstance(scope, ast.ClassDef) and bool(scope.decorator_list or scope.bases)

    def _flags(self) -> None:
        """Defaults of argparse's options: the command line can change them."""
        for call in self.module.nodes(ast.Call):
            if (
                not (isinstance(call.func, ast.Attribute) and call.func.attr in ("add_argument", "add_option"))
                or not call.args
            ):
                continue
            names = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            long = [name for name in names if name.startswith("--")] or names
            for keyword in call.keywords:
                if keyword.arg == "default" and long and is_number(keyword.value):
                    name = long[0].lstrip("-").replace("-", "_")
                    self._add(keyword.value, name, FLAG, SURE, f"add_argument({long[0]!r})", call)

    def _add(self, value: ast.expr, name: str, kind: str, score: float, tie: str, site: ast.AST) -> None:
        if kind in (CONSTANT, DEFAULT) and is_size_of_data(name):
            score = UNLIKELY
        before = self.found.get(value)
        if before is not None:
            if tie not in before.tied:
                tied = tuple(one for one in before.tied if one != "its name")
                self.found[value] = replace(before, tied=(*tied, tie), score=max(before.score, score))
            return
        line = getattr(site, "lineno", value.lineno) if kind == ARGUMENT else value.lineno
        self.found[value] = Hyperparameter(
            name,
            literal(value),
            kind,
            self.module.path,
            value.lineno,
            value.col_offset + 1,
            round(score, 2),
            (tie,),
            line,
            value,
        )


def literal_or_none(node: ast.AST | None) -> Any:
    """The literal value of an expression; None where it is none."""
    try:
        return literal(node)
    except NoValue:
        return None


def _arguments(call: ast.Call, positional: tuple[str, ...]) -> list[tuple[str, ast.expr]]:
    """Name and expression of the arguments that are hyperparameters."""
    given = []
    for name, value in zip(positional, call.args):
        if isinstance(value, ast.Starred):
            break
        if name != "-":
            given.append((name, value))
    wanted = {name for name in positional if name != "-"} | KEYWORDS
    return given + [(keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg in wanted]


def _parts(value: ast.expr) -> Iterator[tuple[ast.expr, float]]:
    """What an expression is made of, with how much less it says: names in arithmetic and in tuples; numbers in tuples only."""
    if isinstance(value, ast.Name):
        yield value, 0.0
    elif isinstance(value, (ast.Tuple, ast.List)):
        for element in value.elts:
            yield from ((part, 0.0) for part, _ in _parts(element))
            if is_number(element):
                yield element, 0.0
    elif isinstance(value, ast.BinOp):
        for side in (value.left, value.right):
            yield from ((part, weight + 0.1) for part, weight in _parts(side) if isinstance(part, ast.Name))
        if isinstance(value.op, ast.Add) and is_number(value.left):
            yield value.left, 0.1
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ("int", "float"):
        for argument in value.args:
            yield from _parts(argument)


def _pairs(statement: ast.Assign | ast.AnnAssign) -> Iterator[tuple[ast.expr, ast.expr]]:
    assert statement.value is not None
    for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
        if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
            if len(target.elts) == len(statement.value.elts):
                yield from zip(target.elts, statement.value.elts)
        else:
            yield target, statement.value


def _target(node: ast.expr) -> str | None:
    """The name that an assignment gives a value: of a variable, an attribute, or a key."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value
    return None


def _value_of(target: ast.expr, module: Module) -> ast.AST | None:
    statement = module.parents.get(target)
    return statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None


def _attribute_root(node: ast.Attribute) -> str | None:
    return node.value.id if isinstance(node.value, ast.Name) else None


def _default(function: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> ast.expr | None:
    positional = [*function.args.posonlyargs, *function.args.args]
    defaults = dict(zip([argument.arg for argument in reversed(positional)], reversed(function.args.defaults)))
    only = {
        argument.arg: value for argument, value in zip(function.args.kwonlyargs, function.args.kw_defaults) if value
    }
    return (defaults | only).get(name)


def _called(call: ast.Call) -> str:
    """The last part of what a call calls."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else "…"


def _is_bool(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, bool)


def _learning_rate(node: ast.expr) -> bool:
    name = _target(node)
    return name is not None and is_learning_rate(name)
