"""What stands on Hydra: hydra-zen, the Compose API in plain code, jobs that submitit starts as processes of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from endtoend import last_json, reenact

ZEN = """\
import random

from hydra_zen import instantiate, store, zen


class Model:
    def __init__(self, dim: int, hidden: int):
        self.size = dim * hidden


def train(model, seed: int, steps: int):
    random.seed(seed)
    print(type(model).__name__, model.size, [random.random() for _ in range(steps)], random.SystemRandom().random())


models = store(group="model")
models(Model, dim=4, hidden=8, name="mlp")
models(Model, dim=4, hidden=32, name="wide")
store(train, hydra_defaults=["_self_", {"model": "mlp"}], seed=1, steps=3, name="config")

if __name__ == "__main__":
    store.add_to_hydra_store()
    zen(train).hydra_main(config_name="config", version_base=None, config_path=None)
"""

CELLS = """\
cells = [
    '''
import os, random
from hydra import compose, initialize_config_dir
initialize_config_dir(version_base=None, config_dir=os.path.abspath("conf"))
cfg = compose("config", overrides=["optim=slow", "noise=0"])
''',
    '''
from hydra.core.global_hydra import GlobalHydra
GlobalHydra.instance().clear()
initialize_config_dir(version_base=None, config_dir=os.path.abspath("conf"))
other = compose("config", overrides=["model=wide"], return_hydra_config=True)
print(cfg.optim.lr, cfg.model.hidden, other.model.hidden, random.random())
''',
]
namespace = {}
for number, cell in enumerate(cells):
    exec(compile(cell, f"<cell {number}>", "exec"), namespace)
"""

SUBMITTED = """\
import os, random

import hydra
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    random.seed(cfg.seed)
    with open(os.path.join(HydraConfig.get().runtime.output_dir, "result.txt"), "w") as file:
        file.write(f"{cfg.optim.lr} {random.random()}")


if __name__ == "__main__":
    main()
"""


def recorded(app: Path, text: str, *words: str) -> dict[str, Any]:
    (app / "own.py").write_text(text)
    done = reenact("run", "own.py", *words, cwd=app)
    assert done.returncode == 0, done.stderr
    manifest: dict[str, Any] = last_json(reenact("show", "last", "--json", cwd=app).stdout)
    assert manifest["gaps"] == []
    return manifest


def verified(app: Path, *words: str) -> None:
    done = reenact("verify", "last", *words, cwd=app)
    assert done.returncode == 0 and "IDENTICAL" in done.stdout, done.stdout + done.stderr


def test_hydra_zen(app: Path) -> None:
    pytest.importorskip("hydra_zen")
    manifest = recorded(app, ZEN, "model=wide", "seed=5")
    assert manifest["params"]["model.hidden"] == 32 and manifest["params"]["steps"] == 3
    assert manifest["params"]["model._target_"] == "__main__.Model"
    assert manifest["origins"]["seed"]["where"] == "seed=5"
    (config,) = manifest["configs"]
    assert (config["overrides"], config["status"]) == (["model=wide", "seed=5"], "completed")
    verified(app)
    failed = reenact("run", "own.py", "model=wode", cwd=app)
    assert failed.stderr.endswith("reenact: model has mlp, wide; did you mean model=wide?\n")


def test_cells_that_compose(app: Path) -> None:
    text = (app / "conf" / "config.yaml").read_text()
    (app / "conf" / "config.yaml").write_text(text.replace("${random:}", "3"))
    manifest = recorded(app, CELLS)
    configs = [(one["kind"], one["overrides"]) for one in manifest["configs"]]
    assert configs == [("compose", ["optim=slow", "noise=0"]), ("compose", ["model=wide"])]
    verified(app)


def test_jobs_of_submitit(app: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    text = (app / "conf" / "config.yaml").read_text().replace("noise: ${random:}\n", "")
    (app / "conf" / "config.yaml").write_text(
        text.replace("  - _self_\n", "  - override hydra/launcher: submitit_local\n  - _self_\n")
    )
    manifest = recorded(app, SUBMITTED, "-m", "optim.lr=0.1,0.2", "hydra.sweep.dir=out", "hydra.launcher.timeout_min=2")
    jobs = [(one["overrides"], one["status"], one["output_dir"]) for one in manifest["configs"]]
    assert jobs == [(["optim.lr=0.1"], "completed", "out/0"), (["optim.lr=0.2"], "completed", "out/1")]
    assert manifest["params"]["seed"] == 1 and "folder" not in manifest["params"]
    assert {"out/0/result.txt", "out/1/result.txt"} <= {one["path"] for one in manifest["outputs"]}
    # Jobs are called by their process ids, and Hydra writes that down.
    verified(app, "--ignore", "out/.submitit/*", "--ignore", "*/.hydra/hydra.yaml")
