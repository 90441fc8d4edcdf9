"""LightGBM and XGBoost: what they evaluate at each iteration of a training, and the means of cross-validation."""

from __future__ import annotations

import sys
from typing import Any
from weakref import WeakKeyDictionary

from ..entropy import dress
from ..journal import complain
from ..state import Probe

_MOST = 100
"""Trainings of a process whose curves are kept."""


def hook(probe: Probe, module: Any) -> None:
    """Wraps what evaluates."""
    numbers: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
    if module.__name__ == "xgboost.callback":
        _after(module.CallbackContainer, "after_iteration", _xgboost(probe, numbers))
    elif module.__name__ == "lightgbm.basic":
        for name in ("eval_train", "eval_valid"):
            _after(module.Booster, name, _lightgbm(probe, numbers))
    else:
        _after(module, "cv", _lightgbm_cv(probe))


def _after(owner: Any, name: str, tell: Any) -> None:
    """Has what a function returned told, with the frame that called it and its arguments."""
    original = getattr(owner, name)
    if getattr(original, "_reenact", False):
        return

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        try:
            tell(sys._getframe(1), result, *args, **kwargs)
        except Exception as problem:
            complain(name, problem)
        return result

    dress(wrapper, original)
    wrapper._reenact = True  # type: ignore[attr-defined]
    setattr(owner, name, wrapper)


def _stem(probe: Probe, numbers: WeakKeyDictionary[Any, int], library: str, training: Any) -> str | None:
    """What the metrics of a training begin with: the library's name, from the second training on with a number."""
    number = numbers.get(training)
    if number is None:
        number = numbers[training] = probe.next_number(library) + 1
        if number == _MOST + 1:
            probe.journal.gap("metric-names", f"the curves of more than {_MOST} trainings of {library}")
    if number > _MOST:
        return None
    return library if number == 1 else f"{library}.{number}"


def _lightgbm(probe: Probe, numbers: WeakKeyDictionary[Any, int]) -> Any:
    def tell(frame: Any, result: Any, booster: Any, *args: Any, **kwargs: Any) -> None:
        # Not what the program itself evaluates afterwards, nor each fold of a cross-validation.
        if frame.f_code.co_name != "train" or frame.f_globals.get("__name__") != "lightgbm.engine":
            return
        stem = _stem(probe, numbers, "lightgbm", booster)
        if stem is not None and result:
            values = {f"{stem}/{one[0]}.{one[1]}": float(one[2]) for one in result}
            probe.metrics.log(values, int(booster.current_iteration()) - 1)

    return tell


def _lightgbm_cv(probe: Probe) -> Any:
    def tell(frame: Any, result: Any, *args: Any, **kwargs: Any) -> None:
        for name, values in result.items():
            if isinstance(values, list):
                for step, value in enumerate(values):
                    probe.metrics.log({f"lightgbm/cv {name}": float(value)}, step)

    return tell


def _xgboost(probe: Probe, numbers: WeakKeyDictionary[Any, int]) -> Any:
    def tell(frame: Any, result: Any, container: Any, model: Any, epoch: Any, *args: Any, **kwargs: Any) -> None:
        stem = _stem(probe, numbers, "xgboost", container) if container.history else None
        if stem is None:
            return
        for data, metrics in container.history.items():
            for metric, values in metrics.items():
                last, name = values[-1], f"{stem}/{data}.{metric}"
                found = (
                    {name: last} if not isinstance(last, tuple) else {f"{name}.mean": last[0], f"{name}.std": last[1]}
                )
                probe.metrics.log({key: float(value) for key, value in found.items()}, int(epoch))

    return tell
