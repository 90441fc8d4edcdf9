"""The example with constants, with arguments and with Hydra: the same values give the same weights, whatever they come from."""

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
    shutil.copytree(ROOT / "examples" / "vae" / "conf", made.folder / "conf")
    made.script(lr="2e-3", hidden=32)
    made.python("train.py")
    expected = made.outputs()
    plain = ("epochs", "lr", "hidden", "batch_size")
    composed = ("training.epochs", "optimizer.lr", "model.hidden", "training.batch_size")
    by_hydra = ("training.epochs=1", "optimizer.lr=2e-3", "model.hidden=32")
    for names, *words in (
        (plain, "train_constants.py", "epochs=1", "lr=2e-3", "hidden=32"),
        (plain, "train_argparse.py", "--epochs", "1", "--lr", "2e-3", "--hidden", "32"),
        (composed, "train_hydra.py", *by_hydra),
        (composed, "train_hydra.py", "experiment=exp2", *by_hydra),
    ):
        for name in expected:
            (made.folder / name).unlink(missing_ok=True)
        made.reenact("run", *words)
        # A Hydra job works in a folder of its own.
        for name in expected if names is composed else ():
            max(made.folder.glob(f"outputs/*/*/{name}"), key=lambda path: path.stat().st_mtime_ns).rename(
                made.folder / name
            )
        assert made.outputs() == expected, words
        manifest = made.told("show", "last")
        assert [manifest["params"][name] for name in names] == [1, 2e-3, 32, 64]
        assert made.told("verify", "last")["verdict"] == "identical"
