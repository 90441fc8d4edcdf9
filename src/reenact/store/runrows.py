"""What the index lists of one run: read from its folder, and as a row of a listing."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Union

import msgspec
from msgspec import Raw, Struct

from ..errors import ReenactError
from ..record import layout
from ..record.canonical import canonical_json
from ..record.labels import Labels, read_labels
from ..record.schema import SCHEMA, Manifest, Metric, load_manifest, load_start
from ..record.status import StatusInfo, run_status
from ..record.trials import command_of
from ..record.verdicts import read_verdicts

_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True)
class RunRow:
    """One run of a listing. Durations in seconds; ``metrics`` maps a name to {last, min, max, count, first}."""

    id: str
    name: str | None
    experiment: str | None
    tags: list[str]
    status: str
    exit_code: int | None
    started: str
    ended: str | None
    duration: float | None
    params: dict[str, Any]
    metrics: dict[str, dict[str, Any]]
    recipe: str | None
    result: str | None
    complete: bool
    verdicts: list[dict[str, Any]]
    command: list[str]
    note: str | None
    replay_of: str | None
    sweep: str | None
    resumes: str | None
    detail: str


class Found(NamedTuple):
    """What a run folder says. ``row`` has the columns of ``runs`` but stamp and seq; ``settled``: only a change of the folder's time
    can tell another thing; ``going``: its params and metrics are not told here, see `following`.
    """

    id: str
    settled: bool
    going: bool
    row: dict[str, Any]
    tags: list[str]
    params: str
    metrics: str
    verdicts: str
    param_rows: list[tuple[str, float | None, str]]
    metric_rows: list[tuple[str, float | None, float | None, float | None, int, float | None]]


class _Resources(Struct, gc=False):
    wall: Union[float, None] = None


class _Command(Struct, gc=False):
    kind: str
    argv: list[str]


class _Config(Struct, gc=False):
    kind: str
    overrides: list[str] = []


class _TrialOf(Struct, gc=False):
    run: str


class _Metric(Struct, gc=False):
    last: Union[float, str]
    min: Union[float, str, None]
    max: Union[float, str, None]
    count: int
    first: Union[float, str]


class _Listed(Struct, gc=False):
    """What of a manifest is listed: reading these fields alone takes a tenth of the time."""

    schema: int
    run: str
    name: Union[str, None]
    experiment: Union[str, None]
    tags: list[str]
    note: Union[str, None]
    status: str
    exit_code: Union[int, None]
    started: str
    ended: Union[str, None]
    command: _Command
    params: Raw
    metrics: Raw
    resources: _Resources
    complete: bool
    recipe: str
    result: str
    replay_of: Union[str, None]
    configs: list[_Config] = []
    trial_of: Union[_TrialOf, None] = None
    resumes: Union[str, None] = None


_listed = msgspec.json.Decoder(_Listed).decode
_params = msgspec.json.Decoder(dict[str, Any]).decode
_metrics = msgspec.json.Decoder(dict[str, _Metric]).decode
_labels = msgspec.json.Decoder(Labels).decode


def read_run(folder: Path, seal: Callable[[str], Any], problems: dict[str, str]) -> Found | None:
    """What a run folder says; None when no run has begun there.

    Args:
        folder: the run folder.
        seal: called with the id of a run that was interrupted and is not sealed.
        problems: gets what is wrong with the run, by its id.
    """
    place = os.fspath(folder)
    try:
        with open(f"{place}/{layout.MANIFEST}", "rb") as file:
            return _sealed(folder, place, file.read())
    except (OSError, msgspec.MsgspecError, UnicodeError, ValueError):
        return _other(folder, seal, problems)


def _sealed(folder: Path, place: str, data: bytes) -> Found:
    manifest = _listed(data)
    if manifest.schema != SCHEMA:
        raise ValueError
    params = _params(manifest.params)
    metrics = _metrics(manifest.metrics)
    labels = Labels(manifest.name, manifest.tags, manifest.note)
    try:
        with open(f"{place}/{layout.LABELS}", "rb") as file:
            labels = _labels(file.read())
    except FileNotFoundError:
        pass
    except (OSError, msgspec.MsgspecError, UnicodeError):
        labels = read_labels(folder)
    row = {
        "id": folder.name,
        "replay_of": manifest.replay_of,
        "sweep": manifest.trial_of.run if manifest.trial_of is not None else None,
        "resumes": manifest.resumes,
        "name": labels.name,
        "experiment": manifest.experiment,
        "status": manifest.status,
        "detail": "",
        "exit_code": manifest.exit_code,
        "started": manifest.started,
        "ended": manifest.ended,
        "duration": manifest.resources.wall,
        "recipe": manifest.recipe,
        "result": manifest.result,
        "complete": int(manifest.complete),
        "note": labels.note,
        "command": words_text(command_of(manifest)),  # type: ignore[arg-type]
    }
    return Found(
        folder.name,
        True,
        False,
        {key: storable(value) for key, value in row.items()},
        [storable(tag) for tag in labels.tags],
        bytes(manifest.params).decode(),
        bytes(manifest.metrics).decode(),
        _verdicts(folder) if os.path.isdir(f"{place}/{layout.VERDICTS}") else "[]",
        [(storable(name), *_number_and_text(value)) for name, value in params.items()],
        [
            (storable(name), _real(m.last), _real(m.min), _real(m.max), m.count, _real(m.first))
            for name, m in metrics.items()
        ],
    )


def _other(folder: Path, seal: Callable[[str], Any], problems: dict[str, str]) -> Found | None:
    """A run that is not sealed, whose manifest is of another version, corrupt, or has something odd in it."""
    if not (folder / layout.START).exists() and not (folder / layout.MANIFEST).exists():
        return None
    run_id = folder.name
    status = run_status(folder)
    if not status.sealed and status.status not in ("running", "unreadable"):
        try:
            seal(run_id)
            status = run_status(folder)
        except (ReenactError, OSError) as error:
            problems[run_id] = str(error)
    labels = read_labels(folder)
    row: dict[str, Any] = {"id": run_id, "name": labels.name, "note": labels.note, "complete": 0, "command": "[]"}
    row.update(status=status.status, detail=status.detail, started="")
    for key in ("replay_of", "sweep", "resumes", "experiment", "exit_code", "ended", "duration", "recipe", "result"):
        row[key] = None
    manifest = None
    try:
        if status.sealed:
            manifest = load_manifest(folder / layout.MANIFEST)
            _describe(row, manifest)
        else:
            _describe_start(row, folder, status)
    except ReenactError as error:
        row.update(status="unreadable", detail=error.what)
        problems[run_id] = error.what
    row["started"] = row["started"] or _time_of(run_id)
    found = Found(
        run_id,
        manifest is not None,
        status.status == "running",
        {key: storable(value) for key, value in row.items()},
        [storable(tag) for tag in labels.tags],
        *("{}", "{}"),
        _verdicts(folder) if manifest is not None else "[]",
        *([], []),
    )
    return found if manifest is None else with_values(found, manifest.params, manifest.metrics)


def with_values(found: Found, params: dict[str, Any], metrics: dict[str, Metric]) -> Found:
    """With these params and metrics."""
    return found._replace(
        params=canonical_json(params).decode(),
        metrics=canonical_json({name: _plain_metric(metric) for name, metric in metrics.items()}).decode(),
        param_rows=[(storable(name), *_number_and_text(value)) for name, value in params.items()],
        metric_rows=[
            (storable(name), _real(m.last), _real(m.min), _real(m.max), m.count, _real(m.first))
            for name, m in metrics.items()
        ],
    )


def _describe(row: dict[str, Any], manifest: Manifest) -> None:
    row.update(
        experiment=manifest.experiment,
        exit_code=manifest.exit_code,
        started=manifest.started,
        ended=manifest.ended,
        duration=manifest.resources.wall,
        recipe=manifest.recipe,
        result=manifest.result,
        complete=int(manifest.complete),
        command=words_text(command_of(manifest)),
        replay_of=manifest.replay_of,
        sweep=manifest.trial_of.run if manifest.trial_of is not None else None,
        resumes=manifest.resumes,
    )


def _describe_start(row: dict[str, Any], folder: Path, status: StatusInfo) -> None:
    start = load_start(folder / layout.START)
    row.update(experiment=start.experiment, started=start.started, replay_of=start.replay_of, resumes=start.resumes)
    row["command"] = words_text(start.argv)


def _verdicts(folder: Path) -> str:
    told = [
        {
            "verdict": verdict.verdict,
            "candidate": verdict.candidate,
            "when": verdict.when,
            "fresh_entropy": verdict.fresh_entropy,
        }
        for verdict in read_verdicts(folder)
    ]
    return canonical_json(told).decode() if told else "[]"


def _plain_metric(metric: Metric) -> dict[str, Any]:
    return {"last": metric.last, "min": metric.min, "max": metric.max, "count": metric.count, "first": metric.first}


def run_row(run: tuple[Any, ...], details: tuple[Any, ...]) -> RunRow:
    """The row of a listing.

    Args:
        run: columns of ``runs``, in the order of `COLUMNS`.
        details: tags, params, metrics and verdicts as text.

    Raises:
        ValueError: a text is no JSON: the cache is corrupt.
    """
    values = dict(zip(COLUMNS, run))
    values["command"] = decoded(values["command"])
    values["complete"] = bool(values["complete"])
    tags, params, metrics, verdicts = details
    values["tags"] = decoded(tags) if tags != "[]" else []
    values["params"] = decoded(params)
    values["verdicts"] = decoded(verdicts) if verdicts != "[]" else []
    values["metrics"] = found = decoded(metrics)
    if '"nan"' in metrics or 'inf"' in metrics:
        for metric in found.values():
            for key, value in metric.items():
                if isinstance(value, str):
                    metric[key] = float(value)
    row = object.__new__(
        RunRow
    )  # its own __init__ sets twenty frozen fields one by one: half of the time of a long listing
    row.__dict__.update(values)
    return row


COLUMNS = (
    *("id", "replay_of", "sweep", "resumes", "name", "experiment", "status", "detail", "exit_code", "started", "ended"),
    *("duration", "recipe", "result", "complete", "note", "command"),
)
"""Columns of ``runs`` that a row has, as they are."""


def words_text(words: list[str]) -> str:
    """A command as the index keeps it."""
    return canonical_json(words).decode()


def storable(value: Any) -> Any:
    """Text as SQLite takes it: a lone surrogate, as of an odd file name, becomes its escape."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def decoded(text: str) -> Any:
    """What a JSON text of the index says. Raises ValueError."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeError):  # the escapes of a name that is no UTF-8
        return json.loads(text)


def _number_and_text(value: Any) -> tuple[float | None, str]:
    if isinstance(value, bool):
        return float(value), "true" if value else "false"
    if isinstance(value, (int, float)):
        return _real(value), repr(value)
    return None, storable(value) if isinstance(value, str) else canonical_json(value).decode()


def _real(value: float | str | None) -> float | None:
    # SQLite has no NaN: it becomes NULL, which no comparison matches, as with NaN itself.
    try:
        number = None if value is None else float(value)
    except OverflowError:
        return math.copysign(math.inf, value) if isinstance(value, int) else None
    return None if number is None or number != number else number


def _time_of(run_id: str) -> str:
    """When a run whose record cannot be read began, from its id."""
    return f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}T{run_id[9:11]}:{run_id[11:13]}:{run_id[13:15]}.000Z"
