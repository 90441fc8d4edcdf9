"""A project with real runs, and the page on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pageproject import HOSTILE, LIVE, ODD, TRAIN, Ui, reenact


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs of one script, of which the first is verified, and one that failed and whose names are markup."""
    root = tmp_path_factory.mktemp("pages")
    (root / ".reenact").mkdir()
    (root / "train.py").write_text(TRAIN)
    (root / "live.py").write_text(LIVE)
    (root / "odd.py").write_text(ODD)
    for lr, name in (("0.1", "slow"), ("0.2", "middle"), ("0.4", "fast")):
        reenact("run", "--name", name, "--experiment", "speed", "--tag", f"lr{lr}", "train.py", "--lr", lr, cwd=root)
    reenact("run", "--name", HOSTILE.replace('"', ""), "--note", HOSTILE, "odd.py", cwd=root, code=7)
    reenact("verify", "slow", cwd=root)
    return root


@pytest.fixture(scope="session")
def ui(project: Path) -> Iterator[Ui]:
    found = Ui(project)
    yield found
    assert found.end() == 0
    assert found.process.stderr is not None and "Traceback" not in found.process.stderr.read()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of its own; what goes wrong in its scripts fails the test."""
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda told: problems.append(told.text) if told.type == "error" and "status of 400" not in told.text else None,
    )
    page.problems = problems
    yield page
    assert not problems, problems
    context.close()
