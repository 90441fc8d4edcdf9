"""MLflow: the one class that all of its ways of logging come down to, autologging included."""

from __future__ import annotations

from typing import Any

from ..state import Probe
from .loggers import tap


def hook(probe: Probe, module: Any) -> None:
    """Keeps the metrics that are sent to a tracking server."""

    def metric(
        _: Any, run_id: Any, key: Any, value: Any, timestamp: Any = None, step: Any = None, **kwargs: Any
    ) -> Any:
        return {str(key): value}, step or 0

    def batch(_: Any, run_id: Any, metrics: Any = (), *args: Any, **kwargs: Any) -> Any:
        for one in metrics:
            probe.metrics.log({str(one.key): float(one.value)}, int(one.step or 0))

    tap(probe, module.TrackingServiceClient, "log_metric", metric)
    tap(probe, module.TrackingServiceClient, "log_batch", batch)
