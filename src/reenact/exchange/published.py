"""Runs as text for git: a folder that people read on a forge, and that ``reenact import published`` reads back.

    README.md                     a table of all runs in it
    runs/<run>/manifest.json      the record; of the shell's variables only those that the program looked up
               metrics.jsonl      every point, or of long series those that draw the same curve
               log.txt            the end of what it printed
               pylock.toml  config/<n>.yaml
               published.json     what was left out; the outcome of each verification

The bytes depend on the records only: publishing again changes nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ..errors import ReenactError
from ..record import layout, series
from ..record.atomic import tmp_name, write_atomic
from ..record.canonical import canonical_json, digest_bytes
from ..record.ids import RUN_ID
from ..record.labels import Labels, read_labels, write_labels
from ..record.schema import Gap, Log, Manifest, Start, load_manifest, write_struct
from ..record.status import this_process
from ..record.verdicts import read_verdicts
from ..store.project import Store
from .writer import Point, nothing, write_points

WHOLE = 1000
"""Points up to which a series is published whole."""

LOG_BYTES = 16_384
"""How much of the end of a log is published."""

_COLUMNS = 6
_MANIFEST, _METRICS, _NOTES = "manifest.json", "metrics.jsonl", "published.json"
_ABOUT = ("verdict", "baseline", "candidate", "who", "when", "steps_compared", "tolerance", "fresh_entropy")
"""What is published of a verdict."""
_CONTROL = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class Published:
    """What a folder holds: ``runs`` that were written now, ``there`` in all, ``size`` of all of it in bytes."""

    runs: list[str]
    there: int
    size: int


def publish(store: Store, runs: Iterable[str], folder: Path) -> Published:
    """Write runs into a folder, and its table of all runs.

    Raises:
        ReenactError: ``not-sealed`` for a run that goes on; ``store-not-writable``, ``no-space``.
    """
    written = []
    sealed = [(run, store.manifest(run)) for run in runs]
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    for run, manifest in sealed:
        _publish(store, run, manifest, folder / "runs" / run)
        written.append(run)
    found = _there(folder)
    write_atomic(folder / "README.md", _table(found).encode("utf-8", "backslashreplace"))
    size = sum(path.stat().st_size for path in _files(folder))
    return Published(written, len(found), size)


def _files(folder: Path) -> Iterator[Path]:
    yield folder / "README.md"
    yield from (path for path in (folder / "runs").rglob("*") if path.is_file())


def _publish(store: Store, run: str, manifest: Manifest, place: Path) -> None:
    folder = store.run_dir(run)
    aside = place.parent / tmp_name(run)
    aside.mkdir()
    try:
        labels = read_labels(folder) if (folder / layout.LABELS).exists() else None
        command = msgspec.structs.replace(manifest.command, env={})
        if labels is not None:
            manifest = msgspec.structs.replace(manifest, name=labels.name, tags=labels.tags, note=labels.note)
        (aside / _MANIFEST).write_bytes(canonical_json(msgspec.structs.replace(manifest, command=command)) + b"\n")
        every = series.read(folder)
        write_points(aside / _METRICS, _points(every))
        log = _tail(folder / layout.LOG)
        if log is not None:
            (aside / layout.LOG).write_bytes(log)
        if (folder / layout.PYLOCK).exists():
            shutil.copyfile(folder / layout.PYLOCK, aside / layout.PYLOCK)
        if (folder / layout.CONFIG).is_dir():
            shutil.copytree(folder / layout.CONFIG, aside / layout.CONFIG)
        verdicts = list(_verdicts(folder))
        standing = [one["predicate"] for one in verdicts if not one["predicate"].get("fresh_entropy")]
        notes = {
            "schema": 1,
            "points": {name: len(one) for name, one in sorted(every.items()) if len(one) > WHOLE},
            "log": manifest.log.size if manifest.log is not None else None,
            "verdict": standing[-1].get("verdict") if standing else None,
            "verdicts": verdicts,
        }
        (aside / _NOTES).write_bytes(canonical_json(notes) + b"\n")
        if place.exists():
            shutil.rmtree(place)
        os.rename(aside, place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _verdicts(folder: Path) -> Iterator[dict[str, Any]]:
    """The attestations of a run, oldest first; of what was compared only the outcome: differences may tell what is not published."""
    for verdict in read_verdicts(folder):
        try:
            statement = json.loads((folder / layout.VERDICTS / f"{verdict.candidate}.json").read_bytes())
            told = statement["predicate"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # somebody has renamed it
        short = {name: told[name] for name in _ABOUT if name in told}
        yield {**statement, "predicate": {**short, "machine": {"host": verdict.machine.get("host")}}}


def _unpack_verdicts(notes: dict[str, Any], folder: Path) -> None:
    """Write the attestations as they were: their subject is the manifest that was verified. What is none is passed over."""
    told = notes.get("verdicts")
    for statement in told if isinstance(told, list) else ():
        predicate = statement.get("predicate") if isinstance(statement, dict) else None
        candidate = predicate.get("candidate") if isinstance(predicate, dict) else None
        if isinstance(candidate, str) and RUN_ID.fullmatch(candidate):
            (folder / layout.VERDICTS).mkdir(exist_ok=True)
            write_atomic(folder / layout.VERDICTS / f"{candidate}.json", canonical_json(statement))


def _points(every: dict[str, series.Series]) -> Iterator[Point]:
    for name in sorted(every):
        one = series.downsample(every[name], WHOLE)
        for at, value in enumerate(one.values):
            time = one.times[at] if one.times is not None else None
            yield Point(name, one.steps[at], value, None if time is None or time != time else time)


def _tail(path: Path) -> bytes | None:
    """The last whole lines of a log, without what moves the cursor of a terminal."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if len(data) > LOG_BYTES:
        data = data[-LOG_BYTES:]
        data = data[data.find(b"\n") + 1 :]
    lines = [line.rstrip(b"\r").rpartition(b"\r")[2] for line in data.split(b"\n")]
    return _CONTROL.sub(b"", b"\n".join(lines))


def _there(folder: Path) -> list[tuple[Manifest, dict[str, Any]]]:
    """The runs that a folder holds, oldest first; what is no run is passed over."""
    found = []
    for path in (folder / "runs").glob(f"*/{_MANIFEST}"):
        if RUN_ID.fullmatch(path.parent.name):
            manifest = load_manifest(path)
            if manifest.run == path.parent.name:
                found.append((manifest, _notes(path.parent)))
    # Ids have seconds only.
    return sorted(found, key=lambda one: (one[0].started, one[0].run))


def _notes(place: Path) -> dict[str, Any]:
    try:
        data = json.loads((place / _NOTES).read_bytes())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _table(found: list[tuple[Manifest, dict[str, Any]]]) -> str:
    """README.md: the params that differ and the metrics that most runs have."""
    values: dict[str, Counter[str]] = {}
    for manifest, _ in found:
        for name, value in manifest.params.items():
            values.setdefault(name, Counter())[_text(value)] += 1
    differ = [name for name, seen in values.items() if len(seen) > 1 or 0 < sum(seen.values()) < len(found)]
    params = sorted(differ, key=lambda name: (-sum(values[name].values()), name))[:_COLUMNS]
    counts = Counter(
        name for manifest, _ in found for name in manifest.metrics if not name.startswith(("system/", "log/"))
    )
    metrics = sorted(counts, key=lambda name: (-counts[name], name))[:_COLUMNS]
    heads = ["run", "name", "experiment", "status", "verdict", *params, *metrics]
    rows = [
        [
            f"[{manifest.run}](runs/{manifest.run}/)",
            manifest.name or "",
            manifest.experiment or "",
            manifest.status,
            str(notes.get("verdict") or ""),
            *(_text(manifest.params[name]) if name in manifest.params else "" for name in params),
            *(f"{manifest.metrics[name].last:.6g}" if name in manifest.metrics else "" for name in metrics),
        ]
        for manifest, notes in reversed(found)
    ]
    lines = [
        "# Runs",
        "",
        "Written by `reenact publish`; `reenact import published` reads it back. The newest run is first.",
        "",
        _row(heads),
        _row(["---"] * len(heads)),
        *(_row(row) for row in rows),
        "",
    ]
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 40 else text[:39] + "…"


def read_back(store: Store, folder: Path) -> Iterator[tuple[str, bool]]:
    """Make run folders of the runs that a folder holds.

    Returns:
        The id of each, and whether it is new; one that the store has already is left alone.

    Raises:
        ReenactError: ``nothing-to-import``, ``corrupt-manifest``.
    """
    empty = True
    for manifest, notes in _there(folder):
        empty = False
        place = store.run_dir(manifest.run)
        if place.exists():
            yield manifest.run, False
            continue
        store.tmp_folder.mkdir(parents=True, exist_ok=True)
        aside = store.tmp_folder / tmp_name(manifest.run)
        aside.mkdir()
        try:
            _unpack(store, folder / "runs" / manifest.run, aside, manifest, notes, str(folder))
            os.rename(aside, place)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        yield manifest.run, True
    if empty:
        raise nothing("published run", str(folder), "a folder that `reenact publish --git` has written")


def _unpack(store: Store, source: Path, folder: Path, manifest: Manifest, notes: dict[str, Any], place: str) -> None:
    for name in (layout.JOURNAL, layout.TRACE, layout.METRICS):
        (folder / name).mkdir()
    for name, target in (
        (_METRICS, f"{layout.METRICS}/imported.jsonl"),
        (layout.LOG, layout.LOG),
        (layout.PYLOCK, layout.PYLOCK),
    ):
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / target)
    for path in (source / layout.CONFIG).glob("*.yaml"):
        (folder / layout.CONFIG).mkdir(exist_ok=True)
        shutil.copyfile(path, folder / layout.CONFIG / path.name)
    command = manifest.command
    start = Start(
        run=manifest.run,
        name=manifest.name,
        experiment=manifest.experiment,
        tags=manifest.tags,
        note=manifest.note,
        argv=command.argv,
        kind=command.kind,
        root=command.root,
        cwd=os.path.join(command.root, command.cwd),
        started=manifest.started,
        host=command.host,
        supervisor=this_process(),
        user=command.user,
    )
    write_struct(folder / layout.START, start)
    _unpack_verdicts(notes, folder)
    write_labels(folder, Labels(manifest.name, manifest.tags, manifest.note))
    gap = Gap(
        "imported",
        "it was read back from what was published: contents, journals and traces are not in this store",
        None,
        True,
    )
    log = None
    if manifest.log is not None and (folder / layout.LOG).exists():
        data = (folder / layout.LOG).read_bytes()
        log = Log(layout.LOG, digest_bytes(data), len(data))
    told = {"from": "published", "id": manifest.run, "place": place, "verdict": notes.get("verdict")}
    told["before"] = manifest.imported
    manifest = msgspec.structs.replace(
        manifest,
        imported={name: value for name, value in told.items() if value is not None},
        traces=[],
        log=log,
        gaps=[gap, *(one for one in manifest.gaps if one.id != "imported")],
        complete=False,
    )
    write_atomic(folder / layout.MANIFEST, canonical_json(manifest))


def refuse_odd(folder: Path) -> None:
    """Raises ReenactError ``not-a-folder`` where something else than a folder of ours would be written over."""
    if folder.exists() and not folder.is_dir():
        raise ReenactError(
            "not-a-folder", f"{folder} is no folder", valid="a folder, which is made where there is none"
        )
    readme = folder / "README.md"
    if readme.exists() and "Written by `reenact publish`" not in readme.read_text(encoding="utf-8", errors="replace"):
        raise ReenactError(
            "not-ours",
            f"{readme} is somebody else's, and would be replaced",
            fix=f"name a folder for the runs alone, such as {folder / 'runs'}",
        )
