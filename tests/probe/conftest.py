"""Fixtures of the probe's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from probed import Recorder


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    folder = tmp_path / "a project"
    folder.mkdir()
    return Recorder(folder)
