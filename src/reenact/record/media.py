"""What a run logged besides numbers: images, figures, tables, texts, histograms, pages, sounds; as `probe.media` writes it.

``media/<process>.jsonl`` has a line for each, in the order of logging, and names its file, which lies in ``media/<process>/``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import ReenactError
from . import layout
from .atomic import share
from .journal import job_of, process_order
from .protocols import Blobs
from .schema import Gap, MediaFile, MediaSummary

FILED = ("image", "figure", "html", "audio")
"""Kinds that have a file; the others have their data in the line."""

KINDS = (*FILED, "table", "text", "histogram")

_MOST_FILES = 10_000  # every listing reads the manifest


@dataclass(frozen=True)
class Media:
    """One thing that was logged.

    Attributes:
        name: as it was logged; of a name in several processes the further ones' are ``name@process``, as for metrics.
        kind: ``image``, ``figure``, ``table``, ``text``, ``histogram``, ``html`` or ``audio``.
        step: the step that it was logged for.
        time: seconds since its process began, or None.
        caption: what was said of it, or None.
        path: the file of an image, a figure (PNG or SVG), an HTML page or a sound (WAV); else None.
        data: of a table ``{"columns": [names], "rows": [[cells]]}``, of a text the text, of a histogram
            ``{"edges": [n + 1 numbers], "counts": [n numbers]}``; else None.
    """

    name: str
    kind: str
    step: int
    time: float | None
    caption: str | None
    path: Path | None
    data: Any


def read_media(run_dir: str | os.PathLike[str], names: Iterable[str] | None = None) -> list[Media]:
    """What a run logged, in the order of logging, one process after the other; lines that are no such thing are passed over.

    Args:
        run_dir: the run folder; the run may still go on.
        names: only these; all when None.
    """
    follower = MediaFollower(run_dir)
    found = follower.poll() + follower.finish()
    wanted = None if names is None else frozenset(names)
    found.sort(key=lambda one: follower.place(one.name))
    return [one for one in found if wanted is None or one.name in wanted]


class MediaFollower:
    """Reads what a run logged, and then only what is new.

    Args:
        run_dir: the run folder; nothing need be there yet.
    """

    def __init__(self, run_dir: str | os.PathLike[str]) -> None:
        self._folder = Path(run_dir) / layout.MEDIA
        self._trial = "." in Path(run_dir).name
        self._tails: dict[str, _Tail] = {}
        self._owners: dict[str, str] = {}

    def poll(self) -> list[Media]:
        """What was logged since the last call."""
        for path in _files(self._folder, lambda process: self._trial or job_of(process) is None):
            self._tails.setdefault(path.stem, _Tail(path))
        return [one for tail in self._ordered() for one in self._named(tail, tail.poll())]

    def finish(self) -> list[Media]:
        """Last lines that lack only their line end: of a run that was killed in the midst of one."""
        return [one for tail in self._ordered() for one in self._named(tail, tail.finish())]

    def place(self, name: str) -> tuple[Any, ...]:
        """Key that sorts names by their processes."""
        return process_order(self._owners.get(name, ""))

    def _ordered(self) -> list[_Tail]:
        return [self._tails[process] for process in sorted(self._tails, key=process_order)]

    def _named(self, tail: _Tail, found: list[Media]) -> Iterator[Media]:
        for one in found:
            if self._owners.setdefault(one.name, tail.process) != tail.process:
                one = replace(one, name=f"{one.name}@{tail.process}")
                self._owners.setdefault(one.name, tail.process)
            yield one


class _Tail:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.process = path.stem
        self._offset = 0
        self._rest = b""

    def poll(self) -> list[Media]:
        try:
            with open(self.path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [one for line in lines if (one := _media(line, self.path.parent)) is not None]

    def whole(self) -> list[Media]:
        return self.poll() + self.finish()

    def finish(self) -> list[Media]:
        one, self._rest = _media(self._rest, self.path.parent), b""
        return [] if one is None else [one]


def summaries(run_dir: Path, of: Callable[[str], bool]) -> dict[str, MediaSummary]:
    """What the manifest tells of the media of some processes; of a name in several of them what the first has.

    Args:
        run_dir: the run folder.
        of: which processes count.
    """
    found: dict[str, MediaSummary] = {}
    for path in _files(run_dir / layout.MEDIA, of):
        own: dict[str, MediaSummary] = {}
        for one in _Tail(path).whole():
            size = len(json.dumps(one.data)) if one.path is None else one.path.stat().st_size
            before = own.get(one.name, MediaSummary(one.kind, 0, 0, one.step))
            own[one.name] = MediaSummary(one.kind, before.count + 1, before.bytes + size, one.step)
        found = {**own, **found}
    return found


def store_media(run_dir: Path, blobs: Blobs, gaps: list[Gap]) -> list[MediaFile]:
    """Store the media of all processes as blobs.

    A file that is stored lies once on the disk: the one in the run folder becomes another name of the blob, where links are possible.

    Args:
        run_dir: the run folder.
        blobs: where they are stored.
        gaps: gets one for each file that cannot be stored, and one for those that are too many.
    """
    folder = run_dir / layout.MEDIA
    files: dict[Path, None] = {}
    for path in _files(folder, lambda process: True):
        found = _Tail(path).whole()
        files.update(dict.fromkeys([path] if found else []))
        files.update(dict.fromkeys(one.path for one in found if one.path is not None))
    if len(files) > _MOST_FILES:
        detail = f"{len(files):,} files: the first {_MOST_FILES:,} are blobs, the others are in the run folder alone"
        gaps.append(Gap("media-left-out", detail))
    stored: list[MediaFile] = []
    for path in islice(files, _MOST_FILES):
        name = path.relative_to(run_dir).as_posix()
        try:
            digest, size = blobs.put_file(path)
        except (OSError, ReenactError) as error:
            gaps.append(Gap("media-not-stored", f"{name}: {error}"))
            continue
        stored.append(MediaFile(name, digest, size))
        share(path, blobs.path(digest))
    return stored


def process_of(file: MediaFile) -> str:
    """The process that logged a file: ``rank0`` of ``media/rank0.jsonl`` and of ``media/rank0/sample-3.png``."""
    return file.path.split("/")[1].removesuffix(".jsonl")


def _files(folder: Path, of: Callable[[str], bool]) -> list[Path]:
    found = [path for path in folder.glob("*.jsonl") if not path.name.startswith(".") and of(path.stem)]
    return sorted(found, key=lambda path: process_order(path.stem))


def _media(line: bytes, folder: Path) -> Media | None:
    """What a line tells; None when it is not such a line, or its file is not there."""
    try:
        row = json.loads(line.decode("utf-8", "surrogatepass"))
        name, kind, step, time, caption = row["n"], row["k"], row["s"], row.get("t"), row.get("c")
        data, path = row.get("d"), None
        if kind not in KINDS or not isinstance(name, str) or type(step) is not int:
            return None
        if kind in FILED:
            path, data = _inside(folder, row["f"]), None
        if (path is None) != (kind not in FILED) or not _fits(kind, data):
            return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    time = float(time) if isinstance(time, (int, float)) else None
    return Media(name, kind, step, time, caption if isinstance(caption, str) else None, path, data)


def _inside(folder: Path, name: Any) -> Path | None:
    """The file of a line, where it is one below the folder."""
    parts = Path(name).parts
    if not parts or ".." in parts or Path(name).is_absolute():
        return None
    path = folder / name
    return path if path.is_file() and path.resolve().is_relative_to(folder.resolve()) else None


def _fits(kind: str, data: Any) -> bool:
    if kind == "text":
        return isinstance(data, str)
    if kind == "table":
        columns, rows = data["columns"], data["rows"]
        return isinstance(columns, list) and isinstance(rows, list) and all(isinstance(row, list) for row in rows)
    if kind == "histogram":
        edges, counts = data["edges"], data["counts"]
        return isinstance(edges, list) and isinstance(counts, list) and len(edges) == len(counts) + 1
    return True
