from __future__ import annotations

from pathlib import Path

import pytest
from runfolder import RunFolder

from reenact.store.project import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    root = tmp_path / "project"
    root.mkdir()
    store = Store(root)
    store.create()
    return store


@pytest.fixture
def run(store: Store) -> RunFolder:
    (store.root / "train.py").write_text("print('hello')\n")
    run = RunFolder(store.new_run_dir("20260102-030405-abcd"), store.root)
    run.environment()
    return run
