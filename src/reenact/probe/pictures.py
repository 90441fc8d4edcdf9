"""Arrays and PIL images as PNG files, with nothing but Python; NumPy and torch do the arithmetic where the program uses them."""

from __future__ import annotations

import sys
import zlib

# Not `struct`: this is imported late, when a file of the program's own may be called like that.
from _struct import pack
from typing import Any

CHANNELS = (1, 3, 4)
"""Grey; red, green, blue; the same with opacity."""

LARGEST = 1 << 26
"""Bytes of pixels that are kept, 64 MiB: an image of 4,730 by 4,730."""

GAP = 2  # pixels between the images of a batch

_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"GIF8", ".gif"), (b"RIFF", ".webp"))
_MODES = {"L": 1, "RGB": 3, "RGBA": 4}


def encoded(value: Any) -> tuple[bytes, str]:
    """The file of an image, and its suffix.

    Args:
        value: an array (see `pixels`), a PIL image, or the bytes of a PNG, JPEG, GIF or WebP file.

    Raises:
        ValueError: it is no image, or too large.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        suffix = next((suffix for start, suffix in _SIGNATURES if data.startswith(start)), None)
        if suffix is None:
            raise ValueError("the bytes are no PNG, JPEG, GIF or WebP file")
        _limit(len(data))
        return data, suffix
    if hasattr(value, "getbands") and hasattr(value, "tobytes"):
        return _from_pil(value), ".png"
    width, height, channels, data = pixels(value)
    return png(width, height, channels, data), ".png"


def _from_pil(image: Any) -> bytes:
    width, height = image.size
    _limit(width * height * 4)
    if image.mode not in _MODES:
        opaque = image.mode in ("1", "F", "CMYK", "YCbCr", "HSV", "LAB") or image.mode.startswith("I")
        image = image.convert(
            "L" if image.mode in ("1", "F") or image.mode.startswith("I") else "RGB" if opaque else "RGBA"
        )
    return png(width, height, _MODES[image.mode], image.tobytes())


def pixels(value: Any) -> tuple[int, int, int, bytes]:
    """Width, height, channels and bytes of an array, row by row.

    Shapes are height x width, with channels last or first (torch tensors: first or last), or a batch of such, which becomes one image of
    rows and columns. Whole numbers are 0 to 255 (of 16 bits: 0 to 65,535), floats 0 to 1; what is outside is cut off, and NaN is 0.

    Raises:
        ValueError: it has no such shape, or is too large.
    """
    numpy = sys.modules.get("numpy")
    if isinstance(value, (list, tuple)):
        value = _stacked(value, numpy)
    if hasattr(value, "detach"):
        shape, first = tuple(value.shape), True
        _limit(_count(shape))
        value = value.detach().cpu()
        if numpy is not None:
            value = value.float().numpy() if value.is_floating_point() else value.numpy()
    elif numpy is not None and (hasattr(value, "__array__") or hasattr(value, "__array_interface__")):
        value, first = numpy.asarray(value), False
        shape = value.shape
    elif isinstance(value, list):
        shape, first = _shape(value), False
    else:
        what = "a path is no image: give the bytes of the file" if isinstance(value, str) else ""
        raise ValueError(what or f"{type(value).__name__} is no array")
    _limit(_count(shape))
    if numpy is None:
        flat = value.flatten().tolist() if hasattr(value, "flatten") else _flat(value, len(shape))
        floats = any(isinstance(number, float) for number in flat)
        return _arranged(shape, first, bytes(_byte(number, floats) for number in flat))
    return _with_numpy(numpy, value, first)


def _with_numpy(numpy: Any, array: Any, first: bool) -> tuple[int, int, int, bytes]:
    order = _order(array.shape, first)
    with numpy.errstate(all="ignore"):
        if array.dtype.kind == "b":
            array = array.astype(numpy.uint8) * numpy.uint8(255)
        elif array.dtype == numpy.uint16:
            array = (array >> 8).astype(numpy.uint8)
        elif array.dtype.kind in "iu":
            array = array if array.dtype == numpy.uint8 else array.clip(0, 255).astype(numpy.uint8)
        elif array.dtype.kind == "f":
            scaled = numpy.nan_to_num(array.astype(numpy.float32), nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
            array = (scaled * numpy.float32(255) + numpy.float32(0.5)).astype(numpy.uint8)
        else:
            raise ValueError(f"an array of {array.dtype} is no image")
    count, height, width, channels = (array.shape[at] if at is not None else 1 for at in order)
    array = array.transpose([at for at in order if at is not None]).reshape(count, height, width, channels)
    columns = _columns(count)
    if count > 1:
        rows = -(-count // columns)
        grid = numpy.zeros((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels), numpy.uint8)
        for number in range(count):
            top, left = number // columns * (height + GAP), number % columns * (width + GAP)
            grid[top : top + height, left : left + width] = array[number]
        array = grid
    else:
        array = array[0]
    return array.shape[1], array.shape[0], channels, array.tobytes()


def _arranged(shape: tuple[int, ...], first: bool, data: bytes) -> tuple[int, int, int, bytes]:
    """The same with bytes alone."""
    order = _order(shape, first)
    strides = [_count(shape[at + 1 :]) for at in range(len(shape))]
    (count, height, width, channels) = (shape[at] if at is not None else 1 for at in order)
    by_image, by_row, by_column, by_channel = (strides[at] if at is not None else 0 for at in order)
    columns = _columns(count)
    rows = -(-count // columns)
    total = columns * (width + GAP) - GAP
    grid = bytearray((rows * (height + GAP) - GAP) * total * channels)
    for number in range(count):
        for y in range(height):
            start = number * by_image + y * by_row
            at = ((number // columns * (height + GAP) + y) * total + number % columns * (width + GAP)) * channels
            for channel in range(channels):
                stop = start + channel * by_channel + width * by_column
                line = data[start + channel * by_channel : stop : by_column]
                grid[at + channel : at + width * channels : channels] = line[:width]
    return total, len(grid) // (total * channels), channels, bytes(grid)


def _order(shape: tuple[int, ...], first: bool) -> tuple[Any, int, int, Any]:
    """Which dimension is the batch, the height, the width and the channel; None where there is none."""
    if 0 in shape or not 2 <= len(shape) <= 4:
        raise ValueError(f"the shape {_words(shape)} is no image")
    batch = 0 if len(shape) == 4 else None
    start = len(shape) - 3
    if len(shape) == 2:
        return None, 0, 1, None
    leading, trailing = shape[start] in CHANNELS, shape[-1] in CHANNELS
    if leading and (first or not trailing):
        return batch, start + 1, start + 2, start
    if trailing:
        return batch, start, start + 1, start + 2
    if len(shape) == 3:
        raise ValueError(f"the shape {_words(shape)} is no image: it has neither 1, 3 nor 4 channels")
    raise ValueError(f"the shape {_words(shape)} is no batch of images: they have neither 1, 3 nor 4 channels")


def _stacked(value: Any, numpy: Any) -> Any:
    """A list of arrays, or of lists, as one."""
    if value and hasattr(value[0], "detach"):
        return sys.modules["torch"].stack([one.detach() for one in value])
    if numpy is not None:
        return numpy.asarray(value)
    return list(value)


def png(width: int, height: int, channels: int, data: bytes) -> bytes:
    """A PNG file of 8 bits a channel."""
    stride = width * channels
    # Each line is told by how it differs from the one above, which packs better.
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "frombuffer"):
        lines = numpy.frombuffer(data, numpy.uint8).reshape(height, stride)
        filtered = numpy.empty((height, stride + 1), numpy.uint8)
        filtered[:, 0] = 2
        filtered[0, 1:] = lines[0]
        numpy.subtract(lines[1:], lines[:-1], out=filtered[1:, 1:])
        raw = filtered.tobytes()
    else:
        raw = b"".join(b"\0" + data[at : at + stride] for at in range(0, len(data), stride))
    head = pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    level = 6 if len(raw) < 1 << 20 else 1
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(raw, level)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">I", len(body)) + kind + body + pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


def _columns(count: int) -> int:
    """Images side by side in a batch: as many as there are rows, or one more."""
    columns = 1
    while columns * columns < count:
        columns += 1
    return columns


def _byte(number: Any, floats: bool) -> int:
    if floats:
        number = 0.0 if number != number else number * 255 + 0.5 if abs(number) <= 1 else 255.0 if number > 0 else 0.0
    elif number is True:
        number = 255
    return min(255, max(0, int(number)))


def _shape(value: Any) -> tuple[int, ...]:
    shape: list[int] = []
    while isinstance(value, (list, tuple)) and len(shape) < 5:
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _flat(value: Any, depth: int) -> list[Any]:
    for _ in range(depth - 1):
        if len({len(row) for row in value}) > 1:
            raise ValueError("its rows are of different lengths")
        value = [number for row in value for number in row]
    return list(value)


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= int(size)
    return count


def _limit(size: int) -> None:
    if size > LARGEST:
        raise ValueError(f"it has {size:,} bytes; up to {LARGEST:,} are kept")


def _words(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "of one number"
