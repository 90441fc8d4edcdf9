"""CatBoost's own binary format (``.cbm``)."""

from __future__ import annotations

import re
import struct

from ...record.schema import OutputFile
from . import reading
from .model import Model, Recorded

_MAGIC = b"CBM1"
_LOSS = re.compile(rb'"loss_function":\{"type":"(\w+)"')
_CLASSIFIES = ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll", "MultiLogloss", "MultiCrossEntropy")
_RANKS = ("YetiRank", "PairLogit", "QueryRMSE", "QuerySoftMax", "StochasticFilter", "StochasticRank", "LambdaMart")


def model(recorded: Recorded, output: OutputFile) -> Model | None:
    """A model, with the class that has its loss: what the script called it is not in the file."""
    path, place = recorded.path(output), "model.cb"
    start = reading.head(path, 256)
    if not start.startswith(_MAGIC) or b"FlabuffersModel_v" not in start:
        return None
    if output.size < 8 + struct.unpack_from("<I", start, 4)[0]:
        return None
    loss = _LOSS.search(reading.head(path, reading.MOST))
    if loss is None:
        return None
    name = loss[1].decode()
    ranks = name.startswith(_RANKS)
    kind = "CatBoostClassifier" if name in _CLASSIFIES else "CatBoostRanker" if ranks else "CatBoostRegressor"
    flavors = {
        "catboost": {
            "catboost_version": recorded.version("catboost"),
            "code": None,
            "data": place,
            "model_type": kind,
            "save_format": "cbm",
        },
        "python_function": recorded.pyfunc("mlflow.catboost", data=place),
    }
    return Model(output, f"catboost.core.{kind}", flavors, recorded.pinned(["catboost", "numpy", "pandas"]), place)
