"""PNG, PDF and SVG: equal when only embedded dates and document ids differ."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

from ..difference import Tolerance
from .found import Found, Kind, Unreadable, listed

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

_TEXT = (b"tEXt", b"zTXt", b"iTXt")
_DATE_KEYS = (b"creation time", b"date:create", b"date:modify", b"date:timestamp", b"date", b"modification time")


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """(type, content) of each chunk, those that only hold a date left out."""
    found, at = [], len(PNG_MAGIC)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length
        dated = kind == b"tIME" or (kind in _TEXT and body.partition(b"\0")[0].lower() in _DATE_KEYS)
        if not dated:
            found.append((kind, body))
    if not found or found[-1][0] != b"IEND":
        raise Unreadable("a damaged PNG")
    return found


def compare_png(a: Path, b: Path, tolerance: Tolerance | None) -> Found:
    """Compare the chunks of two PNG images; tIME and text chunks that hold a date do not count."""
    left, right = _chunks(a.read_bytes()), _chunks(b.read_bytes())
    if left == right:
        return Found(True, "dates-masked", "equal but for an embedded date")
    if left[0] != right[0]:
        return Found(False, "pixels", "width, height or depth differ")
    try:
        one, other = (
            zlib.decompress(b"".join(body for kind, body in each if kind == b"IDAT")) for each in (left, right)
        )
    except zlib.error as error:
        raise Unreadable("damaged image data") from error
    if one != other:
        return Found(False, "pixels", "the pixels differ")
    rest, others = ([each for each in side if each[0] != b"IDAT"] for side in (left, right))
    if rest == others:
        return Found(True, "pixels", "pixels equal, compressed otherwise")
    names = sorted({_name(each) for each in rest + others if (each in rest) != (each in others)})
    return Found(False, "pixels", f"pixels equal; other chunks differ: {listed(names)}")


def _name(chunk: tuple[bytes, bytes]) -> str:
    kind = chunk[0].decode("latin1")
    keyword = f" {chunk[1].partition(bytes(1))[0].decode('latin1')}" if chunk[0] in _TEXT else ""
    return kind + keyword


_DATE = rb"\((?:\\.|[^\\)])*\)|<[0-9A-Fa-f\s]*>"
_PDF_MASKS = (
    re.compile(rb"/(?:CreationDate|ModDate)\s*(?:" + _DATE + rb")"),
    re.compile(rb"/ID\s*\[\s*(?:" + _DATE + rb")\s*(?:" + _DATE + rb")\s*\]"),
    re.compile(rb"<(xmp:(?:CreateDate|ModifyDate|MetadataDate)|xmpMM:(?:DocumentID|InstanceID)|pdf:docid)>[^<]*</\1>"),
    re.compile(
        rb"(?:xmp:(?:CreateDate|ModifyDate|MetadataDate)|xmpMM:(?:DocumentID|InstanceID))=(?:\"[^\"]*\"|'[^']*')"
    ),
)


def compare_pdf(a: Path, b: Path, tolerance: Tolerance | None) -> Found:
    """Compare the bytes of two PDF files; the dates and ids that every writing renews do not count."""
    left, right = a.read_bytes(), b.read_bytes()
    for mask in _PDF_MASKS:
        left, right = mask.sub(b"", left), mask.sub(b"", right)
    if left == right:
        return Found(True, "dates-masked", "equal but for embedded dates and document ids")
    at = next((i for i, (x, y) in enumerate(zip(left, right)) if x != y), min(len(left), len(right)))
    return Found(False, "dates-masked", f"differ beyond dates and ids, from byte {at:,} of the masked file on")


PNG = Kind("png", (), compare_png, (PNG_MAGIC,))
PDF = Kind("pdf", (), compare_pdf, (b"%PDF",))

_SVG_DATE = re.compile(rb"<dc:date>[^<]*</dc:date>")


def compare_svg(a: Path, b: Path, tolerance: Tolerance | None) -> Found:
    """Compare the bytes of two SVG images; the date in their metadata does not count."""
    if _SVG_DATE.sub(b"", a.read_bytes()) == _SVG_DATE.sub(b"", b.read_bytes()):
        return Found(True, "dates-masked", "equal but for an embedded date")
    raise Unreadable("differs beyond its date: as text then")


SVG = Kind("svg", (".svg",), compare_svg)
