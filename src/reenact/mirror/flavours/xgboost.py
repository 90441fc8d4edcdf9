"""XGBoost's ``save_model``: JSON, and the same in UBJSON."""

from __future__ import annotations

import re

from ...record.schema import OutputFile
from . import reading
from .model import Model, Recorded

# Keys are sorted: what the file begins and ends with is always the same.
_JSON = re.compile(rb'\{"learner":\{"attributes":\{')
_JSON_END = re.compile(rb'"version":\[\d+,\d+,\d+\]\}\s*\Z')
_LONG = rb"L\x00{6}[\x00-\xff]{2}"
_UBJ = re.compile(rb"\{" + _LONG + rb"learner\{" + _LONG + rb"attributes\{", re.DOTALL)
_UBJ_END = re.compile(rb"version\[#" + _LONG + rb"(?:i.|U.|I..|l.{4}|L.{8}){3}\}\Z", re.DOTALL)

_HEAD, _TAIL = 100_000, 200
_WRAPPED = (
    (re.compile(rb'_estimator_type\\?": ?\\?"classifier'), "xgboost.sklearn.XGBClassifier"),
    (re.compile(rb'_estimator_type\\?": ?\\?"regressor'), "xgboost.sklearn.XGBRegressor"),
    (re.compile(rb'_estimator_type\\?": ?\\?"ranker'), "xgboost.sklearn.XGBRanker"),
)


def model(recorded: Recorded, output: OutputFile) -> Model | None:
    """A Booster, or what the scikit-learn interface saved, which says what it is in its attributes."""
    head, tail = reading.head(recorded.path(output), _HEAD), reading.tail(recorded.path(output), _TAIL)
    if _JSON.match(head) and _JSON_END.search(tail):
        place = "model.json"
    elif _UBJ.match(head) and _UBJ_END.search(tail):
        place = "model.ubj"
    else:
        return None
    kind = next((name for mark, name in _WRAPPED if mark.search(head)), "xgboost.core.Booster")
    flavors = {
        "python_function": recorded.pyfunc("mlflow.xgboost", data=place),
        "xgboost": {
            "code": None,
            "data": place,
            "model_class": kind,
            "model_format": place.rpartition(".")[2],
            "xgb_version": recorded.version("xgboost", "xgboost-cpu"),
        },
    }
    names = ["xgboost", "xgboost-cpu", "numpy", "scipy", "pandas", *(["scikit-learn"] if "sklearn" in kind else [])]
    return Model(output, kind, flavors, recorded.pinned(names), place)
