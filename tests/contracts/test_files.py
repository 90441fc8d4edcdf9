"""No file of the project carries something of the machine it was written on."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

INDEX = re.compile(rb"--(?:extra-)?index-url[ =]+['\"]?(?:https?|file)[:]|^\s*(?:extra-)?index-url\s*=", re.MULTILINE)
"""A package index named in a file: which one to use is the matter of whoever installs."""

HOME = re.compile(rb"(?<![\w.:/-])/(?:root|(?:home|Users)/(?!(?:me|meet|user|ada)/)[\w.-]+)/")
"""A path below somebody's home folder, other than the made-up ones that tests use."""

FOLDER_INDEX = re.compile(rb"file:///(?:opt|srv|mnt|usr)/")


def files(root: Path) -> Iterator[Path]:
    """The project's files: what git knows or does not ignore; where there is no git, all but hidden folders."""
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        result = subprocess.run(listing, cwd=root, capture_output=True, check=True)
        paths = [root / os.fsdecode(name) for name in result.stdout.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [
            path
            for path in root.rglob("*")
            if not any(part.startswith(".") and part != ".ci" for part in path.relative_to(root).parts[:-1])
        ]
    return (path for path in paths if path.is_file())


def traces(data: bytes) -> list[bytes]:
    """What in a file's content belongs to one machine only."""
    found = [match.group().strip() for pattern in (INDEX, HOME, FOLDER_INDEX) for match in pattern.finditer(data)]
    here = os.fsencode(ROOT) + b"/"
    return found + ([here] if len(ROOT.parts) > 2 and here in data else [])


def test_no_file_names_a_machine() -> None:
    looked_at = list(files(ROOT))
    assert ROOT / "pyproject.toml" in looked_at
    assert ROOT / "src" / "reenact" / "errors.py" in looked_at
    found = {str(path.relative_to(ROOT)): traces(path.read_bytes()) for path in looked_at}
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "line",
    [
        "pip install --index-" + "url https://example.org/simple x",
        "--extra-index-" + "url=file:///x/simple",
        "[global]\nindex-" + "url = https://example.org/simple",
        "see file:///" + "opt/simple",
        "open('/" + "root/data.csv')",
        "cd /" + "home/alice/work",
        "cd /" + "Users/alice/work",
        f"open('{ROOT}" + "/x')",
    ],
)
def test_the_check_can_fail(line: str) -> None:
    assert traces(line.encode()) != []


@pytest.mark.parametrize("line", ["/home/me/project", '"HOME": "/root"', "https://example.org/home/x", "pip install x"])
def test_what_is_no_trace_of_a_machine(line: str) -> None:
    assert traces(line.encode()) == []


def test_there_is_no_lock_file_of_the_project() -> None:
    names = {path.name for path in files(ROOT) if path.parent == ROOT}
    assert names & {"uv.lock", "poetry.lock", "pylock.toml", "Pipfile.lock", "requirements.lock"} == set()
