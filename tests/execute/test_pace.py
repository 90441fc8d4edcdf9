"""Steps a second, from a trace that grows; and in a real training."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import manifest, record, run_folder

from reenact.execute.usage import Pace
from reenact.probe.traceformat import MAGIC, RECORD
from reenact.record.series import read


def _write(path: Path, steps: list[int], seconds: float, torn: bytes = b"") -> None:
    path.write_bytes(MAGIC + b"".join(RECORD.pack(6, 1, 0, step, 0) for step in steps) + torn)
    os.utime(path, ns=(0, int(seconds * 1e9)))


def test_steps_between_two_looks(tmp_path: Path) -> None:
    pace, path = Pace(tmp_path), tmp_path / "rank0.trace"
    assert pace.look() == {}
    path.write_bytes(MAGIC[:3])
    assert pace.look() == {}
    _write(path, [-1, 0, 1], 10)
    assert pace.look() == {} and pace.look() == {}
    _write(path, [1, 2, 3, 4, 5], 12, torn=b"\xff" * 7)
    assert pace.look() == {"system/steps_per_second": 2.0}
    assert pace.look() == {}, "no step since"
    _write(path, [5, 5], 13)
    assert pace.look() == {}, "written, and no step more"
    _write(path, [5, 6], 22)
    assert pace.look() == {"system/steps_per_second": 0.1}, "since the last time that there was one"


def test_children_do_not_count(tmp_path: Path) -> None:
    pace = Pace(tmp_path)
    for number, seconds in ((1, 1), (100, 2)):
        _write(tmp_path / "rank0.1.trace", [number], seconds)
        assert pace.look() == {}


def test_a_training(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "train.py").write_text(
        "import time, torch\nmodel = torch.nn.Linear(2, 1); opt = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "for i in range(120):\n"
        "    model(torch.ones(1, 2)).sum().backward(); opt.step(); opt.zero_grad(); time.sleep(0.03)\n"
    )
    run = record("train.py", cwd=tmp_path, timeout=120)
    metric = manifest(tmp_path, run)["metrics"]["system/steps_per_second"]
    assert 0 < metric["min"] <= metric["max"] <= 34  # no step takes less than it sleeps
    series = read(run_folder(tmp_path, run))["system/steps_per_second"]
    assert len(series) == metric["count"] >= 1 and series.times is not None and series.times[0] > 0


def test_how_long_epochs_took(tmp_path: Path) -> None:
    """Passes through a loader with steps count, evaluation and what was not gone through do not."""
    pytest.importorskip("torch")
    (tmp_path / "train.py").write_text(
        "import time, torch\nmodel = torch.nn.Linear(2, 1); opt = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "data = torch.utils.data.TensorDataset(torch.ones(8, 2))\n"
        "train, test = (torch.utils.data.DataLoader(data, batch_size=4) for _ in range(2))\n"
        "next(iter(train))\n"
        "for epoch in range(3):\n"
        "    for (x,) in train:\n        model(x).sum().backward(); opt.step(); opt.zero_grad(); time.sleep(0.02 * (epoch + 1))\n"
        "    with torch.no_grad():\n        print(sum(model(x).sum() for (x,) in test)); time.sleep(0.3)\n"
        "print(list(iter(train)) == 0)\n"
    )
    run = record("train.py", cwd=tmp_path, timeout=120)
    series = read(run_folder(tmp_path, run))["system/epoch_seconds"]
    assert list(series.steps) == [0, 1, 2]
    assert all(seconds >= 0.04 * (epoch + 1) for epoch, seconds in enumerate(series.values))
    assert manifest(tmp_path, run)["metrics"]["system/epoch_seconds"]["count"] == 3
