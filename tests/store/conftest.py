from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "record"))

from runfolder import RunFolder

from reenact.record.schema import Manifest
from reenact.store.project import Store

MakeRun = Callable[..., tuple[str, Manifest]]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    root = tmp_path / "project"
    root.mkdir()
    (root / "train.py").write_text("print('hello')\n")
    store = Store(root)
    store.create()
    return store


@pytest.fixture
def make_run(store: Store) -> MakeRun:
    """Makes and seals a run: its id, and its manifest."""

    def make(
        run_id: str | None = None,
        losses: tuple[float, ...] = (1.0, 0.5),
        output: bytes | None = None,
        exit_code: int = 0,
        lr: str = "0.1",
        **start: Any,
    ) -> tuple[str, Manifest]:
        folder = store.new_run_dir(run_id)
        stamp = folder.name
        started = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[9:11]}:{stamp[11:13]}:{stamp[13:15]}.000Z"
        fields = {"argv": ["python", "train.py", "--lr", lr], "started": started, **start}
        run = RunFolder(folder, store.root, **fields)
        run.environment()
        events = []
        if output is not None:
            path = store.root / f"{stamp}.bin"
            path.write_bytes(output)
            events.append({**run.use("w", path), "st": None})
        run.journal(*events)
        if losses:
            run.losses(list(losses))
        run.ended(exit_code)
        return stamp, store.seal(stamp)

    return make
