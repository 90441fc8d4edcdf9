"""LightGBM's and XGBoost's evaluations are in the record, once, as they themselves tell them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import manifest, record, run_folder

from reenact.record.series import read

DATA = (
    "import json, numpy as np\nrng = np.random.default_rng(0)\n"
    "X = rng.normal(size=(200, 4)); y = (X[:, 0] + X[:, 1] > 0).astype(int)\n"
)


def logged(project: Path, script: str, needs: str) -> tuple[dict[str, list[float]], Any]:
    """Values of the metrics of a script, whose steps must be 0, 1, 2 …, and what it wrote."""
    pytest.importorskip(needs)
    (project / "train.py").write_text(DATA + script)
    run = record("train.py", cwd=project, timeout=300)
    assert manifest(project, run)["complete"], manifest(project, run)["gaps"]
    found = {}
    for name, one in read(run_folder(project, run)).items():
        if not name.startswith(("system/", "log/")):
            assert list(one.steps) == list(range(len(one))), name
            found[name] = list(one.values)
    return found, json.loads((project / "told.json").read_text())


def test_lightgbm(tmp_path: Path) -> None:
    found, told = logged(
        tmp_path,
        "import lightgbm as lgb\n"
        "train = lgb.Dataset(X, y, free_raw_data=False); valid = lgb.Dataset(X[:50], y[:50], reference=train)\n"
        "history = {}\nparams = {'objective': 'binary', 'verbose': -1, 'metric': ['auc', 'binary_logloss']}\n"
        "booster = lgb.train(params, train, 5, valid_sets=[train, valid], valid_names=['train', 'val'],\n"
        "                    callbacks=[lgb.record_evaluation(history)])\n"
        "model = lgb.LGBMClassifier(n_estimators=3, verbose=-1).fit(X, y, eval_set=[(X, y)])\n"
        "folds = lgb.cv({'objective': 'binary', 'verbose': -1}, train, 4, nfold=3)\n"
        "json.dump([history, model.evals_result_, folds], open('told.json', 'w'))\n",
        "lightgbm",
    )
    history, second, folds = told
    expected = {f"lightgbm/{data}.{name}": values for data, one in history.items() for name, values in one.items()}
    expected |= {f"lightgbm.2/{data}.{name}": values for data, one in second.items() for name, values in one.items()}
    expected |= {f"lightgbm/cv {name}": values for name, values in folds.items()}
    assert len(expected) >= 7 and found == expected


def test_xgboost(tmp_path: Path) -> None:
    found, told = logged(
        tmp_path,
        "import xgboost as xgb\n"
        "train = xgb.DMatrix(X, y); history = {}\n"
        "xgb.train({'objective': 'binary:logistic', 'eval_metric': ['auc', 'logloss']}, train, 5, evals=[(train, 'train')],\n"
        "          evals_result=history, verbose_eval=False)\n"
        "model = xgb.XGBClassifier(n_estimators=3).fit(X, y, eval_set=[(X, y)], verbose=False)\n"
        "xgb.train({}, train, 2)\n"
        "folds = xgb.cv({}, train, 3, nfold=2, as_pandas=False)\n"
        "json.dump([history, model.evals_result(), folds], open('told.json', 'w'))\n",
        "xgboost",
    )
    expected = {f"xgboost/{data}.{name}": values for data, one in told[0].items() for name, values in one.items()}
    expected |= {f"xgboost.2/{data}.{name}": values for data, one in told[1].items() for name, values in one.items()}
    for data in ("train", "test"):
        expected[f"xgboost.3/{data}.rmse.mean"] = told[2][f"{data}-rmse-mean"]
        expected[f"xgboost.3/{data}.rmse.std"] = told[2][f"{data}-rmse-std"]
    assert len(expected) == 7 and found == expected
