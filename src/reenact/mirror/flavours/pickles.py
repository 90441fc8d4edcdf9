"""Estimators of scikit-learn in files of pickle and joblib."""

from __future__ import annotations

import io

from ...record.schema import OutputFile
from ...replay.outputs.unpickle import Opaque
from . import reading
from .model import CODE, Model, Recorded
from .named import Named, Needed, named, needed

_SUFFIXES = (".pkl", ".pickle", ".p", ".sav", ".joblib", ".gz", ".z", ".bz2", ".xz", ".lzma")

_LOADER = "reenact_joblib"
_LOADER_TEXT = '''\
"""Loads the estimator of this model with joblib; MLflow itself knows pickle and cloudpickle only."""

import joblib
from mlflow import environment_variables
from mlflow.exceptions import MlflowException

_allowed = getattr(environment_variables, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION", None)


class Loaded:
    def __init__(self, estimator):
        self._estimator = estimator

    def get_raw_model(self):
        return self._estimator

    def predict(self, data, params=None):
        return self._estimator.predict(data)


def _load_pyfunc(path):
    if _allowed is not None and not _allowed.get():
        raise MlflowException("a joblib file is a pickle, and MLFLOW_ALLOW_PICKLE_DESERIALIZATION is not set to 'true'")
    return Loaded(joblib.load(path))
'''


def model(recorded: Recorded, output: OutputFile) -> Model | None:
    """An estimator, told by the version of scikit-learn that each of them has in its state."""
    path = recorded.path(output)
    if not output.path.lower().endswith(_SUFFIXES) or output.size > reading.MOST:
        return None
    data, packed = reading.unpacked(path)
    if data[:1] != b"\x80" or b"_sklearn_version" not in data:
        return None
    file = io.BytesIO(data)
    found = named(file)
    if file.tell() != len(data) or not _estimator(found):
        return None
    wanted = needed(recorded, found.modules)
    if wanted is None:
        return None
    # joblib puts arrays between the opcodes.
    if packed or any(module.startswith("joblib.") for module in found.modules):
        return _by_joblib(recorded, output, found, wanted)
    return _by_pickle(recorded, output, found, wanted)


def _estimator(found: Named) -> bool:
    state = found.root.state if isinstance(found.root, Opaque) else None
    return found.kind.startswith("sklearn.") and isinstance(state, dict) and "_sklearn_version" in state


def _requirements(recorded: Recorded, wanted: Needed, *more: str) -> list[str]:
    return recorded.pinned(["scikit-learn", "numpy", "scipy", "pandas", *more, *wanted.distributions])


def _by_pickle(recorded: Recorded, output: OutputFile, found: Named, wanted: Needed) -> Model:
    place, code = "model.pkl", CODE if wanted.code else None
    flavors = {
        "python_function": recorded.pyfunc("mlflow.sklearn", model_path=place, predict_fn="predict", code=code),
        "sklearn": {
            "code": code,
            "pickled_model": place,
            "serialization_format": "pickle",
            "sklearn_version": recorded.version("scikit-learn"),
        },
    }
    return Model(output, found.kind, flavors, _requirements(recorded, wanted), place, wanted.code)


def _by_joblib(recorded: Recorded, output: OutputFile, found: Named, wanted: Needed) -> Model:
    place = "model.joblib"
    flavors = {"python_function": recorded.pyfunc(_LOADER, data=place, code=CODE)}
    texts = {f"{CODE}/{_LOADER}.py": _LOADER_TEXT}
    return Model(output, found.kind, flavors, _requirements(recorded, wanted, "joblib"), place, wanted.code, texts)
