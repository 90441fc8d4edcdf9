"""One Python file: its syntax tree with parents, its names resolved through imports, its comments that silence rules."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Any, TypeVar

from .names import Names

Node = TypeVar("Node", bound=ast.AST)
IGNORE = re.compile(r"#\s*reenact:\s*ignore(?:\[([\w\-, ]*)\])?")
NUMERIC = frozenset(
    [
        "torch",
        "torchvision",
        "torchaudio",
        "numpy",
        "scipy",
        "pandas",
        "sklearn",
        "tensorflow",
        "keras",
        "jax",
        "flax",
        "transformers",
        "datasets",
        "PIL",
        "cv2",
        "skimage",
        "lightning",
        "pytorch_lightning",
        "xgboost",
        "lightgbm",
        "catboost",
        "polars",
        "nltk",
        "gensim",
        "paddle",
        "mxnet",
    ]
)
DEEPEST = 300
"""Levels of nesting of what a person writes, and more: what is looked at recursively has to end."""
LARGEST = 5_000_000
"""Bytes of the largest file that is looked at: what is larger was not written by a person."""


_SHARED = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)
"""Nodes without a place in the source; the parser uses one of each for all."""


class Unreadable(Exception):
    """The file is no Python source that can be parsed; the message says why."""


class Module:
    """A parsed file.

    Args:
        path: as it is shown to a person.
        data: the file's bytes.

    Raises:
        Unreadable: not Python, or not as far as this Python can parse it.
    """

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.text = _decode(data)
        self.tree = _parse(self.text)
        self.parents: dict[ast.AST, ast.AST] = {}
        self._nodes: dict[type, list[ast.AST]] = defaultdict(list)
        numbers: dict[int, int] = {}
        stack: list[tuple[ast.AST, int]] = [(self.tree, 0)]
        while stack:
            node, depth = stack.pop()
            if depth > DEEPEST:
                raise Unreadable(f"line {getattr(node, 'lineno', '?')}: nested more than {DEEPEST} levels deep")
            self._nodes[type(node)].append(node)
            _share(node.__dict__, numbers)
            children = [child for child in _children(node) if not isinstance(child, _SHARED)]
            for child in children:
                self.parents[child] = node
            stack.extend([(child, depth + 1) for child in reversed(children)])
        self.names = Names(self.tree, self.parents)
        self.kept: dict[str, list[Any]] = {}
        """What was found out about the file before, by name."""

    def nodes(self, kind: type[Node]) -> list[Node]:
        """All nodes of exactly one type, in the order of the source."""
        return self._nodes.get(kind, [])  # type: ignore[return-value]

    @cached_property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        """All functions and methods."""
        return [*self.nodes(ast.FunctionDef), *self.nodes(ast.AsyncFunctionDef)]

    @cached_property
    def assignments(self) -> list[ast.Assign | ast.AnnAssign]:
        """All assignments, but for augmented ones and those of the walrus."""
        return [*self.nodes(ast.Assign), *self.nodes(ast.AnnAssign)]

    @cached_property
    def imports(self) -> list[ast.Import | ast.ImportFrom]:
        """All imports, in the order of the source."""
        found: list[ast.Import | ast.ImportFrom] = [*self.nodes(ast.Import), *self.nodes(ast.ImportFrom)]
        return sorted(found, key=lambda node: node.lineno)

    def name(self, node: ast.AST) -> str | None:
        """The full name of what a name or attribute stands for (``torch.optim.Adam``), or None."""
        return self.names.qualified(node)

    @cached_property
    def called(self) -> list[tuple[ast.Call, str]]:
        """Every call whose function has a full name, with that name."""
        found = ((call, self.names.qualified(call.func)) for call in self.nodes(ast.Call))
        return [(call, name) for call, name in found if name]

    @cached_property
    def imported(self) -> set[str]:
        """First parts of the names of all modules imported anywhere in the file; relative imports left out."""
        whole = {alias.name for node in self.nodes(ast.Import) for alias in node.names}
        parts = {node.module for node in self.nodes(ast.ImportFrom) if node.module and not node.level}
        return {name.partition(".")[0] for name in whole | parts}

    @cached_property
    def is_numeric(self) -> bool:
        """True where the file imports a library that computes: where the order of things can change a number."""
        return bool(self.imported & NUMERIC)

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around a node, innermost first."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    @cached_property
    def looks_itself_up(self) -> bool:
        """True where names may be read in ways that the text does not show (``globals()``, ``exec`` …)."""
        hidden = {"builtins.globals", "builtins.locals", "builtins.exec", "builtins.eval"}
        bare_vars = any(name == "builtins.vars" and not call.args for call, name in self.called)
        return bare_vars or any(name in hidden for _, name in self.called)

    @cached_property
    def ignored(self) -> dict[int, frozenset[str] | None]:
        """Line -> ids of the rules that a comment silences there; None for all of them."""
        if "reenact:" not in self.text:
            return {}
        try:
            tokens = list(tokenize.generate_tokens(io.StringIO(self.text).readline))
        except (tokenize.TokenError, SyntaxError, IndentationError):
            return {}
        comments = [(token.start[0], token.string, token.line) for token in tokens if token.type == tokenize.COMMENT]
        return silenced(comments)


def silenced(comments: list[tuple[int, str, str]]) -> dict[int, frozenset[str] | None]:
    """What comments silence: their own line, or the next one where they stand alone.

    Args:
        comments: line number, the comment, and the whole line.
    """
    found: dict[int, frozenset[str] | None] = {}
    for line, comment, whole in comments:
        match = IGNORE.search(comment)
        if match:
            at = line + 1 if whole.lstrip().startswith("#") else line
            ids = match.group(1)
            found[at] = None if ids is None else frozenset(part.strip() for part in ids.split(","))
    return found


def _children(node: ast.AST) -> list[ast.AST]:
    """What ``ast.iter_child_nodes`` gives, in half the time."""
    found = []
    values = node.__dict__
    for name in node._fields:
        value = values.get(name)
        if type(value) is list:
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def _share(values: dict[str, Any], numbers: dict[int, int]) -> None:
    """The parser makes new integers for the lines of every node: one of each will do, and saves a sixth of a tree's memory."""
    for name in ("lineno", "end_lineno"):
        line = values.get(name)
        if line is not None and line > 256:
            values[name] = numbers.setdefault(line, line)


def _decode(data: bytes) -> str:
    if len(data) > LARGEST:
        raise Unreadable(f"larger than {LARGEST // 1_000_000} MB")
    if b"\0" in data:
        raise Unreadable("not text: it holds null bytes")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except SyntaxError as error:
        raise Unreadable(f"its encoding: {error.msg}") from None
    except (UnicodeDecodeError, LookupError) as error:
        raise Unreadable(f"its encoding: {error}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _parse(text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        raise Unreadable(f"syntax error, {where}{error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"cannot be parsed: {type(error).__name__}: {error}") from None
