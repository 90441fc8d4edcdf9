"""The files that series are read from, each read on from where it was left, with a cache of what was read of large ones.

The cache is never needed and never believed without a look: a file that is no longer the one that was read (its size or time for
one of the same size, the bytes at its beginning and before the place reached for one that has grown) is read anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from ..errors import ReenactError
from ..probe.traceformat import LOSS, MAGIC, RAW, RECORD, bits_float
from .atomic import tmp_name
from .condensed import Condensed
from .metriclines import Columns, LineParser, whole_lines
from .points import RECORD_SIZE, Chunk, by_name, read_chunks, read_names, unnamed
from .trace import TraceReader

LARGE = 4_000_000
"""Bytes from which on what was read of a file is kept."""

LARGE_TO_DRAW = 400_000
"""The same of what was condensed."""

_KEPT = b"reenact series 1\n"
_DRAWN = b"reenact overview 1\n"
_LOOK = 4096
_PIECE = RECORD.size * (1 << 16)
_IS_LOSS = re.compile(bytes([LOSS]))


class SeriesFile(ABC):
    """A file with points of several names.

    Args:
        path: the file; it need not exist yet.
        wanted: the names whose points are kept; all when None.
        kept: where what was read of it is kept when it is large; nowhere when None.
        condensed: its columns are `Condensed`, for what is to be drawn.
    """

    def __init__(self, path: Path, wanted: frozenset[str] | None, kept: Path | None, condensed: bool = False) -> None:
        self.path = path
        self.skipped = 0
        # Condensed, the points of all names are few.
        self._wanted = None if condensed else wanted
        self._kept = kept
        self._condensed = condensed
        self._forget()

    def _forget(self) -> None:
        self._offset = 0
        self._inode: int | None = None
        self._columns: dict[str, Columns | None] = {}
        self.skipped = 0

    def names(self) -> Iterable[str]:
        """Names of all points that were seen."""
        return self._columns

    def columns(self, name: str) -> Columns | None:
        """The points of a name; None when it is not wanted."""
        return self._columns.get(name)

    def count(self, name: str) -> int:
        """How many points of a name there are."""
        found = self.columns(name)
        return 0 if found is None else found.total() if isinstance(found, Condensed) else len(found)

    def poll(self) -> None:
        """Read what is new."""
        try:
            with open(self.path, "rb") as file:
                self._poll(file)
        except OSError:
            return

    def _poll(self, file: IO[bytes]) -> None:
        info = os.fstat(file.fileno())
        if (self._inode is not None and info.st_ino != self._inode) or info.st_size < self._offset:
            self._forget()
        first, self._inode = self._inode is None, info.st_ino
        if info.st_size == self._offset:
            return
        if not first or self._kept is None or info.st_size < (LARGE_TO_DRAW if self._condensed else LARGE):
            self._read(file)
            return
        if self._condensed:
            self._load(file, info)
            left = info.st_size - self._offset
            self._read(file)
            if left > max(LARGE_TO_DRAW, info.st_size // 8):
                self._save(file, info)
            return
        wanted = self._wanted
        self._load(file, info)
        if info.st_size - self._offset > max(LARGE, info.st_size // 8):
            # All of it, so that it can be kept for every name.
            self._forget()
            self._inode, self._wanted = info.st_ino, None
            self._load(file, info)
            self._read(file)
            self._save(file, info)
            self._wanted = wanted
            if wanted is not None:
                self._columns = {name: one if name in wanted else None for name, one in self._columns.items()}
        else:
            self._read(file)

    @abstractmethod
    def _read(self, file: IO[bytes]) -> None:
        """Read on from where it is."""

    def _column(self, name: str) -> Columns | None:
        try:
            return self._columns[name]
        except KeyError:
            columns = None
            if self._wanted is None or name in self._wanted:
                columns = Condensed() if self._condensed else Columns()
            self._columns[name] = columns
            return columns

    def _fold(self) -> None:
        for columns in self._columns.values() if self._condensed else ():
            if isinstance(columns, Condensed):
                columns.fold()

    def _load(self, file: IO[bytes], info: os.stat_result) -> None:
        if self._kept is None:
            return
        try:
            with open(self._kept, "rb") as kept:
                if kept.readline(64) != (_DRAWN if self._condensed else _KEPT):
                    return
                head = json.loads(kept.readline())
                if not _same(head, file, info):
                    return
                start = kept.tell()
                for name, count, place, *more in head["names"]:
                    columns = self._column(name)
                    if columns is None:
                        continue
                    kept.seek(start + place)
                    if isinstance(columns, Condensed):
                        own, columns.before, columns.odd, columns.low = more
                        for column in (columns.kept.steps, columns.kept.values, columns.kept.times):
                            column.fromfile(kept, count - own)
                        count = own
                    for column in (columns.steps, columns.values, columns.times):
                        column.fromfile(kept, count)
                self._offset, self.skipped = head["offset"], head["skipped"]
        except (OSError, ValueError, KeyError, TypeError, EOFError):
            inode = self._inode
            self._forget()
            self._inode = inode

    def _save(self, file: IO[bytes], info: os.stat_result) -> None:
        if self._kept is None:
            return
        names, place = [], 0
        for name, columns in self._columns.items():
            if columns is not None:
                more = []
                if isinstance(columns, Condensed):
                    more = [len(columns), columns.before, columns.odd, columns.low]
                count = sum(map(len, _parts(columns))) // 3
                names.append([name, count, place, *more])
                place += 24 * count
        head = {
            "offset": self._offset,
            "size": info.st_size,
            "mtime_ns": info.st_mtime_ns,
            "look": _look(file, self._offset),
            "order": sys.byteorder,
            "skipped": self.skipped,
            "names": names,
        }
        aside = self._kept.parent / tmp_name(self._kept.name)
        try:
            self._kept.parent.mkdir(parents=True, exist_ok=True)
            with open(aside, "wb") as out:
                out.write((_DRAWN if self._condensed else _KEPT) + json.dumps(head).encode() + b"\n")
                for columns in self._columns.values():
                    for column in _parts(columns) if columns is not None else ():
                        column.tofile(out)
            os.replace(aside, self._kept)
        except OSError:  # a full disk, a store that is not ours: it is a cache
            aside.unlink(missing_ok=True)


class LinesFile(SeriesFile):
    """A file of ``metrics``."""

    def __init__(self, path: Path, wanted: frozenset[str] | None, kept: Path | None, condensed: bool = False) -> None:
        self._rest = b""
        super().__init__(path, wanted, kept, condensed)

    def _forget(self) -> None:
        super()._forget()
        self._rest = b""

    def _read(self, file: IO[bytes]) -> None:
        parser = LineParser(self._column)
        self._rest = b""
        for lines, at in whole_lines(file, self._offset):
            if not lines.endswith(b"\n"):
                self._rest = lines
                break
            parser.feed(lines)
            self._offset = at
            self._fold()
        self.skipped += parser.skipped

    def finish(self) -> None:
        """Take a last line that lacks only its line end (no proper beginning of a JSON object is one); count any other."""
        if self._rest:
            self.skipped += not LineParser(self._column).one(self._rest)
            self._offset += len(self._rest)
            self._rest = b""


class PointsFile(SeriesFile):
    """What a program logged with ``reenact.log``, and what it sent to other loggers."""

    def _forget(self) -> None:
        super()._forget()
        self._held = -1

    def _read(self, file: IO[bytes]) -> None:
        # The last point may be half written, unless it was the last one before already.
        before, self._held = self._held, -1
        self._take(held_back=1)
        if self._held == before:
            self._take(held_back=0)

    def finish(self) -> None:
        """Take the last point too: of a program that goes on it may be half written."""
        if self.path.exists():
            self._take(held_back=0)

    def _take(self, held_back: int) -> None:
        known: dict[int, Columns | None] = {
            number: self._column(name) for number, name in read_names(self.path).items()
        }
        start = self._offset // RECORD_SIZE
        for chunk in read_chunks(self.path, start):
            # What was never written is a gap where a signal came, and all that follows the last point.
            last = len(chunk.names) - 1
            while last >= 0 and not chunk.names[last]:
                last -= 1
            stop = last + 1 - (held_back if last + 1 < len(chunk.names) else 0)
            self._sort(chunk, stop, known)
            start += max(0, stop)
            if stop < len(chunk.names):
                self._held = start if stop == last else -1
                break
        self._offset = start * RECORD_SIZE

    def _sort(self, chunk: Chunk, stop: int, known: dict[int, Columns | None]) -> None:
        """The first points of a chunk to the columns of their names."""
        self.skipped += unnamed(chunk.names[:stop], known)
        wanted = {number: columns for number, columns in known.items() if columns is not None}
        for number, (steps, values, times) in by_name(chunk, stop, wanted).items():
            columns = wanted[number]
            columns.steps.extend(steps.tolist())
            columns.values.extend(values)
            columns.times.extend(times)
        self._fold()


class TraceFile(SeriesFile):
    """The losses of a trace: the first is ``loss``; a program with several (a GAN) has the others under their names."""

    def __init__(self, path: Path, kept: Path | None, condensed: bool = False) -> None:
        super().__init__(path, None, kept, condensed)
        self._shown: dict[str, str] = {}

    @property
    def last_step(self) -> int | None:
        """The last step with a loss."""
        return max((columns.steps[-1] for columns in self._columns.values() if columns), default=None)

    def names(self) -> Iterable[str]:
        if len(self._shown) != len(self._columns):
            self._shown = {}
            for number in self._columns:
                self._shown.setdefault(self._name(number) if self._shown else "loss", number)
        return self._shown

    def columns(self, name: str) -> Columns | None:
        self.names()
        return self._columns.get(self._shown.get(name, ""))

    def _name(self, number: str) -> str:
        try:
            rows = TraceReader(self.path).names
        except ReenactError:
            rows = []
        return rows[int(number)].name if int(number) < len(rows) else f"loss.{len(self._shown)}"

    def _read(self, file: IO[bytes]) -> None:
        file.seek(0)
        if file.read(len(MAGIC)) != MAGIC:
            return
        self._offset = max(self._offset, len(MAGIC))
        file.seek(self._offset)
        while piece := file.read(_PIECE):
            whole = len(piece) - len(piece) % RECORD.size
            for match in _IS_LOSS.finditer(piece[0 : whole : RECORD.size]):
                _, flags, number, step, value = RECORD.unpack_from(piece, match.start() * RECORD.size)
                columns = self._column(str(number))
                if flags & RAW and columns is not None:
                    columns.add(step, bits_float(value), None)
            self._fold()
            self._offset += whole
            if whole < len(piece):
                return


def _parts(columns: Columns) -> list[array[int] | array[float]]:
    kept = [columns.kept] if isinstance(columns, Condensed) else []
    return [column for one in (*kept, columns) for column in (one.steps, one.values, one.times)]


def _same(head: dict[str, Any], file: IO[bytes], info: os.stat_result) -> bool:
    offset = head["offset"]
    if head["order"] != sys.byteorder or info.st_size < offset:
        return False
    # Of the same size but for a line that was cut off: only its time tells that it was written again.
    if info.st_size == head["size"] and info.st_mtime_ns != head["mtime_ns"]:
        return False
    return bool(head["look"] == _look(file, offset))


def _look(file: IO[bytes], offset: int) -> str:
    """Digest of the beginning of a file and of what is before a place in it."""
    file.seek(0)
    digest = hashlib.sha256(file.read(min(_LOOK, offset)))
    file.seek(max(0, offset - _LOOK))
    digest.update(file.read(min(_LOOK, offset)))
    return digest.hexdigest()
