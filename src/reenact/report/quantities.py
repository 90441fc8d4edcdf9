"""Numbers, sizes, times and names as people read them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def size(count: float | None) -> str:
    """``1.2 MB`` (powers of 1000) of a number of bytes."""
    if count is None:
        return "-"
    value = float(count)
    for unit in _UNITS:
        if abs(value) < 999.5 or unit == _UNITS[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"


def duration(seconds: float | None) -> str:
    """``0.4s``, ``12s``, ``1m02s``, ``3h05m``, ``2d03h``; ``-`` when it is not known."""
    if seconds is None or seconds != seconds:
        return "-"
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    minutes = round(seconds / 60)
    if minutes < 1440:
        return f"{minutes // 60}h{minutes % 60:02d}m"
    hours = round(seconds / 3600)
    return f"{hours // 24}d{hours % 24:02d}h"


def age(started: str | None, now: datetime | None = None) -> str:
    """How long ago: ``now``, ``3m``, ``2h``, ``5d``, ``8w``, ``2y``; ``?`` for what is no time.

    Args:
        started: ISO 8601 with a time zone.
        now: the present when None.
    """
    try:
        when = datetime.fromisoformat(str(started).replace("Z", "+00:00"))
        seconds = ((now or datetime.now(timezone.utc)) - when).total_seconds()
    except (ValueError, TypeError):
        return "?"
    # Clocks of two machines differ: a run that began in the future began now.
    for limit, unit, name in (
        (60, 1, "s"),
        (3600, 60, "m"),
        (86_400, 3600, "h"),
        (14 * 86_400, 86_400, "d"),
        (365 * 86_400, 7 * 86_400, "w"),
    ):
        if seconds < limit:
            return "now" if name == "s" else f"{int(seconds // unit)}{name}"
    return f"{int(seconds // (365 * 86_400))}y"


def ago(started: str | None, now: datetime | None = None) -> str:
    """``just now``, ``3m ago``; see `age`."""
    text = age(started, now)
    return "just now" if text == "now" else f"{text} ago"


def day(time: str | None) -> str:
    """``2026-11-21 07:40`` of a time in ISO 8601."""
    return (time or "")[:16].replace("T", " ")


def number(value: Any) -> str:
    """A number in at most six significant digits; other values as `plain` text."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return plain(value)


def param(value: Any) -> str:
    """The value of a param: as `number`, but None as Python writes it."""
    return "None" if value is None else number(value)


def count(amount: int, thing: str, plural: str | None = None) -> str:
    """``1 file``, ``1,200 files``."""
    return f"{amount:,} {thing if amount == 1 else plural or thing + 's'}"


def plain(value: Any, *, lines: bool = False) -> str:
    """A value as text that cannot command a terminal: what is not printable becomes its escape.

    Args:
        lines: let line ends and tabs be.
    """
    text = value if isinstance(value, str) else "none" if value is None else str(value)
    if text.isprintable():
        return text
    keep = "\n\t" if lines else ""
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def digest(value: str | None) -> str:
    """The first twelve digits of a digest; other text as it is."""
    if value is None:
        return "(none)"
    text = plain(value)
    head, _, rest = text.partition(":")
    return rest[:12] if head == "sha256" and len(rest) == 64 else text


def shorten(text: str, width: int) -> str:
    """At most ``width`` characters, cut in the middle: both ends of a command tell more than its start alone."""
    if len(text) <= width:
        return text
    if width < 5:
        return text[:width]
    head = (width - 1) * 2 // 3
    return text[:head] + "…" + text[len(text) - (width - 1 - head) :]
