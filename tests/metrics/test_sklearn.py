"""scikit-learn's scores are in the record without a changed line; what it calls itself is not, and programs cannot tell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import environment, manifest, record, reenact, run_folder

from reenact.record.media import Media, read_media
from reenact.record.series import read

pytest.importorskip("sklearn")

DATA = (
    "import warnings; warnings.simplefilter('ignore')\n"
    "import numpy as np\n"
    "rng = np.random.default_rng(0)\nX = rng.normal(size=(120, 4)); y = (X[:, 0] + X[:, 1] > 0).astype(int)\n"
)


def logged(project: Path, script: str) -> tuple[dict[str, list[tuple[int, float]]], dict[str, list[Media]], list[str]]:
    """Series and media of a script's run, and the lines that it printed."""
    (project / "train.py").write_text(DATA + script)
    run = record("train.py", cwd=project, timeout=300)
    assert manifest(project, run)["complete"], manifest(project, run)["gaps"]
    folder = run_folder(project, run)
    series = {
        name: list(zip(one.steps, one.values)) for name, one in read(folder).items() if name.startswith("sklearn/")
    }
    media: dict[str, list[Media]] = {}
    for one in read_media(folder):
        media.setdefault(one.name, []).append(one)
    return series, media, (folder / "log.txt").read_text().split()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


def test_scores_of_the_programs_own_calls(project: Path) -> None:
    series, media, printed = logged(
        project,
        "from sklearn.linear_model import LogisticRegression, Ridge\n"
        "from sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import StandardScaler\n"
        "from sklearn.metrics import accuracy_score, classification_report, confusion_matrix, f1_score, log_loss, mean_squared_error\n"
        "import sklearn.metrics as m\n"
        "one = LogisticRegression().fit(X, y); two = Ridge().fit(X, y)\n"
        "print(one.score(X, y)); print(one.score(X[:50], y[:50])); print(two.score(X, y))\n"
        "pipe = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)\nprint(pipe.score(X, y))\n"
        "print(accuracy_score(y, one.predict(X))); print(m.accuracy_score(y[:9], one.predict(X[:9])))\n"
        "print(log_loss(y, one.predict_proba(X))); print(mean_squared_error(y, two.predict(X)))\n"
        "print(m.roc_auc_score(y, one.decision_function(X))); print(m.silhouette_score(X, y))\n"
        "f1_score(y, one.predict(X), average=None)\n"
        "classification_report(y, one.predict(X)); confusion_matrix(y, 1 - y)\n",
    )
    values = [float(word) for word in printed]
    assert series == {
        "sklearn/LogisticRegression.score": [(0, values[0]), (1, values[1]), (2, values[3])],
        "sklearn/Ridge.score": [(0, values[2])],
        "sklearn/accuracy_score": [(0, values[4]), (1, values[5])],
        "sklearn/log_loss": [(0, values[6])],
        "sklearn/mean_squared_error": [(0, values[7])],
        "sklearn/roc_auc_score": [(0, values[8])],
        "sklearn/silhouette_score": [(0, values[9])],
    }
    assert "precision" in media["sklearn/classification_report"][0].data
    table = media["sklearn/confusion_matrix"][0].data["rows"]
    assert table[0][0] == table[1][1] == 0 and table[0][1] + table[1][0] == 120


def test_cross_validation_and_searches(project: Path) -> None:
    series, media, printed = logged(
        project,
        "from sklearn.linear_model import LogisticRegression, Ridge\n"
        "from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate\n"
        "a = cross_val_score(LogisticRegression(), X, y, cv=3); print(a.mean(), a.std())\n"
        "b = cross_val_score(Ridge(), X, y, cv=3, n_jobs=2, scoring='r2'); print(b.mean(), b.std())\n"
        "c = cross_validate(LogisticRegression(), X, y, scoring=['accuracy', 'f1'], return_train_score=True, cv=3)\n"
        "print(c['test_f1'].mean())\n"
        "grid = GridSearchCV(LogisticRegression(), {'C': [0.1, 1.0]}, cv=3, n_jobs=2).fit(X, y)\n"
        "print(grid.best_score_, grid.best_params_['C'], grid.score(X, y))\n"
        "cross_val_score(GridSearchCV(Ridge(), {'alpha': [1, 2]}), X, y)\n",
    )
    values = [float(word) for word in printed]
    assert {name: [value for _, value in points] for name, points in series.items() if "train_" not in name} == {
        "sklearn/LogisticRegression.cross_val_score.mean": [values[0]],
        "sklearn/LogisticRegression.cross_val_score.std": [values[1]],
        "sklearn/Ridge.cross_val_score.mean": [values[2]],
        "sklearn/Ridge.cross_val_score.std": [values[3]],
        "sklearn/LogisticRegression.cross_validate.test_accuracy.mean": [
            series["sklearn/LogisticRegression.cross_validate.test_accuracy.mean"][0][1]
        ],
        "sklearn/LogisticRegression.cross_validate.test_accuracy.std": [
            series["sklearn/LogisticRegression.cross_validate.test_accuracy.std"][0][1]
        ],
        "sklearn/LogisticRegression.cross_validate.test_f1.mean": [values[4]],
        "sklearn/LogisticRegression.cross_validate.test_f1.std": [
            series["sklearn/LogisticRegression.cross_validate.test_f1.std"][0][1]
        ],
        "sklearn/GridSearchCV.best_score": [values[5]],
        "sklearn/GridSearchCV.score": [values[7]],
        "sklearn/GridSearchCV.cross_val_score.mean": [series["sklearn/GridSearchCV.cross_val_score.mean"][0][1]],
        "sklearn/GridSearchCV.cross_val_score.std": [series["sklearn/GridSearchCV.cross_val_score.std"][0][1]],
    }
    assert media["sklearn/GridSearchCV.best_params"][0].data == {
        "columns": ["param", "value"],
        "rows": [["C", values[6]]],
    }
    (results,) = media["sklearn/GridSearchCV.cv_results"]
    assert results.data["columns"] == ["param_C", "mean_test_score", "std_test_score", "rank_test_score"]
    assert [row[0] for row in results.data["rows"]] == [0.1, 1.0]


def test_losses_of_what_was_fitted(project: Path) -> None:
    series, _, printed = logged(
        project,
        "from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier\n"
        "from sklearn.model_selection import cross_val_score\nfrom sklearn.neural_network import MLPClassifier\n"
        "net = MLPClassifier((4,), max_iter=5, random_state=0, early_stopping=True).fit(X, y); print(*net.loss_curve_)\n"
        "MLPClassifier((4,), max_iter=3, random_state=0).fit(X, y)\n"
        "GradientBoostingRegressor(n_estimators=4).fit(X, y)\n"
        "HistGradientBoostingClassifier(max_iter=4, early_stopping=True).fit(X, y)\n"
        "cross_val_score(MLPClassifier((4,), max_iter=3), X, y, cv=2)\n",
    )
    assert series["sklearn/MLPClassifier.loss"] == [(step, float(word)) for step, word in enumerate(printed)]
    assert {name: len(points) for name, points in series.items()} == {
        "sklearn/MLPClassifier.loss": 5,
        "sklearn/MLPClassifier.validation_score": 5,
        "sklearn/MLPClassifier.2.loss": 3,
        "sklearn/GradientBoostingRegressor.train_score": 4,
        "sklearn/HistGradientBoostingClassifier.train_score": 5,
        "sklearn/HistGradientBoostingClassifier.validation_score": 5,
        "sklearn/MLPClassifier.cross_val_score.mean": 1,
        "sklearn/MLPClassifier.cross_val_score.std": 1,
    }


def test_a_program_cannot_tell(project: Path) -> None:
    """Signatures, pickles, identities, clones, metadata and tracebacks are as they are bare."""
    (project / "train.py").write_text(
        DATA + "import inspect, pickle, sklearn.metrics, sklearn.metrics._classification as inner, traceback\n"
        "from sklearn.base import ClassifierMixin, clone\nfrom sklearn.linear_model import LogisticRegression\n"
        "from sklearn.metrics import accuracy_score, get_scorer, make_scorer\nfrom sklearn.pipeline import Pipeline, make_pipeline\n"
        "print(accuracy_score is inner.accuracy_score is sklearn.metrics.accuracy_score, inspect.signature(accuracy_score))\n"
        "print(accuracy_score.__module__, accuracy_score.__qualname__, accuracy_score.__doc__[:60], inspect.signature(LogisticRegression.score))\n"
        "print(len(pickle.dumps(accuracy_score)), len(pickle.dumps(get_scorer('accuracy'))), len(pickle.dumps(make_scorer(accuracy_score))))\n"
        "model = LogisticRegression().fit(X, y); print(len(pickle.dumps(model)), clone(model), sorted(vars(model)))\n"
        "print(hasattr(make_pipeline(model), 'score'), hasattr(make_pipeline('passthrough'), 'score'), Pipeline.score.__doc__[:40])\n"
        "print(model.get_metadata_routing(), inspect.getsource(accuracy_score)[:80], ClassifierMixin.score.__qualname__)\n"
        "try:\n    accuracy_score(y, y[:3])\nexcept ValueError as error:\n    print(error)\n"
        "try:\n    accuracy_score(y, normalise=1)\nexcept TypeError as error:\n    print(error)\n"
        "accuracy_score(y, [1])\n"
    )
    bare = subprocess.run([sys.executable, "train.py"], cwd=project, env=environment(), capture_output=True, text=True)
    done = reenact("run", "--quiet", "train.py", cwd=project, timeout=120)
    assert (done.stdout, done.returncode) == (bare.stdout, bare.returncode) and bare.returncode == 1
    assert done.stderr == bare.stderr


def test_types_of_results_are_as_they_were(project: Path) -> None:
    found: Any = logged(
        project,
        "from sklearn.linear_model import LogisticRegression\nfrom sklearn.metrics import accuracy_score\n"
        "class Mine(LogisticRegression):\n    def score(self, X, y):\n        return {'own': super().score(X, y)}\n"
        "print(type(Mine().fit(X, y).score(X, y)).__name__, type(accuracy_score(y, y)).__name__)\n",
    )
    assert found[2] == ["dict", "float"] and set(found[0]) == {"sklearn/Mine.score", "sklearn/accuracy_score"}
