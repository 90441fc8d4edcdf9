"""Hugging Face's Trainer: ``Trainer.log``, at its global step."""

from __future__ import annotations

from typing import Any

from ..state import Probe
from .loggers import tap


def hook(probe: Probe, module: Any) -> None:
    """Keeps what the trainer logs."""
    tap(probe, module.Trainer, "log", lambda trainer, logs, *args, **kwargs: (logs, int(trainer.state.global_step)))
