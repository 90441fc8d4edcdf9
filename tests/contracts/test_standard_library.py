"""The probe, and what it imports, need the standard library alone; and the checks that say so can fail."""

from __future__ import annotations

import ast
import shutil
import sys
from pathlib import Path

import inside
import pytest

import reenact

PACKAGE = Path(reenact.__file__).parent


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what runs in the user's process, to be spoilt."""
    package = tmp_path / "reenact"
    for path in inside.sources(PACKAGE):
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACKAGE / path, package / path)
    return package


def test_importing_every_module_needs_nothing_installed() -> None:
    assert inside.imported(PACKAGE) == []


def test_no_import_statement_names_anything_else() -> None:
    assert inside.read(PACKAGE) == []


def test_every_module_is_looked_at() -> None:
    found = set(inside.sources(PACKAGE))
    assert {Path("errors.py"), Path("knobs.py"), Path("probe/boot.py"), inside.SITE} <= found
    assert Path("probe/frameworks/torch_library.py") in found
    assert Path("fingerprint/tensors.py") in found


@pytest.mark.parametrize("name", ["click", "numpy", "torch", "reenact"])
def test_the_check_by_importing_can_fail(copy: Path, name: str) -> None:
    (copy / "probe" / "spoilt.py").write_text(f"import {name}\n")
    assert any(f"tried to import {name}" in problem for problem in inside.imported(copy))


def test_the_check_by_importing_sees_an_import_that_is_guarded(copy: Path) -> None:
    (copy / "probe" / "spoilt.py").write_text("try:\n    import click\nexcept ImportError:\n    click = None\n")
    assert inside.imported(copy) == ["tried to import click"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("import click", "imports click"),
        ("def f():\n    import numpy.random", "imports numpy.random"),
        ("from torch import nn", "imports torch"),
        ("from reenact import errors", "imports reenact"),
        ("from ..record import schema", "imports record, which is not for the user's process"),
        ("from .. import store", "imports store, which is not for the user's process"),
        ("from ... import store", "leaves the package"),
        ("__import__('msgspec')", "imports msgspec"),
        ("import importlib\nimportlib.import_module('rich.table')", "imports rich.table"),
        ("from _reenact.probe import boot", "imports _reenact.probe"),
    ],
)
def test_the_check_by_reading_can_fail(copy: Path, line: str, problem: str) -> None:
    (copy / "probe" / "spoilt.py").write_text(line + "\n")
    (found,) = inside.read(copy)
    assert found.startswith("probe/spoilt.py:") and found.endswith(problem)


@pytest.mark.parametrize("line", ["from .. import knobs", "from ..fingerprint.values import x", "from . import boot"])
def test_imports_among_themselves_are_fine(copy: Path, line: str) -> None:
    (copy / "probe" / "spoilt.py").write_text(line + "\nimport json, os.path\n")
    assert inside.read(copy) == []


@pytest.mark.parametrize("path", list(inside.sources(PACKAGE)), ids=str)
def test_the_syntax_is_that_of_python_3_9(path: Path) -> None:
    source = (PACKAGE / path).read_text(encoding="utf-8")
    ast.parse(source, str(path), feature_version=(3, 9))
    # Without it, annotations such as `int | None` would be evaluated, and fail on 3.9.
    if path != inside.SITE and any(isinstance(node, ast.FunctionDef) for node in ast.walk(ast.parse(source))):
        assert "from __future__ import annotations" in source


def test_the_check_of_the_syntax_can_fail() -> None:
    with pytest.raises(SyntaxError):
        ast.parse("match x:\n    case 1:\n        pass\n", feature_version=(3, 9))


def test_importing_reenact_loads_nothing_heavy() -> None:
    import subprocess

    code = "import sys, reenact; print(sorted({'click', 'rich', 'msgspec', 'numpy', 'torch', 'sqlite3'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
