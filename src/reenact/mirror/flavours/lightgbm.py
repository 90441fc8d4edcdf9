"""LightGBM's ``save_model``: text, whose header says how long each tree is."""

from __future__ import annotations

import re

from ...record.schema import OutputFile
from . import reading
from .model import Model, Recorded

_HEAD, _TAIL = 8_000_000, 1_000_000
_FIRST = b"tree\nversion="
_SIZES = re.compile(rb"^tree_sizes=([\d ]*)$", re.MULTILINE)
_LAST = re.compile(rb"\nend of parameters\n\s*(?:pandas_categorical:.*\n)?\Z")
_END = b"end of trees\n"


def model(recorded: Recorded, output: OutputFile) -> Model | None:
    """A Booster: its trees end where the header says so, and the parameters stand at the end."""
    path, place = recorded.path(output), "model.lgb"
    if reading.head(path, len(_FIRST)) != _FIRST:
        return None
    header, gap, _ = reading.head(path, _HEAD).partition(b"\n\n")
    sizes = _SIZES.search(header)
    if not gap or sizes is None:
        return None
    with open(path, "rb") as file:
        file.seek(len(header) + len(gap) + sum(map(int, sizes[1].split())))
        if file.read(len(_END)) != _END:
            return None
    if not _LAST.search(reading.tail(path, _TAIL)):
        return None
    kind = "lightgbm.basic.Booster"
    flavors = {
        "lightgbm": {"code": None, "data": place, "lgb_version": recorded.version("lightgbm"), "model_class": kind},
        "python_function": recorded.pyfunc("mlflow.lightgbm", data=place),
    }
    return Model(output, kind, flavors, recorded.pinned(["lightgbm", "numpy", "scipy", "pandas"]), place)
