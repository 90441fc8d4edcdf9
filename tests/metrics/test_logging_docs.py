"""docs/logging.md: each example runs, and what it says is recorded is what is recorded."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import manifest, record

import reenact
from reenact.probe import pictures, summaries

TEXT = (Path(__file__).parents[2] / "docs" / "logging.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```\n\nrecorded: (.*?)\n\n", TEXT, re.MULTILINE | re.DOTALL)


def test_all_examples_are_found() -> None:
    assert len(EXAMPLES) == TEXT.count("```python\n") >= 5


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example(number: int, tmp_path: Path) -> None:
    code, names = EXAMPLES[number]
    for module in ("sklearn", "matplotlib"):
        if module in code:
            pytest.importorskip(module)
    (tmp_path / "train.py").write_text("import warnings; warnings.simplefilter('ignore')\n" + code)
    run = manifest(tmp_path, record("train.py", cwd=tmp_path, timeout=300))
    recorded = [name for name in (*run["metrics"], *run["media"]) if not name.startswith("system/")]
    assert sorted(recorded) == sorted(re.findall(r"`([^`]+)`", names))
    assert run["complete"], run["gaps"]


def test_what_may_be_logged_is_named() -> None:
    calls = {
        name for name in vars(reenact) if name in ("image", "figure", "table", "text", "histogram", "html", "audio")
    }
    assert len(calls) == 7 and all(f"reenact.{name}(" in TEXT for name in calls)
    for limit in (summaries.ROWS, summaries.COLUMNS, summaries.CELL, summaries.TEXT):
        assert f"{limit:,}" in TEXT
    assert f"{pictures.LARGEST >> 20} MiB of pixels" in TEXT
