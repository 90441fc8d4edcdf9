from __future__ import annotations

from pathlib import Path

import pytest
from storemaker import Project

from reenact.store.project import Store


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project whose path has a space and a non-ASCII letter."""
    monkeypatch.delenv("REENACT_STORE", raising=False)
    monkeypatch.delenv("REENACT_DEBUG", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    root = tmp_path / "my prøject"
    root.mkdir()
    store = Store(root)
    store.create()
    return Project(root, store)


@pytest.fixture
def three(project: Project) -> Project:
    """Three runs that differ in lr and loss; the last one failed."""
    project.add("20260101-000001-aaaa", name="base", tags=["good"], lr=0.1, losses=(0.9, 0.3))
    project.add("20260101-000002-abbb", experiment="mnist", lr=0.2, losses=(0.9, 0.1), note="a note")
    project.add("20260101-000003-cccc", lr=0.1, losses=(0.9, float("nan")), exit_code=3)
    return project
