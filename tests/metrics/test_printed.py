"""Printed numbers as metrics: in the shapes that people print, and by templates."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import last_json, manifest, reenact

from reenact.errors import ReenactError
from reenact.record.printed import Printed, by_shape, by_templates, template, write_printed

SHAPES = [
    ("epoch 19  train loss 25.1824  test loss 24.6805", [("train loss", 19, 25.1824), ("test loss", 19, 24.6805)]),
    ("Epoch 3/10 - loss: 0.5000 - acc: 0.91 - val_loss: 1e-3", [("loss", 3, 0.5), ("acc", 3, 0.91), ("val_loss", 3, 0.001)]),
    ("[2026-11-21 19:47:07,910][__main__][INFO] - epoch 1: loss 0.6783", [("loss", 1, 0.6783)]),
    ("Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.300039", [("loss", 1, 2.300039)]),
    ("Test set: Average loss: 0.0500, Accuracy: 9823/10000 (98%)", [("average loss", None, 0.05), ("accuracy", None, 9823.0)]),
    ("step=100 loss=nan lr=0.01", [("loss", 100, float("nan")), ("lr", 100, 0.01)]),
    ("iter 50: loss 3.2, time 12.5ms, mfu 1.5%", [("loss", 50, 3.2)]),
    ("3.2s acc: 90%", [("acc", None, 0.9)]),
    ("wrote 3 files to loss.png at 12:30", []),
    ("version 2.13.0 of torch, 8 workers", []),
    ("loss" * 1000 + ": 3", []),
]  # fmt: skip


@pytest.mark.parametrize(("line", "wanted"), SHAPES)
def test_shapes(line: str, wanted: list) -> None:
    assert repr(list(by_shape(iter([line])))) == repr([Printed(*one) for one in wanted])


def test_templates() -> None:
    lines = ["step 3   of 9  loss:  0.5 ok", "val/acc = 0.75", "loss: none"]
    found = list(by_templates(iter(lines), ["step {step:d} of 9 loss: {loss:f}", "val/acc = {val/acc}"]))
    assert found == [Printed("loss", 3, 0.5), Printed("val/acc", None, 0.75)]
    for bad in ("no field", "{a} {a}"):
        with pytest.raises(ReenactError):
            template(bad)


def test_a_step_that_is_no_whole_number_is_none() -> None:
    lines = ["epoch 0.5 loss 3", "epoch nan loss 2", "epoch 2.0 loss 1", "q = 0.5", "q = 2e3"]
    found = list(by_templates(iter(lines), ["epoch {epoch:d} loss {loss:f}", "q = {q:d}"]))
    assert found[:3] == [Printed("loss", None, 3.0), Printed("loss", None, 2.0), Printed("loss", 2, 1.0)]
    assert found[3:] == [Printed("q", None, 0.5), Printed("q", None, 2000.0)]


def test_what_comes_seldom_is_no_metric_and_a_progress_bar_is_one_line(tmp_path: Path) -> None:
    log, target = tmp_path / "log.txt", tmp_path / "log.jsonl"
    log.write_bytes(b"loss: 1\nloss: 2\n")
    assert write_printed(log, target, ()) is None and not target.exists()
    log.write_bytes(b"loss: 9\rloss: 8\rloss: 1\r\n" * 3 + b"\xff\xfe loss\n")
    write_printed(log, target, ())
    assert target.read_text().splitlines() == ['{"n":"log/loss","s":null,"v":1.0}'] * 3


def test_a_run_and_its_option(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "for i in range(4):\n    print(f'epoch {i}: loss {1 / (i + 1)} and q {i * 2}')\n"
    )
    first = manifest(tmp_path, last_json(reenact("run", "--json", "train.py", cwd=tmp_path).stdout)["run"])
    assert first["metrics"]["log/loss"]["count"] == 4 and "q" not in first["metrics"]
    done = reenact("run", "--json", "--metrics-from-log", "q {q:d}", "train.py", cwd=tmp_path)
    second = manifest(tmp_path, last_json(done.stdout)["run"])
    assert second["metrics"]["q"] == {"last": 6.0, "min": 0.0, "max": 6.0, "count": 4, "first": 0.0}
    assert first["recipe"] == second["recipe"]
    done = reenact("run", "--metrics-from-log", "nothing", "train.py", cwd=tmp_path)
    assert done.returncode == 2 and "no field" in done.stderr
