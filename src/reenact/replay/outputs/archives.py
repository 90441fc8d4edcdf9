"""zip, gzip and tar: equal when their members are, whatever the timestamps say."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from ..difference import Tolerance
from .found import Found, Kind, Unreadable, listed

_CHUNK = 1 << 20


def compare_zip(a: Path, b: Path, tolerance: Tolerance | None) -> Found:
    """Compare two zip archives member by member."""
    try:
        with zipfile.ZipFile(a) as left, zipfile.ZipFile(b) as right:
            names = {info.filename: info for info in left.infolist()}
            others = {info.filename: info for info in right.infolist()}
            differ = _only(names.keys(), others.keys())
            for name in names:
                if name in others and (
                    names[name].file_size != others[name].file_size
                    or _digest(left.open(name)) != _digest(right.open(name))
                ):
                    differ.append(f"member {name} differs")
            dates = [name for name in names if name in others and names[name].date_time != others[name].date_time]
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error) as error:
        # RuntimeError: a member is encrypted; NotImplementedError: zipfile does not know its compression.
        raise Unreadable("not a readable zip archive") from error
    return _told(differ, bool(dates), len(names))


def compare_tar(a: Path, b: Path, tolerance: Tolerance | None) -> Found:
    """Compare two tar archives, compressed or not, by members' names, types, modes and contents."""
    try:
        left, right = _tar(a), _tar(b)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise Unreadable("not a readable tar archive") from error
    differ = _only(left.keys(), right.keys())
    differ += [f"member {name} differs" for name in left if name in right and left[name] != right[name]]
    return _told(differ, True, len(left))


def compare_gzip(a: Path, b: Path, tolerance: Tolerance | None) -> Found:
    """Compare what two gzip files unpack to; the header holds a timestamp and a name."""
    try:
        with gzip.open(a) as left, gzip.open(b) as right:
            position = 0
            while True:
                one, other = left.read(_CHUNK), right.read(_CHUNK)
                if one != other:
                    at = next((i for i, (x, y) in enumerate(zip(one, other)) if x != y), min(len(one), len(other)))
                    return Found(False, "unpacked", f"the contents differ from byte {position + at:,} on")
                if not one:
                    break
                position += len(one)
    except (OSError, EOFError, zlib.error) as error:
        raise Unreadable("not a readable gzip file") from error
    with open(a, "rb") as left_raw, open(b, "rb") as right_raw:
        dates = left_raw.read(8)[4:8] != right_raw.read(8)[4:8]
    return Found(True, "unpacked", "equal but for timestamps" if dates else "equal when unpacked")


def _tar(path: Path) -> dict[str, tuple[object, ...]]:
    members: dict[str, tuple[object, ...]] = {}
    with tarfile.open(path) as archive:
        for info in archive:
            file = archive.extractfile(info) if info.isreg() else None
            members[info.name] = (info.type, info.mode, info.linkname, _digest(file) if file else "")
    return members


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    with file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _only(names: Iterable[str], others: Iterable[str]) -> list[str]:
    left, right = set(names), set(others)
    return [f"member {name} only in the baseline" for name in sorted(left - right)] + [
        f"member {name} only in the candidate" for name in sorted(right - left)
    ]


def _told(differ: list[str], dates: bool, count: int) -> Found:
    if differ:
        return Found(False, "members", listed(differ))
    return Found(True, "members", f"{count:,} members equal, {'but for timestamps' if dates else 'packed otherwise'}")


ZIP = Kind("zip", (), compare_zip, (b"PK\x03\x04", b"PK\x05\x06"))
TAR = Kind("tar", (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"), compare_tar)
GZIP = Kind("gzip", (), compare_gzip, (b"\x1f\x8b",))
