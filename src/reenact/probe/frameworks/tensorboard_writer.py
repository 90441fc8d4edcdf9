"""TensorBoard's writers: ``torch.utils.tensorboard`` and tensorboardX."""

from __future__ import annotations

from _thread import get_ident
from typing import Any

from ..entropy import dress
from ..state import Probe
from .loggers import tap, watch

_figures: set[int] = set()
"""Threads in which a figure is being added: what its image is of."""

_TEXT = "/text_summary"  # what both libraries put behind the names of texts


def hook(probe: Probe, module: Any) -> None:
    """Keeps what a SummaryWriter is given: scalars as they are, all else as the library encodes it, so that it is done once."""
    tap(probe, module.SummaryWriter, "add_scalar", _scalar)
    tap(probe, module.SummaryWriter, "add_scalars", _scalars)
    _note_figures(module.SummaryWriter)

    def summary(_: Any, summary: Any, global_step: Any = None, walltime: Any = None) -> None:
        for value in summary.value:
            kind, data = _shown(value)
            if kind:
                step = None if global_step is None else int(global_step)
                probe.metrics.show(value.tag.removesuffix(_TEXT) if kind == "text" else value.tag, kind, step, data)

    watch(probe, module.FileWriter, "add_summary", summary)


def _scalar(_: Any, tag: Any, scalar_value: Any, global_step: Any = None, *args: Any, **kwargs: Any) -> Any:
    return {str(tag): scalar_value}, global_step


def _scalars(_: Any, main_tag: Any, tag_scalar_dict: Any, global_step: Any = None, *args: Any, **kwargs: Any) -> Any:
    return {f"{main_tag}/{tag}": value for tag, value in tag_scalar_dict.items()}, global_step


def _note_figures(owner: Any) -> None:
    original = owner.add_figure

    def add_figure(*args: Any, **kwargs: Any) -> Any:
        here = get_ident()
        _figures.add(here)
        try:
            return original(*args, **kwargs)
        finally:
            _figures.discard(here)

    dress(add_figure, original)
    owner.add_figure = add_figure


def _shown(value: Any) -> tuple[str, Any]:
    """Kind and content of a value of a summary; no kind for scalars, and for what we do not know."""
    which = value.WhichOneof("value")
    if which == "image":
        return "figure" if get_ident() in _figures else "image", value.image.encoded_image_string
    if which == "histo":
        return "histogram", _histogram(value.histo)
    if which == "audio":
        return "audio", value.audio.encoded_audio_string
    if which == "tensor" and value.metadata.plugin_data.plugin_name == "text" and value.tensor.string_val:
        return "text", value.tensor.string_val[0]
    return "", None


def _histogram(histo: Any) -> tuple[list[int], list[float]]:
    """Counts and edges; TensorBoard has the right edges only, which may be as far out as numbers go."""
    limits, counts = list(histo.bucket_limit), list(histo.bucket)
    first, last = histo.min, histo.max
    edges = [min(first, limits[0]), *limits]
    if len(counts) > 1 and not counts[0]:
        edges, counts = edges[1:], counts[1:]
    edges[0], edges[-1] = max(edges[0], min(first, edges[1])), min(edges[-1], max(last, edges[-2]))
    return counts, edges
