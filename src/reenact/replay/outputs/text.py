"""Text, CSV and JSON: bytes, else the first line that differs; numbers by value when a tolerance is asked for."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from ..difference import Tolerance
from .found import Found, Kind, Unreadable

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?\b(?:nan|inf|Infinity|NaN)\b")
_CLOCK = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?|\b\d\d?:\d\d:\d\d(?:[.,]\d+)?\b"
)
_SUFFIXES = (
    ".txt",
    ".csv",
    ".tsv",
    ".json",
    ".jsonl",
    ".yaml",
    ".yml",
    ".log",
    ".md",
    ".toml",
    ".ini",
    ".xml",
    ".html",
    ".svg",
)


def compare(a: Path, b: Path, tolerance: Tolerance | None) -> Found:
    """Compare two text files line by line."""
    first, count, clock, outside, total = "", 0, True, False, 0
    try:
        with open(a, encoding="utf-8", newline="\n") as left, open(b, encoding="utf-8", newline="\n") as right:
            for number, (one, other) in enumerate(itertools.zip_longest(left, right), start=1):
                total = number
                if one == other:
                    continue
                count += 1
                if not first:
                    first = f"line {number}: {_short(one)} became {_short(other)}"
                clock = clock and None not in (one, other) and _CLOCK.sub("", one) == _CLOCK.sub("", other)
                outside = outside or tolerance is None or not _within(one, other, tolerance)
    except UnicodeDecodeError as error:
        raise Unreadable("not UTF-8 text") from error
    if count and not outside:
        return Found(True, "tolerance", f"numbers of {count:,} lines within the tolerance; first, {first}")
    detail = f"{count:,} of {total:,} lines differ; {first}"
    if clock:
        detail += " (only in what looks like dates and times)"
    return Found(False, "text", detail)


def compare_log(a: Path, b: Path) -> Found | None:
    """Two logs that differ in nothing but the first time on each line; None when they differ in more."""
    try:
        with open(a, encoding="utf-8", newline="\n") as left, open(b, encoding="utf-8", newline="\n") as right:
            for one, other in itertools.zip_longest(left, right):
                if one != other and (
                    None in (one, other) or _CLOCK.sub("", one, count=1) != _CLOCK.sub("", other, count=1)
                ):
                    return None
    except UnicodeDecodeError:
        return None
    return Found(True, "dates-masked", "the lines are equal but for the time at which each was logged")


def _within(one: str | None, other: str | None, tolerance: Tolerance) -> bool:
    if one is None or other is None or _NUMBER.sub("0", one) != _NUMBER.sub("0", other):
        return False
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other))
    return all(x == y or tolerance.accepts(float(x), float(y)) for x, y in pairs)


def _short(line: str | None) -> str:
    if line is None:
        return "nothing"
    text = repr(line.rstrip("\n"))
    return text if len(text) <= 80 else text[:77] + "..."


KIND = Kind("text", _SUFFIXES, compare)
