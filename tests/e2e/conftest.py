from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty folder with a name that breaks careless quoting and encoding."""
    folder = tmp_path / 'a project\'s "näme" ☃'
    folder.mkdir()
    return folder
