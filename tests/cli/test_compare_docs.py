"""docs/compare.md names the keys and the options that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from storemaker import Project

from reenact.cli import compare, listing
from reenact.report import groups, runcolumns

TEXT = (Path(__file__).parents[2] / "docs" / "compare.md").read_text(encoding="utf-8")


def row(key: str) -> str:
    match = re.search(rf"^\| `{re.escape(key)}[^`]*` \| (.*) \|$", TEXT, re.MULTILINE)
    assert match, key
    return match[1]


def test_keys_of_the_json(project: Project) -> None:
    project.add("20260101-000001-aaaa")
    data = project.cli("compare", "last", "--json", "--metric", "loss").json
    section = TEXT.partition("### compare --json")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(compare_order(data))
    assert re.findall(r"`(\w+)`", row("runs")) == [*compare.KEYS, "params", "metrics"]
    for key in ("params", "metrics", "curves"):
        named = re.findall(r"\w+", re.sub(r"\([^)]*\)|\[[^]]*\]", "", row(key).partition("{")[2].partition("}")[0]))
        assert data[key] == [] or set(named) == set(data[key][0]), key


def compare_order(data: dict[str, object]) -> list[str]:
    return sorted(data, key=["runs", "params", "metrics", "curves"].index)


def test_options_of_ls() -> None:
    options = {name for param in listing.ls.params for name in param.opts}
    for option in ("--columns", "--best", "--spark", "--group-by"):
        assert option in options and row(option)
    fields = re.findall(r"`(\w+)`", row("--columns").partition("(")[2].partition(")")[0])
    assert len(fields) > 10 and set(fields) <= set(runcolumns.FIELDS)
    parts = re.findall(r"`\.(\w+)`", row("--columns"))
    assert {*parts, "last"} == set(runcolumns.PARTS)
    named = set(re.findall(r"`(\w+)`", row("--group-by")))
    assert named | {"tags"} == set(groups.FIELDS)


@pytest.mark.parametrize("suffix", [".svg", ".html", ".png"])
def test_formats(suffix: str) -> None:
    from reenact.report.plots import FORMATS

    assert suffix in FORMATS and f"--plot curves{suffix}" in TEXT
