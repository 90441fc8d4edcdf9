"""Curves as a file: SVG, a page that needs no network, or PNG."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import EXIT_MISSING, ReenactError
from .curves import Curve
from .svg import Panel, color_of, dash_of, svg

FORMATS = (".svg", ".html", ".png")


def check_target(name: str) -> Path:
    """The file to write.

    Raises:
        ReenactError: ``bad-plot`` when its name does not say a format, or there is no such folder; ``no-matplotlib`` (exit code 4).
    """
    path = Path(name)
    if path.suffix.lower() not in FORMATS:
        raise ReenactError(
            "bad-plot", f"cannot tell from {name!r} what to write", valid=", ".join(f"FILE{s}" for s in FORMATS)
        )
    if not path.parent.is_dir():
        raise ReenactError("bad-plot", f"there is no folder {path.parent}")
    if path.suffix.lower() == ".png":
        _matplotlib()
    return path


def write_plot(target: Path, panels: Sequence[Panel], *, log: bool = False) -> None:
    """Writes the panels, one below the other. Raises ReenactError ``not-written``."""
    try:
        if target.suffix.lower() == ".png":
            _png(target, panels, log)
            return
        text = svg(panels, log=log)
        if target.suffix.lower() == ".html":
            from .page.document import plot_page

            text = plot_page(panels, log=log)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ReenactError("not-written", f"cannot write {os.fspath(target)}: {error.strerror}") from error


def _matplotlib() -> None:
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ReenactError(
            "no-matplotlib",
            "a PNG is drawn by matplotlib, which is not installed beside reenact",
            valid="FILE.svg and FILE.html need nothing",
            fix="install reenact[plot]",
            exit_code=EXIT_MISSING,
        ) from error


def _png(target: Path, panels: Sequence[Panel], log: bool) -> None:
    _matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from .quantities import plain, shorten

    figure = Figure(figsize=(9, 3.6 * len(panels)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for number, (name, curves) in enumerate(panels):
        axes = figure.add_subplot(len(panels), 1, number + 1)
        axes.set_title(_literal(shorten(plain(name), 100)), loc="left", fontsize=11)
        axes.set_xlabel("step")
        for curve in curves:
            _draw(axes, curve, curve.place, _literal(shorten(f"{curve.mark}  {plain(curve.label)}", 48)))
        if log:
            axes.set_yscale("log", nonpositive="mask")
        axes.grid(True, axis="y", alpha=0.3)
        axes.legend(fontsize=8, loc="best")
    figure.savefig(target, format="png")


def _draw(axes: object, curve: Curve, index: int, label: str) -> None:
    dashes = dash_of(index)
    style = (0, tuple(float(part) for part in dashes.split())) if dashes else "solid"
    how = "steps-post" if curve.series.held else "default"
    marker = "o" if len(curve.series) == 1 else None
    axes.plot(  # type: ignore[attr-defined]
        list(curve.series.steps),
        list(curve.series.values),
        color=color_of(index),
        linestyle=style,
        drawstyle=how,
        marker=marker,
        linewidth=1.3,
        label=label,
    )


def _literal(text: str) -> str:
    """Text in which a dollar sign begins no formula."""
    return text.replace("$", r"\$")
