"""Every rule's own examples: what it must find, and what it must leave alone."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

from reenact.static import rules
from reenact.static.finding import SEVERITIES
from reenact.static.rules import RULES
from reenact.static.scan import scan

Example = str | dict[str, str]


def found(rule: ModuleType, example: Example, folder: Path) -> list[str]:
    """What a rule says of an example: one script, or the files of a folder."""
    (folder / ".git").mkdir()
    files = {"train.py": example} if isinstance(example, str) else example
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    result = scan(folder / "train.py" if isinstance(example, str) else folder)
    assert result.problems == []
    return [finding.what for finding in result.findings if finding.rule == rule.ID]


def cases(which: str) -> list[object]:
    return [
        pytest.param(rule, example, id=f"{rule.ID}-{number}")
        for rule in RULES
        for number, example in enumerate(getattr(rule, which))
    ]


@pytest.mark.parametrize(("rule", "example"), cases("EXAMPLES_POSITIVE"))
def test_what_it_finds(rule: ModuleType, example: Example, tmp_path: Path) -> None:
    assert found(rule, example, tmp_path) != []


@pytest.mark.parametrize(("rule", "example"), cases("EXAMPLES_NEGATIVE"))
def test_what_it_leaves_alone(rule: ModuleType, example: Example, tmp_path: Path) -> None:
    assert found(rule, example, tmp_path) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.ID)
def test_a_rule_says_all_that_it_must(rule: ModuleType) -> None:
    assert rule.__name__.rpartition(".")[2].replace("_", "-") == rule.ID
    assert rule.SEVERITY in SEVERITIES
    assert rule.WHAT and rule.WHY and rule.FIX
    assert rule.EXAMPLES_POSITIVE and rule.EXAMPLES_NEGATIVE
    assert hasattr(rule, "check") != hasattr(rule, "check_project")


def test_every_rule_file_is_registered() -> None:
    assert {module.name for module in pkgutil.iter_modules(rules.__path__)} == {
        rule.__name__.rpartition(".")[2] for rule in RULES
    }
