"""A run that something else recorded, as a run folder: through the same sealing as any other, and marked as imported.

Nothing was watched when it ran, so nothing of it can be proven: the record says so in a gap, and ``verify`` refuses it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..errors import ReenactError
from ..record import layout
from ..record.atomic import tmp_name, write_atomic
from ..record.ids import iso_time
from ..record.schema import End, Start, load_manifest, write_struct
from ..record.status import boot_id, this_process
from ..store.index import Index
from ..store.project import Store

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_LINES_AT_ONCE = 10_000
_WORDS = {math.inf: "Infinity", -math.inf: "-Infinity"}


class Point(NamedTuple):
    """One value; ``time`` in seconds since the run began, None where it is not known."""

    name: str
    step: int | None
    value: float
    time: float | None


@dataclass
class Foreign:
    """A run as its source tells of it.

    Attributes:
        source: ``mlflow``, ``hydra-outputs``, ``tensorboard``, ``wandb-offline``.
        id: what it is called there; the same run always has the same.
        place: where it was found, for people.
        status: ``finished``, ``failed`` or ``interrupted``.
        started, ended: with time zones; ``ended`` None where it is not known.
        points: read once, when it is written.
        log: what it printed.
        files: its outputs: path relative to the project, and where the bytes are.
        more: what else the source tells, for the manifest's ``imported``.
    """

    source: str
    id: str
    place: str
    started: datetime
    status: str = "finished"
    ended: datetime | None = None
    name: str | None = None
    experiment: str | None = None
    tags: list[str] = field(default_factory=list)
    note: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    points: Iterable[Point] = ()
    argv: list[str] = field(default_factory=list)
    user: str | None = None
    host: str | None = None
    log: Path | None = None
    files: list[tuple[str, Path]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)


def run_id(foreign: Foreign, attempt: int = 0) -> str:
    """The id that an imported run has here, by when it started and what it is called where it comes from."""
    digest = hashlib.sha256(f"{foreign.source}\0{foreign.id}\0{attempt}".encode("utf-8", "surrogatepass")).digest()
    when = foreign.started.astimezone(timezone.utc)
    return f"{when:%Y%m%d-%H%M%S}-{''.join(_ALPHABET[byte & 31] for byte in digest[:4])}"


def find(store: Store, foreign: Foreign) -> tuple[str, bool]:
    """The id for a run, and whether it has been imported before."""
    attempt = 0
    while True:
        run = run_id(foreign, attempt)
        folder = store.run_dir(run)
        if not folder.exists():
            return run, False
        if (folder / layout.MANIFEST).exists():
            told = load_manifest(folder / layout.MANIFEST).imported or {}
            if (told.get("from"), told.get("id")) == (foreign.source, foreign.id):
                return run, True
        attempt += 1


def write(store: Store, foreign: Foreign, index: Index | None = None) -> tuple[str, bool]:
    """Make the run folder and seal it.

    Args:
        index: the store's; with it, the run gets the name of `free_name`, which is set in ``foreign``.

    Returns:
        The run's id, and whether it is new; one that was imported before is left alone.

    Raises:
        ReenactError: ``store-not-writable``, ``no-space``.
    """
    run, there = find(store, foreign)
    if there:
        return run, False
    if index is not None:
        foreign.name = free_name(store, index, foreign)
    store.tmp_folder.mkdir(parents=True, exist_ok=True)
    aside = store.tmp_folder / tmp_name(run)
    try:
        aside.mkdir()
        for name in (layout.JOURNAL, layout.TRACE, layout.METRICS):
            (aside / name).mkdir()
        _fill(store, aside, run, foreign)
        os.rename(aside, store.run_dir(run))
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    store.seal(run)
    return run, True


def free_name(store: Store, index: Index, foreign: Foreign) -> str | None:
    """The name for a run: its own, with its source behind it where a run here has it, so that the name means one run as before.

    Names that somebody gave at its source may be the same there, and stay so; TensorBoard knows none, so that its folders' are told apart.
    """

    def taken(name: str) -> bool:
        for brief in index.named(name):
            try:
                told = store.manifest(brief.id).imported or {}
            except ReenactError:
                return True  # it goes on, or is damaged: it is no imported one
            if told.get("from") != foreign.source or foreign.source == "tensorboard":
                return True
        return False

    name, number = foreign.name, 1
    while name and taken(name):
        name = f"{foreign.name} ({foreign.source}{f' {number}' if number > 1 else ''})"
        number += 1
    return name


def _fill(store: Store, folder: Path, run: str, foreign: Foreign) -> None:
    write_points(folder / layout.METRICS / "imported.jsonl", foreign.points)
    if foreign.log is not None:
        shutil.copyfile(foreign.log, folder / layout.LOG)
    outputs = []
    for path, source in foreign.files:
        digest, size = store.blobs.put_file(source)
        outputs.append({"path": path, "digest": digest, "size": size})
    told = {
        "from": foreign.source,
        "id": foreign.id,
        "place": foreign.place,
        **foreign.more,
        "params": foreign.params,
        "outputs": outputs,
    }
    write_atomic(folder / layout.IMPORTED, json.dumps(told, default=str).encode("utf-8", "surrogatepass"))
    codes: dict[str, tuple[int, int | None]] = {"finished": (0, None), "failed": (1, None)}
    code, number = codes.get(foreign.status, (143, 15))
    wall = (foreign.ended - foreign.started).total_seconds() if foreign.ended else None
    if foreign.ended is not None or foreign.status != "interrupted":
        ended = foreign.ended or foreign.started
        write_struct(
            folder / layout.END,
            End(exit_code=code, signal=number, wall=wall if wall is None else max(0.0, wall), ended=iso_time(ended)),
        )
    start = Start(
        run=run,
        name=foreign.name,
        experiment=foreign.experiment,
        tags=list(dict.fromkeys(foreign.tags)),
        note=foreign.note,
        argv=foreign.argv or [f"({foreign.source})"],
        kind="command",
        root=str(store.root),
        cwd=str(store.root),
        started=iso_time(foreign.started),
        host=platform.node(),
        boot_id=boot_id(),
        supervisor=this_process(),
        user=foreign.user,
    )
    write_atomic(folder / layout.START, msgspec.json.format(msgspec.json.encode(start), indent=1))


def write_points(path: Path, points: Iterable[Point]) -> None:
    """Write a metrics file; nothing where there are no points."""
    lines = _lines(points)
    first = next(lines, None)
    if first is not None:
        with open(path, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(first)
            file.writelines(lines)


def _lines(points: Iterable[Point]) -> Iterator[str]:
    lines: list[str] = []
    for point in points:
        value: float | str = point.value
        if not math.isfinite(point.value):
            value = _WORDS.get(point.value, "NaN")
        line: dict[str, Any] = {"n": point.name, "s": point.step, "v": value}
        if point.time is not None:
            line["t"] = point.time
        lines.append(json.dumps(line, separators=(",", ":")) + "\n")
        if len(lines) == _LINES_AT_ONCE:
            yield "".join(lines)
            lines = []
    if lines:
        yield "".join(lines)


def seconds(milliseconds: float) -> datetime:
    """A time in milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)


def nothing(what: str, place: str, valid: str) -> ReenactError:
    """There is nothing to import."""
    return ReenactError("nothing-to-import", f"there is no {what} in {place}", valid=valid)
