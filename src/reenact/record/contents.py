"""Takes hold of the contents of files while they still are what the run saw."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ReenactError
from . import layout
from .places import Places, is_bytecode
from .protocols import Blobs, Hasher, View
from .schema import CodeFile, Gap, InputFile, OutputFile

SMALL = 1 << 20
"""Inputs of up to this many bytes are stored, not only hashed …"""

SMALL_TOTAL = 256 << 20
"""… as long as those of the run come to no more than this many bytes …"""

SMALL_COUNT = 2_000
"""… and this many files: a folder of a million pictures is not copied."""

Stat = tuple[int, int, int]
"""(inode, size in bytes, mtime in ns)."""


@dataclass
class InputState:
    """What is known of one file that the run read.

    Attributes:
        path: absolute, as the program opened it.
        how: what saw it being read.
        st: its identity when it was read; None when nobody looked.
        process: the journal that told of it.
        code: it is a code file of the project.
        bytecode: the ``.pyc`` that was read in its place.
        location: where the content is now (the run may have renamed it).
        pre: name of a copy below ``pre/`` from before the run changed it.
    """

    path: str
    how: str
    st: Stat | None
    process: str
    code: bool = False
    bytecode: str | None = None
    location: str = ""
    pre: str | None = None
    digest: str | None = None
    size: int = 0
    mtime_ns: int = 0
    mode: int | None = None
    tried: bool = False
    ignore: bool = False
    problem: str = field(default="")

    def __post_init__(self) -> None:
        self.location = self.location or self.path


class Contents:
    """Hashes inputs, and stores code, small inputs and outputs.

    What it takes is noted in ``collected.jsonl``, so that a seal after a crash does not have to rely on files that
    have changed by then.

    Args:
        run_dir: the run folder.
        places: sorts paths.
        blobs: where contents are stored.
        hasher: gives digests of files that are not stored.
        view: where a replayed process's files lie for us; None when they lie where it says.
    """

    def __init__(self, run_dir: Path, places: Places, blobs: Blobs, hasher: Hasher, view: View | None = None) -> None:
        self._run_dir = run_dir
        self.places = places
        self._blobs = blobs
        self._hasher = hasher
        self.place = view.place if view is not None else str
        self._notes = run_dir / layout.COLLECTED
        self._noted = _read_notes(self._notes)
        self._small_bytes = 0
        self._small_count = 0

    def take(self, state: InputState) -> None:
        """Hash, and where it is to be kept store, a file that was read; once. Never raises."""
        if state.tried or state.ignore:
            return
        noted = self._noted.get(_key(state))
        if noted is not None:
            state.digest, state.size, state.mtime_ns, state.mode = noted
            state.tried = True
            return
        try:
            self._take(state)
        except FileNotFoundError:
            state.tried, state.problem = True, "it was gone before it could be hashed"
        except PermissionError:
            state.tried, state.problem = True, "it cannot be read"
        except (OSError, ReenactError) as error:
            # Such as no space left: `conclude` tries once more.
            state.problem = str(error)

    def _take(self, state: InputState) -> None:
        before = os.stat(self.place(state.location))
        if not stat.S_ISREG(before.st_mode):
            state.ignore = True
            return
        if state.st is not None and _identity(before) != state.st:
            state.tried, state.problem = True, _changed(state.st, before)
            return
        if state.bytecode and state.st is None and not _compiled_from(self.place(state.bytecode), before):
            state.tried, state.problem = True, "the source is newer than the bytecode that was loaded"
            return
        small = before.st_size <= SMALL
        room = self._small_count < SMALL_COUNT and self._small_bytes + before.st_size <= SMALL_TOTAL
        if state.code or (small and room):
            digest, size = self._blobs.put_file(self.place(state.location))
            if not state.code:
                self._small_count += 1
                self._small_bytes += size
        else:
            digest, size = self._hasher.hash(self.place(state.location))[:2]
        after = os.stat(self.place(state.location))
        state.tried = True
        if _identity(after) != _identity(before):
            state.problem = _changed(_identity(before), after)
            return
        state.digest, state.size, state.mtime_ns = digest, size, before.st_mtime_ns
        state.mode = stat.S_IMODE(before.st_mode)
        self._note(state)

    def conclude(self, state: InputState) -> tuple[CodeFile | InputFile | None, Gap | None]:
        """The entry of a file in the record, and what is missing from it."""
        if state.ignore:
            return None, None
        if state.digest is None and state.pre:
            self._take_copy(state)
        name = self.places.relative(state.path)
        if state.code:
            if state.digest is None:
                return None, Gap("code-not-stored", f"{name}: {state.problem}", replay=True)
            return CodeFile(name, state.digest, state.size, state.mode), None
        gap = None
        if state.digest is None:
            size, mtime_ns = (state.st[1], state.st[2]) if state.st else (0, 0)
            slug = "input-changed-while-running" if state.problem.startswith("it changed") else "input-not-hashed"
            gap = Gap(slug, f"{name}: {state.problem}", replay=True)
            return InputFile(name, None, size, mtime_ns, state.how), gap
        return InputFile(name, state.digest, state.size, state.mtime_ns, state.how, state.mode), None

    def output(self, path: str, how: str, existed: bool) -> tuple[OutputFile | None, Gap | None]:
        """Store a file that the run wrote, as it is now; nothing when it is gone or not a regular file."""
        name = self.places.relative(path)
        try:
            if not stat.S_ISREG(os.stat(self.place(path)).st_mode):
                return None, None
            digest, size = self._blobs.put_file(self.place(path))
        except FileNotFoundError:
            return None, None
        except (OSError, ReenactError) as error:
            return None, Gap("output-not-stored", f"{name}: {error}")
        return OutputFile(name, digest, size, how, existed), None

    def _take_copy(self, state: InputState) -> None:
        copy = self._run_dir / layout.PRE / str(state.pre)
        try:
            state.digest, state.size = self._blobs.put_file(copy)
            state.mtime_ns = state.st[2] if state.st else 0
            if os.path.exists(self.place(state.location)):
                state.mode = stat.S_IMODE(os.stat(self.place(state.location)).st_mode)
            self._note(state)
        except (OSError, ReenactError) as error:
            state.problem = f"{state.problem}; its copy from before the change cannot be stored: {error}"

    def _note(self, state: InputState) -> None:
        row = {
            "path": state.path,
            "st": state.st,
            "digest": state.digest,
            "size": state.size,
            "mtime_ns": state.mtime_ns,
            "mode": state.mode,
        }
        try:
            fd = os.open(self._notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            try:
                os.write(fd, json.dumps(row).encode() + b"\n")
            finally:
                os.close(fd)
        except OSError:
            pass  # a note that is missing costs a second hash, after a crash, of this one file


def _key(state: InputState) -> tuple[str, Stat | None]:
    return (state.path, state.st)


def _read_notes(path: Path) -> dict[tuple[str, Stat | None], tuple[str, int, int, int | None]]:
    notes: dict[tuple[str, Stat | None], tuple[str, int, int, int | None]] = {}
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return notes
    for line in lines:
        try:
            row: dict[str, Any] = json.loads(line)
            st = row["st"]
            key = (row["path"], None if st is None else (st[0], st[1], st[2]))
            notes[key] = (row["digest"], row["size"], row["mtime_ns"], row["mode"])
        except (ValueError, KeyError, TypeError, IndexError):
            continue
    return notes


def noted_digests(run_dir: str | os.PathLike[str]) -> set[str]:
    """Digests that an unsealed run has taken so far."""
    return {note[0] for note in _read_notes(Path(run_dir) / layout.COLLECTED).values()}


def _identity(info: os.stat_result) -> Stat:
    return (info.st_ino, info.st_size, info.st_mtime_ns)


def _changed(was: Stat, now: os.stat_result) -> str:
    what = []
    if was[0] != now.st_ino:
        what.append("another file is in its place")
    if was[1] != now.st_size:
        what.append(f"size {was[1]} is now {now.st_size}")
    if was[2] != now.st_mtime_ns:
        what.append("its modification time is another")
    return "it changed after it was read: " + ", ".join(what)


def _compiled_from(bytecode: str, source: os.stat_result) -> bool:
    """True when a ``.pyc`` was compiled from the source as it is now, as far as its header tells (PEP 552)."""
    if not is_bytecode(bytecode):
        return True
    try:
        with open(bytecode, "rb") as file:
            head = file.read(16)
    except OSError:
        return True
    if len(head) < 16 or head[4:8] != b"\0\0\0\0":
        return True  # checked by hash, not by time: the interpreter itself has compared them or was told not to
    mtime = int.from_bytes(head[8:12], "little")
    size = int.from_bytes(head[12:16], "little")
    return mtime == int(source.st_mtime) & 0xFFFFFFFF and size == source.st_size & 0xFFFFFFFF
