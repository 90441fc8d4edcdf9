"""Weights & Biases: ``wandb.log``, which is a method of the run."""

from __future__ import annotations

from typing import Any

from ..media import kind_of
from ..state import Probe
from .loggers import tap


def hook(probe: Probe, module: Any) -> None:
    """Keeps the numbers, images, tables and the like that are logged; steps are counted as wandb does where none is given."""

    def logged(run: Any, data: Any, step: Any = None, *args: Any, **kwargs: Any) -> Any:
        at = int(run.step) if step is None else step
        for name, value in data.items():
            # Of an array wandb makes a histogram.
            if len(getattr(value, "shape", ())) and hasattr(value, "dtype") and kind_of(value) is None:
                probe.metrics.show(str(name), "histogram", at, value)
        return data, at

    tap(probe, module.Run, "log", logged)
