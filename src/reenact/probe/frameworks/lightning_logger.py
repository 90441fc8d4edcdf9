"""Lightning: what ``self.log`` hands to the loggers, whichever there are."""

from __future__ import annotations

from typing import Any

from ..state import Probe
from .loggers import tap


def hook(probe: Probe, module: Any) -> None:
    """Keeps logged values at the trainer's step."""

    def logged(connector: Any, metrics: Any, step: Any = None) -> Any:
        values = dict(metrics)
        given = values.pop("step", None)
        if step is None:
            # As the loggers count: batches, not optimizer steps.
            loop = getattr(connector.trainer.fit_loop, "epoch_loop", None)
            step = given if given is not None else getattr(loop, "_batches_that_stepped", connector.trainer.global_step)
        return values, int(step)

    tap(probe, module._LoggerConnector, "log_metrics", logged)
