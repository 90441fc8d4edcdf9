"""The record of one run as msgspec Structs. ``docs/record.md`` tells every field, and a test compares the two."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from ..errors import EXIT_NOT_REPLAYABLE, ReenactError
from .atomic import write_atomic
from .canonical import canonical_json

SCHEMA = 1
# History of the schema number, which start.json and manifest.json share:
# 1: the first one.

UPGRADES: dict[tuple[int, int], Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""``{(n, n + 1): function}``: each takes a manifest of schema n as a plain dict and returns it in schema n + 1."""

Status = Literal["finished", "failed", "interrupted"]
Kind = Literal["script", "module", "command"]
T = TypeVar("T")


class Override(Struct, frozen=True, kw_only=True):
    """A constant of the program that the command line changed for this run."""

    name: str
    value: Any
    default: Any
    word: str
    file: str
    line: int
    start: int
    end: int
    text: str


class ProcessInfo(Struct, frozen=True):
    """A process, told apart from a later one with the same pid."""

    pid: int
    start_ticks: int | None = None


class HashSeed(Struct, frozen=True):
    """PYTHONHASHSEED of the run."""

    value: str
    chosen: bool


class Start(Struct, frozen=True, kw_only=True):
    """start.json."""

    schema: int = SCHEMA
    run: str
    name: str | None = None
    experiment: str | None = None
    tags: list[str] = []
    note: str | None = None
    argv: list[str]
    kind: Kind
    root: str
    cwd: str
    env: dict[str, str] = {}
    redacted: list[str] = []
    options: dict[str, Any] = {}
    started: str
    host: str
    boot_id: str | None = None
    supervisor: ProcessInfo
    replay_of: str | None = None
    resumes: str | None = None
    user: str | None = None
    hash_seed: HashSeed | None = None
    overrides: list[Override] = []
    container: dict[str, Any] | None = None


class Resources(Struct, frozen=True):
    """What the command used, the descendants that were waited for included."""

    wall: float | None = None
    user: float | None = None
    system: float | None = None
    peak_rss: int | None = None


class End(Struct, frozen=True, kw_only=True):
    """end.json."""

    exit_code: int | None
    signal: int | None = None
    wall: float | None = None
    user: float | None = None
    system: float | None = None
    peak_rss: int | None = None
    ended: str
    problems: list[str] = []


class Command(Struct, frozen=True, kw_only=True):
    kind: Kind
    argv: list[str]
    cwd: str
    root: str
    interpreter: str | None
    flags: dict[str, Any]
    env: dict[str, str]
    redacted: list[str]
    user: str | None
    host: str


class CodeFile(Struct, frozen=True):
    path: str
    digest: str
    size: int
    mode: int | None = None


class Git(Struct, frozen=True):
    commit: str | None = None
    branch: str | None = None
    remote: str | None = None
    dirty: bool = False
    patch: str | None = None
    untracked: list[str] = []
    left_out: list[dict[str, Any]] = []
    submodules: list[dict[str, Any]] = []
    toplevel: str | None = None


class Code(Struct, frozen=True):
    files: list[CodeFile] = []
    git: Git | None = None


class InputFile(Struct, frozen=True):
    path: str
    digest: str | None
    size: int
    mtime_ns: int
    how: str
    mode: int | None = None


class Listing(Struct, frozen=True):
    path: str
    entries: list[str]
    beside: bool = False


class OutputFile(Struct, frozen=True):
    path: str
    digest: str
    size: int
    how: str
    existed: bool = False


class Distribution(Struct, frozen=True):
    name: str
    version: str
    fingerprint: str | None = None
    tag: str | None = None
    editable: bool = False
    url: str | None = None
    vcs: Any = None
    location: str | None = None


class Environment(Struct, frozen=True):
    python: dict[str, Any] = {}
    distributions: list[Distribution] = []
    lock: str | None = None
    platform: dict[str, Any] = {}
    cpu: dict[str, Any] = {}
    gpus: list[dict[str, Any]] = []
    libraries: dict[str, dict[str, Any]] = {}
    variables: dict[str, Any] = {}


class Seed(Struct, frozen=True):
    lib: str
    fn: str
    value: Any
    site: str | None
    origin: str
    process: str


class Entropy(Struct, frozen=True):
    hash_seed: HashSeed | None = None
    seeds: list[Seed] = []
    draws: int = 0
    states: int = 0
    unseeded: list[str] = []
    journal: list[str] = []


class Schedule(Struct, frozen=True, rename={"start": "from"}):
    start: int
    stride: int


class Trace(Struct, frozen=True):
    process: str
    rank: int | None
    path: str
    digest: str
    events: int
    steps: int
    core: str
    schedule: list[Schedule] = []


class Metric(Struct, frozen=True):
    last: float
    min: float | None
    max: float | None
    count: int
    first: float


class MediaSummary(Struct, frozen=True):
    """What was logged under one name besides numbers."""

    kind: str
    count: int
    bytes: int
    step: int


class MediaFile(Struct, frozen=True):
    """A file of the run folder's ``media``."""

    path: str
    digest: str
    size: int


class RecordedProcess(Struct, frozen=True):
    process: str
    pid: int | None
    role: str
    argv: list[str]
    complete: bool


class Hazard(Struct, frozen=True):
    id: str
    detail: str
    site: str | None
    process: str


class Gap(Struct, frozen=True):
    id: str
    detail: str
    process: str | None = None
    replay: bool = False


class Log(Struct, frozen=True):
    path: str
    digest: str
    size: int


class Origin(Struct, frozen=True):
    """Where the value of a param came from."""

    kind: Literal[
        "optimizer", "constant", "default", "environment", "config", "choice", "override", "argument", "imported"
    ]
    where: str | None = None
    default: Any = None


class Config(Struct, frozen=True, kw_only=True):
    """One config that Hydra composed: of a job, or of a call of the Compose API."""

    kind: Literal["job", "compose"]
    process: str
    number: int
    path: str
    digest: str
    job: str | None = None
    num: int | None = None
    config_name: str | None = None
    overrides: list[str] = []
    choices: dict[str, Any] = {}
    sources: list[dict[str, Any]] = []
    files: list[str] = []
    version: str | None = None
    version_base: str | None = None
    launcher: str | None = None
    mode: str | None = None
    output_dir: str | None = None
    logs: list[str] = []
    status: Literal["completed", "failed", "ended", "unknown"] = "unknown"
    error: dict[str, str] | None = None
    unused: list[str] | None = None
    params: dict[str, Any] = {}


class Trial(Struct, frozen=True, kw_only=True):
    """One point of a sweep, in the manifest of the sweep."""

    job: int
    run: str | None
    overrides: list[str]
    status: Literal["completed", "failed", "ended", "unknown", "missing"]
    returned: Any = None


class TrialOf(Struct, frozen=True):
    """Which job of which sweep a run is."""

    run: str
    job: int


class Manifest(Struct, frozen=True, kw_only=True):
    """manifest.json."""

    schema: int = SCHEMA
    run: str
    name: str | None
    experiment: str | None
    tags: list[str]
    note: str | None
    status: Status
    exit_code: int | None
    signal: int | None
    started: str
    ended: str | None
    command: Command
    code: Code
    params: dict[str, Any]
    origins: dict[str, Origin] = {}
    overrides: list[Override] = []
    configs: list[Config] = []
    trials: list[Trial] = []
    trial_of: TrialOf | None = None
    resumes: str | None = None
    imported: dict[str, Any] | None = None
    inputs: list[InputFile]
    listings: list[Listing]
    outputs: list[OutputFile]
    outside: list[str]
    made: list[str]
    removed: list[str]
    temporary: int
    environment: Environment
    entropy: Entropy
    settings: dict[str, Any]
    container: dict[str, Any] | None = None
    traces: list[Trace]
    metrics: dict[str, Metric]
    media: dict[str, MediaSummary] = {}
    media_files: list[MediaFile] = []
    resources: Resources
    processes: list[RecordedProcess]
    hazards: list[Hazard]
    gaps: list[Gap]
    complete: bool
    recipe: str
    result: str
    replay_of: str | None
    log: Log | None


def upgrade(
    data: dict[str, Any],
    target: int = SCHEMA,
    upgrades: dict[tuple[int, int], Callable[[dict[str, Any]], dict[str, Any]]] | None = None,
) -> dict[str, Any]:
    """Bring a manifest's plain dict from the schema it has to ``target``, one number at a time.

    Raises:
        ValueError: it has no schema number, a newer one, or one that no upgrade leads on from.
    """
    table = UPGRADES if upgrades is None else upgrades
    number = data.get("schema")
    if not isinstance(number, int):
        raise ValueError("it has no schema number")
    if number > target:
        raise ValueError(f"its schema is {number}; this reenact knows up to {target}. A newer reenact reads it")
    while number < target:
        step = table.get((number, number + 1))
        if step is None:
            raise ValueError(f"no upgrade leads from schema {number} to {number + 1}")
        data = {**step(data), "schema": number + 1}
        number += 1
    return data


def load_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Read a manifest.json of any known schema.

    Raises:
        ReenactError: ``corrupt-manifest`` (exit code 3), naming the file, when it is missing, torn, not JSON, or not
            a manifest.
    """
    try:
        data = upgrade(_read_object(path))
        for metric in data.get("metrics", {}).values():
            for key, value in metric.items():
                if isinstance(value, str):  # "nan", "inf", "-inf": JSON has no such numbers
                    metric[key] = float(value)
        return msgspec.convert(data, Manifest)
    except (OSError, ValueError, AttributeError) as error:
        raise _corrupt("corrupt-manifest", path, error) from error


def load_start(path: str | os.PathLike[str]) -> Start:
    """Read start.json. Raises ReenactError ``corrupt-start`` naming the file."""
    return _load(path, Start, "corrupt-start")


def load_end(path: str | os.PathLike[str]) -> End | None:
    """Read end.json; None when there is none. Raises ReenactError ``corrupt-end`` naming the file."""
    return _load(path, End, "corrupt-end") if os.path.exists(path) else None


def load_process(path: str | os.PathLike[str]) -> ProcessInfo | None:
    """Read process.json; None when there is none. Raises ReenactError ``corrupt-process`` naming the file."""
    return _load(path, ProcessInfo, "corrupt-process") if os.path.exists(path) else None


def write_struct(path: str | os.PathLike[str], struct: Struct) -> None:
    """Write a Struct as canonical JSON, atomically. Raises ReenactError as `write_atomic` does."""
    write_atomic(path, canonical_json(struct))


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes of manifest.json."""
    return canonical_json(manifest)


def _load(path: str | os.PathLike[str], kind: type[T], slug: str) -> T:
    try:
        return msgspec.convert(_read_object(path), kind)
    except (OSError, ValueError) as error:
        raise _corrupt(slug, path, error) from error


def _read_object(path: str | os.PathLike[str]) -> dict[str, Any]:
    # json, not msgspec.json: it accepts the lone surrogates of file names that are not UTF-8.
    data = json.loads(Path(path).read_bytes())
    if not isinstance(data, dict):
        raise ValueError("it is not a JSON object")
    return data


def _corrupt(slug: str, path: str | os.PathLike[str], error: Exception) -> ReenactError:
    return ReenactError(
        slug,
        f"cannot read {os.fspath(path)}: {error}",
        fix="restore the file from a copy, or remove the run with `reenact rm`",
        exit_code=EXIT_NOT_REPLAYABLE,
    )
