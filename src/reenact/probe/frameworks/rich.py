"""What libraries that log are given besides numbers: their own classes of images, tables and the like, and what needs no class."""

from __future__ import annotations

from typing import Any

from ..media import kind_of
from ..state import Probe

_MOST = 100
"""Images of a list that are kept, as of one step."""


def keep(probe: Probe, values: Any, step: Any, prefix: str = "") -> None:
    """Keeps what of the values is an image, a figure, a table …"""
    for name, value in values.items():
        if isinstance(value, (int, float, str, bytes)):
            continue
        if isinstance(value, dict):
            keep(probe, value, step, f"{prefix}{name}.")
            continue
        several = value[:_MOST] if isinstance(value, (list, tuple)) else (value,)
        for one in several:
            found = of(one)
            if found is not None:
                kind, data, caption, options = found
                probe.metrics.show(f"{prefix}{name}", kind, step, data, caption, options)


def of(value: Any) -> tuple[str, Any, Any, dict[str, Any]] | None:
    """Kind, data, caption and options of what is to be looked at; None for all else."""
    cls = type(value)
    if (cls.__module__ or "").startswith("wandb."):
        look = _WANDB.get(cls.__name__)
        return None if look is None else look(value)
    kind = kind_of(value)
    return None if kind is None else (kind, value, None, {})


def _image(value: Any) -> Any:
    image = getattr(value, "_image", None)
    data = _content(value) if image is None else image
    return None if data is None else ("image", data, getattr(value, "_caption", None), {})


def _table(value: Any) -> Any:
    return "table", value.data, None, {"columns": list(value.columns)}


def _histogram(value: Any) -> Any:
    return "histogram", (value.histogram, value.bins), None, {}


def _html(value: Any) -> Any:
    page = getattr(value, "html", None)
    return None if page is None else ("html", page, None, {})


def _audio(value: Any) -> Any:
    data = _content(value)
    wav = data is not None and data.startswith(b"RIFF")
    return ("audio", data, getattr(value, "_caption", None), {}) if wav else None


def _content(value: Any) -> bytes | None:
    """The bytes of the file that an object stands for."""
    import os

    path = getattr(value, "_path", None)
    if not isinstance(path, str) or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        return file.read()


_WANDB = {"Image": _image, "Table": _table, "Histogram": _histogram, "Html": _html, "Audio": _audio}
