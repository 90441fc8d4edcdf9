"""TensorBoard's writers: ``torch.utils.tensorboard`` and tensorboardX."""

from __future__ import annotations

from typing import Any

from ..state import Probe
from .loggers import tap


def hook(probe: Probe, module: Any) -> None:
    """Keeps the scalars that a SummaryWriter is given."""
    tap(probe, module.SummaryWriter, "add_scalar", _scalar)
    tap(probe, module.SummaryWriter, "add_scalars", _scalars)


def _scalar(_: Any, tag: Any, scalar_value: Any, global_step: Any = None, *args: Any, **kwargs: Any) -> Any:
    return {str(tag): scalar_value}, global_step


def _scalars(_: Any, main_tag: Any, tag_scalar_dict: Any, global_step: Any = None, *args: Any, **kwargs: Any) -> Any:
    return {f"{main_tag}/{tag}": value for tag, value in tag_scalar_dict.items()}, global_step
