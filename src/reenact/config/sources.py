"""The sources of a program: its script, and the modules of the project that it imports. They are parsed, never run."""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..errors import ReenactError

LARGEST = 2 * 2**20
"""Bytes of a source that is looked into."""

MOST = 100
"""Modules that are followed."""


@dataclass(frozen=True)
class Source:
    """One file of a program.

    Attributes:
        module: dotted name, "" for the script itself.
        path: absolute.
        data: its bytes, UTF-8.
        package: dotted name of the package that its relative imports start from.
    """

    module: str
    path: str
    data: bytes
    package: str = ""

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree.

        Raises:
            SyntaxError, ValueError: it is no Python that this version understands.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(self.data)

    def span(self, node: ast.expr) -> tuple[int, int]:
        """Where an expression lies in `data`: offset of its first byte, and of the one after its last."""
        starts = self._starts
        assert node.end_lineno is not None and node.end_col_offset is not None
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    @cached_property
    def _starts(self) -> list[int]:
        mark = 3 if self.data.startswith(b"\xef\xbb\xbf") else 0
        starts, at = [mark], 0
        for line in self.data.splitlines(keepends=True):
            at += len(line)
            starts.append(at)
        return starts


def read_script(path: str) -> Source:
    """The script at a path.

    Raises:
        ReenactError: it is not there, is no text, or no Python.
    """
    name = os.path.relpath(path) if os.path.isabs(path) else path
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise ReenactError("no-script", f"cannot read {name}: {error.strerror}", valid="a Python script") from error
    found = Source("", os.path.abspath(path), data)
    if b"\0" in data or len(data) > LARGEST:
        raise ReenactError("not-a-script", f"{name} is no Python source", valid="a Python script")
    try:
        data.decode("utf-8")
        found.tree  # noqa: B018
    except SyntaxError as error:
        raise ReenactError(
            "syntax", f"{name}, line {error.lineno}: {error.msg}", fix="correct it: Python would not run it either"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ReenactError("not-a-script", f"{name} is no Python source: {error}", valid="UTF-8 text") from error
    return found


def program(script: Source, folders: Sequence[str]) -> list[Source]:
    """The script, and every module of the project that it imports, itself or through others; those that parse.

    Args:
        folders: where its modules are looked for: the script's folder, or for ``-m`` the current one.
    """
    found = {script.path: script}
    waiting = [script]
    while waiting and len(found) < MOST:
        source = waiting.pop(0)
        for module in dict.fromkeys(_imported(source)):
            more = _find(module, folders)
            if more is not None and more.path not in found:
                found[more.path] = more
                waiting.append(more)
    return list(found.values())


def module_source(name: str, folders: Sequence[str]) -> Source | None:
    """What ``python -m NAME`` runs; None when it does not lie in the folders."""
    found = _find(name, folders)
    if found is not None and os.path.basename(found.path) == "__init__.py":
        found = _find(name + ".__main__", folders)
    return None if found is None else Source("", found.path, found.data, found.package)


def _imported(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                yield from (".".join(parts[: n + 1]) for n in range(len(parts)))
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = source.package.split(".")[: len(source.package.split(".")) - node.level + 1]
                base = ".".join([part for part in [*package, base] if part])
            if base:
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)
            elif node.level:
                yield from (alias.name for alias in node.names)


def _find(module: str, folders: Sequence[str]) -> Source | None:
    below = module.replace(".", os.sep)
    for folder in folders:
        for path, package in (
            (os.path.join(folder, below, "__init__.py"), module),
            (os.path.join(folder, below + ".py"), module.rpartition(".")[0]),
        ):
            if not os.path.isfile(path):
                continue
            try:
                with open(path, "rb") as file:
                    source = Source(module, os.path.abspath(path), file.read(LARGEST), package)
                source.data.decode("utf-8")
                source.tree  # noqa: B018
            except (OSError, SyntaxError, ValueError, RecursionError):
                return None
            return source
    return None
