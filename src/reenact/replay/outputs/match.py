"""Pairing the outputs of two runs: the same path first, then paths that differ only in what the clock put into them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable

_MONTH = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DAY = r"(?:19|20)\d\d([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3])(?P<s>[-_.:]?)[0-5]\d(?P=s)[0-5]\d(?:[.,]\d+)?"

_EVENTS = re.compile(r"^events\.out\.tfevents\.\d+\.(?P<host>.+?)(?P<pid>(?:\.\d+)*)(?P<rest>\.v2|\.profile-empty)?$")
_STAMP = re.compile(rf"(?<!\d){_DAY}(?:[-_T ]*{_TIME}(?:Z|[+-]\d\d:?\d\d)?)?(?!\d)")
_MONTH_STAMP = re.compile(rf"(?<![A-Za-z])(?:{_MONTH})[-_ ]?\d\d?(?:[-_ ]+{_TIME})?(?!\d)")
_DASHED_TIME = re.compile(r"(?<!\d)(?:[01]\d|2[0-3])([-_:.])[0-5]\d\1[0-5]\d(?:\.\d+)?(?!\d)")
_BARE_TIME = re.compile(r"^(?:[01]\d|2[0-3])[0-5]\d[0-5]\d$")
_UNIX = re.compile(r"(?<![\d.])1\d{9}(?:\d{3}|\d{6}|\d{9})?(?:\.\d+)?(?!\d)")
_VERSION = re.compile(r"^(version|run|exp|train|val|lightning_logs)([-_]?)\d+$")
_PID = re.compile(r"(?<![A-Za-z0-9])(pid)([-_.]?)\d+(?!\d)")
_HOST = re.compile(r"(?<=<clock>)_[A-Za-z0-9.-]+")
_RANDOM = re.compile(r"(?<![A-Za-z0-9])(?=[a-z0-9]*\d)(?=[a-z0-9]*[a-z])[a-z0-9]{8}(?![A-Za-z0-9])")


def by_clock(path: str) -> str:
    """`path` with dates, times, unix seconds and version numbers masked."""
    parts = path.split("/")
    masked: list[str] = []
    dated = False
    for part in parts:
        events = _EVENTS.match(part)
        if events:
            masked.append(f"events.out.tfevents.<clock>.{events['host']}<pid>{events['rest'] or ''}")
            continue
        new = _MONTH_STAMP.sub("<clock>", _STAMP.sub("<clock>", part))
        new = _UNIX.sub("<clock>", _DASHED_TIME.sub("<clock>", new))
        if dated and _BARE_TIME.match(new):
            new = "<clock>"
        new = _VERSION.sub(r"\1\2<n>", new)
        dated = dated or "<clock>" in new
        masked.append(new)
    return "/".join(masked)


def by_host(path: str) -> str:
    """As `by_clock`, and hosts after a date, and process ids, masked too."""
    parts = []
    for part in path.split("/"):
        events = _EVENTS.match(part)
        if events:
            parts.append(f"events.out.tfevents.<clock>.<host><pid>{events['rest'] or ''}")
        else:
            parts.append(_PID.sub(r"\1\2<pid>", _HOST.sub("_<host>", by_clock(part))))
    return "/".join(parts)


def by_random_id(path: str) -> str:
    """As `by_host`, and random ids of eight letters and digits masked too."""
    return _RANDOM.sub("<id>", by_host(path))


def natural(path: str) -> list[tuple[int, int, str]]:
    """A sorting key that puts ``version_9`` before ``version_10``."""
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"(\d+)", path)]


def pair(baseline: Iterable[str], candidate: Iterable[str]) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Pairs of paths, those only in the baseline, and those only in the candidate, each in natural order.

    Paths that are equal after masking are paired in order; random ids only where one path of each side fits.
    """
    left, right = set(baseline), set(candidate)
    pairs = [(path, path) for path in left & right]
    left, right = left - right, right - left
    for mask, alone in ((by_clock, False), (by_host, False), (by_random_id, True)):
        for one, other in _masked(left, right, mask, alone):
            pairs.append((one, other))
            left.discard(one)
            right.discard(other)
    return sorted(pairs, key=lambda each: natural(each[0])), sorted(left, key=natural), sorted(right, key=natural)


def _masked(left: set[str], right: set[str], mask: Callable[[str], str], alone: bool) -> list[tuple[str, str]]:
    groups: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, paths in enumerate((left, right)):
        for path in sorted(paths, key=natural):
            masked = mask(path)
            # A path in which nothing was masked is simply another path.
            if masked != path:
                groups[masked][side].append(path)
    return [
        each
        for ones, others in groups.values()
        if not alone or len(ones) == len(others) == 1
        for each in zip(ones, others)
    ]
