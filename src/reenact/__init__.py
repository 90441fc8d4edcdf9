"""reenact: makes machine-learning experiments reproducible, and proves it.

Importing this package does nothing and costs nothing; the command line is ``reenact``. A program may log metrics with it:
outside of a recorded run that does nothing.
"""

from __future__ import annotations

import sys

__version__ = "0.1.0"

TYPE_CHECKING = False  # typing itself would cost more than all of this
if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from typing import Any, TypeVar

    P = TypeVar("P", str, PathLike[str])

_LAZY = {"runs": "store.tabular"}
"""Public names, and the modules that they are imported from when they are first used."""


def log(values: Mapping[str, Any] | None = None, step: int | None = None, **more: Any) -> None:
    """Log metrics of a recorded run: ``reenact.log(loss=0.3, step=7)``, ``reenact.log({"val/loss": 0.3})``.

    A value may also be an `image`, a `figure`, a `table`, a `text`, a `histogram`, an `html` page or an `audio` sound; PIL images, figures
    of matplotlib and plotly, and frames of pandas and polars need no such word. They are encoded and written before the call returns.

    Outside of a run nothing happens. It never raises: what is no such value is passed over, and is a gap of the run. It may be called in any
    thread and any process of the run.

    Args:
        values: values by name, for names that are no words; numbers are what ``float`` takes.
        step: the same for all of them; the next of each name when None, from 0 on.
        more: values by name.
    """


class Shown:
    """A value that is to be looked at: what `image`, `table` and the like return, for `log`."""

    __slots__ = ("_reenact_kind", "caption", "data", "options")

    def __init__(self, kind: str, data: Any, caption: str | None, **options: Any) -> None:
        self._reenact_kind = kind
        self.data = data
        self.caption = caption
        self.options = options

    def __repr__(self) -> str:
        return f"reenact.{self._reenact_kind}({type(self.data).__name__})"


def image(data: Any, caption: str | None = None) -> Shown:
    """An image, for `log`: ``reenact.log(sample=reenact.image(x))``.

    Args:
        data: an array or tensor of height x width, with 1, 3 or 4 channels last or first, or a batch of such, which becomes one image of
            rows and columns; whole numbers 0 to 255, floats 0 to 1. Or a PIL image, or the bytes of a PNG, JPEG, GIF or WebP file.
        caption: what to say of it.
    """
    return Shown("image", data, caption)


def figure(data: Any, caption: str | None = None) -> Shown:
    """A figure of matplotlib (or one of its axes) or plotly, for `log`; a figure itself may be logged as well."""
    return Shown("figure", data, caption)


def table(rows: Any, columns: Any = None, caption: str | None = None) -> Shown:
    """A table, for `log`: ``reenact.log(errors=reenact.table([[3, 0.5]], columns=["label", "loss"]))``.

    Args:
        rows: a list of lists or of dicts, a dict of columns, an array of two dimensions, a frame of pandas or polars. 10,000 rows are kept.
        columns: their names; those of the dicts or of the frame when None.
        caption: what to say of it.
    """
    return Shown("table", rows, caption, columns=columns)


def text(data: Any, caption: str | None = None) -> Shown:
    """A text of up to 1,048,576 characters, for `log`; secrets in it are redacted."""
    return Shown("text", data, caption)


def histogram(values: Any, bins: int = 64, caption: str | None = None) -> Shown:
    """How numbers are distributed, for `log`: ``reenact.log(weights=reenact.histogram(model.fc.weight))``.

    Args:
        values: an array, a tensor or a list of numbers, or a pair ``(counts, edges)`` as NumPy's ``histogram`` returns it.
        bins: how many, between the smallest number and the largest.
        caption: what to say of it.
    """
    return Shown("histogram", values, caption, bins=bins)


def html(data: Any, caption: str | None = None) -> Shown:
    """An HTML page as text, for `log`."""
    return Shown("html", data, caption)


def audio(samples: Any, rate: int = 16_000, caption: str | None = None) -> Shown:
    """A sound, for `log`.

    Args:
        samples: floats in -1 to 1 or whole numbers of 16 bits, for each channel; or the bytes of a WAV file.
        rate: samples a second.
        caption: what to say of it.
    """
    return Shown("audio", samples, caption, rate=rate)


def output(path: P) -> P:
    """Say that a file is an output of the recorded run, where reenact could not see it written: by another program, or elsewhere.

    Its content is kept as it is when the run ends. Outside of a run nothing happens.

    Args:
        path: of a file; it need not be there yet.

    Returns:
        the path, as it was given.
    """
    if _probe is not None:
        _probe.output(path)
    return path


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


_probe = getattr(sys.modules.get("_reenact.probe.boot"), "probe", None)
"""The recorder of this process; None outside of a recorded run."""

if _probe is not None:
    try:
        log = _probe.metrics.log
    except Exception as problem:  # it is not the program's
        _probe.journal.gap("metrics", f"nothing that the program logs is kept: {problem!r}")
