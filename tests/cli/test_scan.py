"""`reenact scan` as it is typed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from storemaker import Project

from reenact.static.rules import RULES

SCRIPT = "from torch import nn, optim\nmodel = nn.Linear(784, 10)\nopt = optim.SGD(model.parameters(), lr=0.1)\n"


@pytest.fixture
def script(project: Project) -> Path:
    path = project.root / "train it.py"
    path.write_text(SCRIPT)
    (project.root / "requirements.txt").write_text("torch==2.13.0\n")
    return path


def test_text_is_grouped_by_file_and_says_why(project: Project, script: Path) -> None:
    result = project.cli("scan", script.name)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "train it.py"
    assert lines[1].split()[:3] == ["2:9", "error", "no-seed"]
    assert "  fix  before anything draws, call torch.manual_seed(…)" in result.out
    assert lines[-1] == "1 error, 2 notes in 1 file"
    assert "\x1b" not in result.out


def test_strict(project: Project, script: Path) -> None:
    assert project.cli("scan", "--strict", script.name).code == 1
    script.write_text("x = 1\n")
    result = project.cli("scan", "--strict", script.name)
    assert (result.code, result.out) == (0, "nothing found in 1 file\n")
    script.write_bytes(b"\0")
    result = project.cli("scan", script.name)
    assert result.code == 2
    assert "not looked at: not text" in result.out and "Traceback" not in result.out + result.err
    (script.parent / "other.py").write_text("x = 1\n")
    assert [project.cli("scan", *words, ".").code for words in ((), ("--strict",))] == [0, 1]


def test_json(project: Project, script: Path) -> None:
    data = project.cli("scan", "--json", ".").json
    assert sorted(data) == ["files", "findings", "hyperparameters", "ignored", "problems"]
    assert sorted(data["findings"][0]) == ["column", "fix", "line", "path", "rule", "severity", "what", "why"]
    assert data["findings"][0]["rule"] == "no-seed"
    assert [one["name"] for one in data["hyperparameters"]] == ["in_features", "out_features", "lr"]
    assert data["files"] == 1


def test_sarif(project: Project, script: Path) -> None:
    log = project.cli("scan", "--sarif", script.name).json
    run = log["runs"][0]
    assert (log["version"], run["tool"]["driver"]["name"]) == ("2.1.0", "reenact")
    result = run["results"][0]
    assert result["ruleId"] == run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "no-seed"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "train%20it.py"
    assert place["region"] == {"startLine": 2, "startColumn": 9}


def test_rules(project: Project) -> None:
    assert [one["id"] for one in project.cli("scan", "--rules", "--json").json] == [rule.ID for rule in RULES]
    assert all(rule.ID in project.cli("scan", "--rules").out for rule in RULES)


@pytest.mark.parametrize("words", [["scan"], ["scan", "nowhere.py"], ["scan", "--json", "--sarif", "."]])
def test_usage(project: Project, words: list[str]) -> None:
    result = project.cli(*words)
    assert result.code == 2
    assert result.err.startswith("error: ") and result.out == ""


def test_the_page_describes_every_rule() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "scan.md").read_text(encoding="utf-8")
    for rule in RULES:
        assert f"### {rule.ID}\n" in page
        section = page.partition(f"### {rule.ID}\n")[2].partition("\n### ")[0]
        flat = " ".join(section.split())
        for text in (rule.SEVERITY, rule.WHY, rule.FIX):
            assert text in flat, (rule.ID, text)


def test_json_is_one_object(project: Project, script: Path) -> None:
    assert json.loads(project.cli("scan", "--json", script.name).out)["problems"] == []


def test_the_readme_shows_what_is_said_of_the_example(project: Project) -> None:
    root = Path(__file__).resolve().parents[2]
    out = project.cli("scan", "train.py", cwd=root / "examples" / "vae").out
    shown = (root / "README.md").read_text(encoding="utf-8").partition("## Before the first run")[2]
    block = shown.partition("```text\n")[2].partition("```")[0]
    first, last = block.split("…\n1 warning")
    assert out.startswith(first) and out.endswith("\n1 warning" + last)


def test_strange_files_are_told(project: Project) -> None:
    folder = project.root / "odd"
    folder.mkdir()
    (folder / "a\x1b[31m.py").write_text("lr: 3\n")
    with open(os.fsencode(folder) + b"/b\xff.py", "w") as file:
        file.write("lr: 3\n")
    os.mkfifo(folder / "pipe.py")
    (folder / "gone.py").symlink_to("nowhere")
    result = project.cli("scan", "odd")
    assert (result.code, result.err) == (0, "")
    assert "odd/a\\x1b[31m.py\n" in result.out and "\x1b" not in result.out
    assert "odd/b\\udcff.py\n" in result.out
    assert "odd/pipe.py\n  not looked at: not a regular file\n" in result.out
    assert result.out.endswith("2 errors in 2 files; 2 files could not be looked at\n")
    run = project.cli("scan", "--sarif", "odd").json["runs"][0]
    uris = [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in run["results"]]
    assert uris == ["odd/a%1B%5B31m.py", "odd/b%FF.py"]
    assert len(run["invocations"][0]["toolExecutionNotifications"]) == 2
