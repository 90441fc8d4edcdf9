"""Keras: the logs of ``fit`` at the end of every epoch."""

from __future__ import annotations

from typing import Any

from ..state import Probe
from .loggers import tap


def hook(probe: Probe, module: Any) -> None:
    """Keeps loss, metrics and validation of each epoch."""

    def ended(_: Any, epoch: Any, logs: Any = None) -> Any:
        return (dict(logs), int(epoch)) if logs else None

    tap(probe, module.CallbackList, "on_epoch_end", ended)
