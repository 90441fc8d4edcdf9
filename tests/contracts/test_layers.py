"""Imports go one way, modules say what they are for; and the check of the imports can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import reenact

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(reenact.__file__).parent


def lint_imports(source: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("lint-imports", path=os.path.dirname(sys.executable)) or shutil.which("lint-imports")
    assert program, "import-linter is not installed: make test"
    config = str(ROOT / "pyproject.toml")
    return subprocess.run(
        [program, "--no-cache", "--config", config],
        capture_output=True,
        text=True,
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"},
    )


def test_imports_go_one_way() -> None:
    result = lint_imports(SOURCE.parent)
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("store/blobs.py", "from ..cli import main"),
        ("environment/hardware.py", "from ..execute import base"),
        ("errors.py", "import click"),
    ],
)
def test_the_check_of_imports_can_fail(tmp_path: Path, module: str, line: str) -> None:
    package = tmp_path / "reenact"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / module).write_text((package / module).read_text() + f"\n{line}\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "BROKEN" in result.stdout


def test_every_package_is_in_the_contract() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    parts = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").is_file()}
    parts |= {path.stem for path in SOURCE.glob("*.py") if not path.stem.startswith("__")}
    assert {part for part in parts if f"reenact.{part}" not in text} == set()


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"util", "utils", "common", "helper", "helpers", "misc"}
    assert [path for path in SOURCE.rglob("*") if path.stem in drawers] == []
