"""A script's source, and which of its literals are hyperparameters, into a Hydra app and the files of its ``conf/``."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from ..module import Module
from .conf import Value, conf_files
from .edits import Edit, Places, apply, indented
from .names import free, used
from .prints import print_edits
from .schema import schema_source
from .seeds import Seeding, seeding
from .structure import Structure, refused, structure

PARSERS = {"argparse", "click", "typer", "absl", "fire", "jsonargparse", "docopt", "hydra", "tyro", "simple_parsing"}
INDENT = "    "


@dataclass(frozen=True)
class Literal:
    """A literal that is to come from the config.

    Attributes:
        group: ``model`` or ``training``.
        name: unique in its group, but for literals that are one value.
        node: where it is; its source is replaced.
        value: of type int, float, str or bool.
    """

    group: str
    name: str
    node: ast.expr
    value: int | float | str | bool


@dataclass(frozen=True)
class Rewrite:
    """What extraction would write.

    Attributes:
        source: the app.
        files: path below ``conf/`` -> text.
        values: what the config holds.
        seeds: the libraries that are seeded now and were not.
        left: what stays in the code, and why.
    """

    source: str
    files: dict[str, str]
    values: tuple[Value, ...]
    seeds: tuple[str, ...]
    left: tuple[str, ...]


def rewrite(module: Module, literals: Sequence[Literal], script: str, seed: int = 0, typed: bool = False) -> Rewrite:
    """Turn a script into a Hydra app that computes the same.

    Args:
        script: the file's name.
        seed: value for libraries that draw and that the script does not seed.
        typed: write dataclasses too, against which Hydra checks the types of what is given.

    Raises:
        ReenactError: it cannot be turned into one; says why.
    """
    parser = sorted(PARSERS & module.imported)
    if parser:
        raise refused(f"it takes its parameters with {parser[0]} already")
    if any(module.name(node) == "sys.argv" for node in module.nodes(ast.Attribute)):
        raise refused("it reads sys.argv, which Hydra reads too")
    if module.looks_itself_up:
        raise refused("it looks its names up in ways that its text does not show (exec, globals …)")
    literals, parts, left = _places_of(module, literals)
    taken = used(module.tree)
    names = _Names(
        cfg=free(taken, "cfg", "conf"),
        given=free(taken, "config", "given"),
        main=free(taken, "main", "run", "app"),
        log=free(taken, "log", "logger"),
    )
    places = Places(module.text)
    seeds = seeding(module)
    # Where the script configures logging itself, Hydra's is none of its business, and prints stay.
    prints = [] if "logging" in module.imported else print_edits(module, places, names.log)
    edits = [*prints, *(_edit(literal, places, names.cfg) for literal in literals)]
    values = _values(literals, script)
    schema = schema_source(values, seed if seeds else None, taken) if typed else ""
    app = _App(module, parts, places, edits, names, seeds, bool(prints), _cfg_is_global(parts, literals), schema).text()
    ast.parse(app)
    files = conf_files(values, seed if seeds else None, bool(prints), script, typed)
    if "logging" in module.imported:
        files["config.yaml"] = files["config.yaml"].replace(
            "  - _self_\n", "  - override hydra/job_logging: none\n  - _self_\n", 1
        )
    return Rewrite(app, files, values, tuple(one.library for one in seeds), tuple(left))


@dataclass(frozen=True)
class _Names:
    cfg: str
    given: str
    main: str
    log: str


def _places_of(module: Module, literals: Sequence[Literal]) -> tuple[list[Literal], Structure, list[str]]:
    """The literals that can come from the config, how the module is divided then, and what is left in the code."""
    left: list[str] = []
    chosen = list(literals)
    while True:
        parts = structure(module.tree, {id(literal.node) for literal in chosen})
        loaded = {id(node) for part in parts.loaded for node in ast.walk(part)}
        early = [literal for literal in chosen if id(literal.node) in loaded]
        if not early:
            return chosen, parts, left
        for literal in early:
            chosen.remove(literal)
            left.append(f"line {literal.node.lineno}: {literal.name} is needed while the module is loaded")


def _values(literals: Sequence[Literal], script: str) -> tuple[Value, ...]:
    found: dict[tuple[str, str], Value] = {}
    for literal in literals:
        where = f"{script}:{literal.node.lineno}"
        found.setdefault((literal.group, literal.name), Value(literal.group, literal.name, literal.value, where))
    return tuple(found.values())


def _edit(literal: Literal, places: Places, cfg: str) -> Edit:
    start, end = places.span(literal.node)
    return Edit(start, end, f"{cfg}.{literal.group}.{literal.name}")


def _cfg_is_global(parts: Structure, literals: Sequence[Literal]) -> bool:
    """True where functions or classes that stay outside of main use the config."""
    nodes = {id(literal.node) for literal in literals}
    return any(id(node) in nodes for statement in parts.staying for node in ast.walk(statement))


class _App:
    """Puts the pieces together."""

    def __init__(
        self,
        module: Module,
        parts: Structure,
        places: Places,
        edits: list[Edit],
        names: _Names,
        seeds: Sequence[Seeding],
        logs: bool,
        cfg_is_global: bool,
        schema: str,
    ) -> None:
        self._module = module
        self._parts = parts
        self._places = places
        self._edits = edits
        self._names = names
        self._seeds = seeds
        self._logs = logs
        self._cfg_is_global = cfg_is_global
        self._schema = schema
        self._from: dict[ast.stmt, int] = {}
        line = 1
        for number, statement in enumerate(module.tree.body):
            self._from[statement] = first_line(statement) if number == 0 else line
            line = (statement.end_lineno or statement.lineno) + 1

    def text(self) -> str:
        """The source of the app."""
        body = self._module.tree.body
        head = module_head(self._module.tree)
        out = [self._module.text[: self._places.line_start(first_line(body[0]))]]
        for number, statement in enumerate(body):
            if number == head:
                out.append(self._imports(number > 0))
            if statement in self._parts.staying:
                out.append(self._lines(statement))
        if head == len(body):
            out.append(self._imports(True))
        last = body[-1].end_lineno or body[-1].lineno
        return "".join(out).rstrip("\n") + "\n\n\n" + self._main() + self._module.text[self._places.line_end(last) :]

    def _lines(self, statement: ast.stmt) -> str:
        """A statement's lines with the comments above it, edited."""
        start = self._places.line_start(self._from[statement])
        end = self._places.line_end(statement.end_lineno or statement.lineno)
        text = apply(self._module.text, self._edits, start, end)
        return text if text.endswith("\n") else text + "\n"

    def _imports(self, after: bool) -> str:
        lines = ["import logging"] if self._logs else []
        lines += ["from dataclasses import dataclass, field"] if self._schema else []
        lines += [binding.statement for binding in self._seeds if binding.statement]
        lines += ["import hydra"]
        lines += ["from hydra.core.config_store import ConfigStore"] if self._schema else []
        lines += ["from omegaconf import DictConfig"]
        if self._logs:
            lines += ["", f"{self._names.log} = logging.getLogger(__name__)"]
        text = "\n".join(lines).lstrip("\n") + "\n" + self._schema
        return text if after else text + "\n"

    def _main(self) -> str:
        names, shared = self._names, sorted(self._parts.shared)
        if self._cfg_is_global:
            shared = [names.cfg, *shared]
        parameter = names.given if self._cfg_is_global else names.cfg
        out = [
            '@hydra.main(version_base="1.3", config_path="conf", config_name="config")\n',
            f"def {names.main}({parameter}: DictConfig) -> None:\n",
        ]
        for start in range(0, len(shared), 12):
            out.append(f"{INDENT}global {', '.join(shared[start : start + 12])}\n")
        if self._cfg_is_global:
            out.append(f"{INDENT}{names.cfg} = {parameter}\n")
        out += [f"{INDENT}{binding.call.format(f'{names.cfg}.seed')}\n" for binding in self._seeds]
        moved = [self._moved(statement) for statement in self._parts.moving]
        # One blank line is enough within a function.
        moved = ["\n" * (text[:1] == "\n") + text.lstrip("\n") for text in moved]
        out.append("".join(moved).strip("\n") + "\n" if moved else f"{INDENT}pass\n")
        out.append(f'\n\nif __name__ == "__main__":\n{INDENT}{names.main}()\n')
        return "".join(out)

    def _moved(self, statement: ast.stmt) -> str:
        guard = self._parts.guard
        if statement is not guard or guard is None:
            return indented(self._lines(statement), INDENT)
        start = self._places.line_start(self._from[statement])
        above = self._module.text[start : self._places.line_start(guard.lineno)]
        first = guard.body[0]
        if first.lineno == guard.lineno:
            begin, end = self._places.span(first)[0], self._places.line_end(guard.end_lineno or guard.lineno)
            return indented(above, INDENT) + INDENT + apply(self._module.text, self._edits, begin, end)
        if first.col_offset != len(INDENT) or "\t" in self._module.text:
            return indented(self._lines(statement), INDENT)
        begin = self._places.line_end(guard.test.end_lineno or guard.lineno)
        end = self._places.line_end(guard.end_lineno or guard.lineno)
        return indented(above, INDENT) + apply(self._module.text, self._edits, begin, end)


def first_line(statement: ast.stmt) -> int:
    """The line that a statement begins in, its decorators included."""
    return min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", []))])


def module_head(tree: ast.Module) -> int:
    """How many statements at the beginning of a module are its docstring and imports."""
    count = 0
    for number, statement in enumerate(tree.body):
        docstring = number == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not docstring and not isinstance(statement, (ast.Import, ast.ImportFrom)):
            break
        count += 1
    return count
