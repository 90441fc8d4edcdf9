"""The commands that README and tour tell people to type."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from reenact.cli.group import VERBS, root

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
TOUR = ROOT / "docs" / "tour.md"
PAGES = [
    README,
    TOUR,
    *(
        ROOT / "docs" / name
        for name in (
            "design.md",
            "record.md",
            "scan.md",
            "images.md",
            "containers.md",
            "compare.md",
            "init.md",
            "doctor.md",
        )
    ),
]
PAGES = [path for path in PAGES if path.is_file()]


def typed(path: Path) -> list[str]:
    """What stands after `$ ` in the page's console blocks."""
    blocks = re.findall(r"^```console\n(.*?)^```", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def mentioned(path: Path) -> list[list[str]]:
    """Commands of reenact in the page: in console blocks, in indented blocks, and in backquotes."""
    text = path.read_text(encoding="utf-8")
    lines = re.findall(r"^(?:\$ | {4})(reenact .*)$", text, flags=re.MULTILINE)
    lines += re.findall(r"`(reenact [^`\n]+)`", text)
    return [shlex.split(line, comments=True) for line in lines]


def test_the_tour_can_be_followed(tmp_path: Path) -> None:
    project = tmp_path / "tour"
    (project / ".reenact").mkdir(parents=True)
    script = (ROOT / "examples" / "vae" / "train.py").read_text(encoding="utf-8")
    (project / "train.py").write_text(re.sub(r"^epochs = .*$", "epochs = 1", script, flags=re.MULTILINE))
    env = {name: value for name, value in os.environ.items() if not name.startswith("REENACT_")}
    env["PATH"] = os.path.dirname(sys.executable) + os.pathsep + env["PATH"]
    commands = typed(TOUR)
    assert len(commands) > 10
    for line in commands:
        wanted = re.search(r"# exits (\d+)$", line)
        result = subprocess.run(line, shell=True, cwd=project, env=env, capture_output=True, text=True, timeout=900)
        assert result.returncode == (int(wanted.group(1)) if wanted else 0), (line, result.stdout, result.stderr)


def test_the_tour_has_what_the_readme_has() -> None:
    assert typed(README) != []
    assert set(typed(README)) <= set(typed(TOUR))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_verbs_and_options_exist(path: Path) -> None:
    for words in mentioned(path):
        assert wrong_words(words) == [], words


def test_the_check_of_verbs_and_options_can_fail() -> None:
    assert wrong_words(["reenact", "runn", "x.py"]) == ["runn"]
    assert wrong_words(["reenact", "verify", "last", "--quick"]) == ["--quick"]
    assert wrong_words(["reenact", "run", "train.py", "--lr", "1"]) == []
    assert wrong_words(["reenact", "image", "bild"]) == ["bild"]
    assert wrong_words(["reenact", "image", "build", "--bass", "x"]) == ["--bass"]
    assert wrong_words(["reenact", "image", "build", "--base", "x"]) == []


def wrong_words(words: list[str]) -> list[str]:
    """The verb, or the options, that reenact does not have; options of a recorded command are its own."""
    if words[1].startswith("-"):
        return []
    if words[1] not in VERBS:
        return [words[1]]
    command = root.get_command(click.Context(root), words[1])
    assert command is not None
    own = words[2:]
    while isinstance(command, click.Group) and own and not own[0].startswith("-"):
        for verb in own[0].split("|"):
            if verb in command.commands:
                below = command.commands[verb]
            elif words[1] == "env":
                return []  # `env RUN` is `env make RUN`
            else:
                return [verb]
        command, own = below, own[1:]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help",
        "-h",
    }
    if words[1] == "run":
        end = next(
            (at for at, word in enumerate(own) if word == "--" or word == "python" or word.endswith(".py")), len(own)
        )
        own = own[:end]
    own = own[: own.index("--")] if "--" in own else own
    return [word for word in own if word.startswith("-") and word.partition("=")[0] not in options]
