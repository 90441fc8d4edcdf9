"""The example with constants and with arguments: the same values give the same weights, whatever they come from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from test_vae import ROOT, project


@pytest.mark.slow
def test_the_forms_give_the_same_weights(tmp_path: Path) -> None:
    made = project(tmp_path / "project")
    for path in (ROOT / "examples" / "vae").glob("*.py"):
        shutil.copy(path, made.folder)
    made.script(lr="2e-3", hidden=32)
    made.python("train.py")
    expected = made.outputs()
    for words in (
        ("train_constants.py", "epochs=1", "lr=2e-3", "hidden=32"),
        ("train_argparse.py", "--epochs", "1", "--lr", "2e-3", "--hidden", "32"),
    ):
        for name in expected:
            (made.folder / name).unlink()
        made.reenact("run", *words)
        assert made.outputs() == expected, words
        manifest = made.told("show", "last")
        assert {name: manifest["params"][name] for name in ("epochs", "lr", "hidden", "batch_size")} == {
            "epochs": 1,
            "lr": 2e-3,
            "hidden": 32,
            "batch_size": 64,
        }
        assert made.told("verify", "last")["verdict"] == "identical"
