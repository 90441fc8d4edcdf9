"""A short training: it learns something, leaves its files, and comes out the same twice."""

import json
from pathlib import Path

from hydra import compose, initialize_config_dir

import model
import predict
import train

CONF = Path(__file__).resolve().parent.parent / "conf"


def trained(folder, *overrides):
    folder.mkdir()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", overrides=["training=quick", *overrides])
    return train.train(cfg, folder)


def test_a_short_training(tmp_path):
    metrics = trained(tmp_path / "a")
    assert metrics["losses"][-1] < metrics["losses"][0]
    assert json.loads((tmp_path / "a" / "metrics.json").read_text(encoding="utf-8")) == metrics
    answer = predict.predict(model.load(tmp_path / "a" / model.FILE), {"points": [[0.5, 0.2], [0.0, 0.1]]})
    assert len(answer["labels"]) == 2 and set(answer["labels"]) <= {0, 1}


def test_the_seed_decides(tmp_path):
    first, second, other = trained(tmp_path / "a"), trained(tmp_path / "b"), trained(tmp_path / "c", "seed=1")
    assert first == second
    assert first["losses"] != other["losses"]


def test_experiments_override_the_groups():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        base, other = compose("config"), compose("config", overrides=["experiment=exp2"])
    assert base.model != other.model
    assert base.training.lr != other.training.lr
