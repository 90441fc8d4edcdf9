"""Weights & Biases: ``wandb.log``, which is a method of the run."""

from __future__ import annotations

from typing import Any

from ..state import Probe
from .loggers import tap


def hook(probe: Probe, module: Any) -> None:
    """Keeps the numbers that are logged; steps are counted as wandb does where none is given."""

    def logged(run: Any, data: Any, step: Any = None, *args: Any, **kwargs: Any) -> Any:
        return data, int(run.step) if step is None else step

    tap(probe, module.Run, "log", logged)
