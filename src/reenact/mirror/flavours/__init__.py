"""Which outputs of a run are models that MLflow can load, told by the structure of their bytes: nothing is loaded or imported here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Optional

from ...record.schema import Manifest, OutputFile
from ...store.project import Store
from . import catboost, keras, lightgbm, onnx, pickles, pytorch, transformers, xgboost
from .model import Model, Recorded

__all__ = ["FLAVOURS", "Flavour", "Model", "models"]

Flavour = Callable[[Recorded, OutputFile], Optional[Model]]

FLAVOURS: tuple[Flavour, ...] = (
    pickles.model,
    pytorch.model,
    keras.model,
    xgboost.model,
    lightgbm.model,
    catboost.model,
    onnx.model,
    transformers.model,
)


def models(store: Store, sealed: Manifest) -> Iterator[Model]:
    """The models among the outputs of a run."""
    recorded = Recorded(store, sealed)
    for output in sealed.outputs:
        if output.size and store.blobs.has(output.digest):
            found = _first(recorded, output)
            if found is not None:
                yield found


def _first(recorded: Recorded, output: OutputFile) -> Model | None:
    for flavour in FLAVOURS:
        try:
            found = flavour(recorded, output)
        except Exception:
            # Anything at all can be wrong with a file that only looks like a model; it is an artifact then.
            continue
        if found is not None:
            return found
    return None
