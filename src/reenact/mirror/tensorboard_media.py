"""Images, histograms, texts, tables and sounds as the values of TensorBoard's summaries."""

from __future__ import annotations

import math
import struct
from typing import Any

from ..record.media import Media

ROWS = 200
"""Rows of a table that are shown: TensorBoard has no tables, they are texts in Markdown."""


def shown(media: Media) -> Any:
    """The value of a summary; None for a page, which TensorBoard cannot show.

    Raises:
        OSError: its file cannot be read.
        ValueError: its numbers are none.
    """
    from tensorboard.compat.proto.summary_pb2 import Summary

    value = None
    if media.kind in ("image", "figure") and media.path is not None:
        data = media.path.read_bytes()
        width, height = _size(data)
        image = Summary.Image(encoded_image_string=data, width=width, height=height, colorspace=3)
        value = Summary.Value(tag=media.name, image=image)
    elif media.kind == "audio" and media.path is not None:
        data = media.path.read_bytes()
        channels, rate = struct.unpack_from("<HI", data, 22) if len(data) >= 44 else (1, 0)
        sound = Summary.Audio(
            encoded_audio_string=data, content_type="audio/wav", sample_rate=rate, num_channels=channels
        )
        value = Summary.Value(tag=media.name, audio=sound)
    elif media.kind == "histogram":
        value = Summary.Value(tag=media.name, histo=_histogram(media.data["edges"], media.data["counts"]))
    elif media.kind in ("text", "table"):
        from tensorboard.plugins.text.summary_v2 import text_pb

        text = media.data if media.kind == "text" else markdown(media.data["columns"], media.data["rows"])
        (value,) = text_pb(media.name, text).value
    if value is not None and media.caption:
        value.metadata.summary_description = media.caption
    return value


def _histogram(edges: list[float], counts: list[float]) -> Any:
    from tensorboard.compat.proto.summary_pb2 import HistogramProto

    middles = [(low + high) / 2 for low, high in zip(edges, edges[1:])]
    return HistogramProto(
        min=edges[0],
        max=edges[-1],
        num=sum(counts),
        # Of the numbers themselves only the bins are known.
        sum=math.fsum(middle * count for middle, count in zip(middles, counts)),
        sum_squares=sum(middle * middle * count for middle, count in zip(middles, counts)),
        bucket_limit=edges[1:],
        bucket=counts,
    )


def markdown(columns: list[Any], rows: list[list[Any]]) -> str:
    """A table in Markdown, its first `ROWS` rows."""
    lines = [_line(columns), "|" + " --- |" * len(columns), *(_line(row) for row in rows[:ROWS])]
    if len(rows) > ROWS:
        lines.append(f"\n{len(rows) - ROWS:,} more rows")
    return "\n".join(lines)


def _line(cells: list[Any]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("\r", " ")


def _size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG file; 0 of another, whose size the page finds out."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    return 0, 0
