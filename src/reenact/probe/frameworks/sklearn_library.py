"""scikit-learn: scores that the program's own code asks for, cross-validation, searches, and the losses of what was fitted.

What scikit-learn calls itself (a score within a search, or for stopping early) is not looked at, nor what other libraries call.
Wrappers take the place of functions in the module that defines them, before any other module has them: all of the program has the same
object, and it can be pickled.
"""

from __future__ import annotations

import re
import sys
from _thread import get_ident
from types import FunctionType
from typing import Any

from ..callsite import is_users
from ..entropy import dress
from ..journal import complain
from ..state import Probe

_SCORES = re.compile(r"(?:.*_)?(?:score|error|loss|error_loss|deviance|auc|coef|report|matrix)$")
_LARGEST = 50
"""Rows of a confusion matrix that is kept."""

_CURVES = 100
"""Fits of one kind of estimator whose losses are kept."""

_LOSSES = (
    ("loss_curve_", "loss"),
    ("validation_scores_", "validation_score"),
    ("train_score_", "train_score"),
    ("validation_score_", "validation_score"),
)
"""Attributes of fitted estimators that hold a number for each iteration, and what they are called here."""

_busy: set[int] = set()
"""Threads in which a call of the program's own is looked at."""


def hook(probe: Probe, module: Any) -> None:
    """Wraps what a module of scikit-learn defines, as far as it is known."""
    name = module.__name__
    if name.startswith("sklearn.metrics"):
        for key, value in list(vars(module).items()):
            if type(value) is FunctionType and value.__module__ == name and key[0] != "_" and _SCORES.match(key):
                _wrap(module, key, _scored(probe, key))
    elif name == "sklearn.model_selection._validation":
        _wrap(module, "cross_val_score", _cross_val_score(probe))
        _wrap(module, "cross_validate", _cross_validate(probe))
    else:
        for value in list(vars(module).values()):
            if isinstance(value, type) and value.__module__ == name:
                _wrap(value, "score", _own_score(probe))
                if hasattr(value, "fit"):
                    _wrap(value, "fit", _fitted(probe), nested=True)


def _wrap(owner: Any, name: str, tell: Any, nested: bool = False) -> None:
    """Puts a wrapper in the place of a function that a module or a class defines.

    Args:
        tell: called with the result and the arguments, after a call of the program's own.
        nested: also where the program has called it through scikit-learn itself.
    """
    held = vars(owner).get(name)
    original = held if isinstance(held, FunctionType) else getattr(held, "fn", None)
    if not isinstance(original, FunctionType) or getattr(original, "_reenact", False):
        return

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        here = get_ident()
        if here in _busy or not _asked(nested):
            return original(*args, **kwargs)
        _busy.add(here)
        try:
            result = original(*args, **kwargs)
        finally:
            _busy.discard(here)
        try:
            tell(result, args, kwargs)
        except Exception as problem:
            complain(name, problem)
        return result

    dress(wrapper, original)
    wrapper._reenact = True  # type: ignore[attr-defined]
    if held is original:
        setattr(owner, name, wrapper)
    else:  # a method that is there only if another object has it too
        held.fn = wrapper


def _asked(nested: bool) -> bool:
    """True where the program's own code calls."""
    frame: Any = sys._getframe(2)
    while nested and frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "sklearn":
        frame = frame.f_back
    return frame is not None and is_users(frame.f_code.co_filename)


def _scored(probe: Probe, name: str) -> Any:
    def tell(result: Any, args: Any, kwargs: Any) -> None:
        if isinstance(result, str):
            probe.metrics.show(f"sklearn/{name}", "text", None, result)
        elif len(getattr(result, "shape", ())) == 2 and name == "confusion_matrix" and len(result) <= _LARGEST:
            probe.metrics.show(f"sklearn/{name}", "table", None, result)
        else:
            _number(probe, f"sklearn/{name}", result)

    return tell


def _own_score(probe: Probe) -> Any:
    return lambda result, args, kwargs: _number(probe, f"sklearn/{label(args[0])}.score", result)


def _number(probe: Probe, name: str, value: Any) -> None:
    """Logs a score, where it is one number."""
    if not isinstance(value, (str, bytes, dict, list, tuple)) and getattr(value, "shape", ()) == ():
        probe.metrics.log({name: float(value)})


def _cross_val_score(probe: Probe) -> Any:
    def tell(result: Any, args: Any, kwargs: Any) -> None:
        _spread(probe, f"sklearn/{_estimator(args, kwargs)}.cross_val_score", result)

    return tell


def _cross_validate(probe: Probe) -> Any:
    def tell(result: Any, args: Any, kwargs: Any) -> None:
        for key, values in result.items():
            if key.startswith(("test_", "train_")):
                _spread(probe, f"sklearn/{_estimator(args, kwargs)}.cross_validate.{key}", values)

    return tell


def _spread(probe: Probe, name: str, values: Any) -> None:
    """Mean and standard deviation over the folds."""
    probe.metrics.log({f"{name}.mean": float(values.mean()), f"{name}.std": float(values.std())})


def _estimator(args: Any, kwargs: Any) -> str:
    return label(args[0] if args else kwargs["estimator"])


def label(estimator: Any) -> str:
    """What an estimator is called: its class, and of a pipeline that of its last step."""
    for _ in range(5):
        steps = getattr(estimator, "steps", None)
        if not isinstance(steps, list) or not steps:
            break
        estimator = steps[-1][1]
    return type(estimator).__name__


def _fitted(probe: Probe) -> Any:
    def tell(result: Any, args: Any, kwargs: Any) -> None:
        estimator = args[0]
        told = vars(estimator)
        if "best_score_" in told or "cv_results_" in told:
            _search(probe, estimator)
        found = [(name, told[attribute]) for attribute, name in _LOSSES if _is_curve(told.get(attribute))]
        if not found:
            return
        count = probe.next_number(f"sklearn {label(estimator)}") + 1
        if count > _CURVES:
            probe.journal.gap("metric-names", f"the losses of more than {_CURVES} fits of {label(estimator)}")
            return
        stem = f"sklearn/{label(estimator)}" + (f".{count}" if count > 1 else "")
        for name, values in found:
            for step, value in enumerate(values):
                probe.metrics.log({f"{stem}.{name}": float(value)}, step)

    return tell


def _is_curve(values: Any) -> bool:
    return values is not None and hasattr(values, "__len__") and 0 < len(values) <= 1_000_000


def _search(probe: Probe, search: Any) -> None:
    """The best of a search, and all of its candidates as a table."""
    name = f"sklearn/{label(search)}"
    best = getattr(search, "best_score_", None)
    if best is not None:
        _number(probe, f"{name}.best_score", best)
    params = getattr(search, "best_params_", None)
    if params is not None:
        rows = [[key, value] for key, value in params.items()]
        probe.metrics.show(f"{name}.best_params", "table", None, rows, None, {"columns": ["param", "value"]})
    results = search.cv_results_
    shown = [key for key in results if key.startswith(("param_", "mean_test", "std_test", "rank_test"))]
    if shown:
        probe.metrics.show(f"{name}.cv_results", "table", None, {key: list(results[key]) for key in shown})
