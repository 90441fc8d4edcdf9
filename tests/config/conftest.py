from __future__ import annotations

from pathlib import Path

import pytest
from configured import Configured


@pytest.fixture
def project(tmp_path: Path) -> Configured:
    """An empty project in a folder whose name breaks careless quoting."""
    folder = tmp_path / "a project's ☃"
    folder.mkdir()
    return Configured(folder)
