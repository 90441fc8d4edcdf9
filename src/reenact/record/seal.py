"""Sealing: from the files that a run left to its manifest, which is written last."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ..errors import ReenactError
from . import digests, imported, layout
from .atomic import exclusive, write_atomic
from .collect import Collected, Collector
from .entropy import summarise_entropy
from .epochs import write_epochs
from .hydra import configs, notices
from .ids import iso_time
from .journal import job_of, process_order, read_journals
from .leftovers import remove_all, sealed_leftovers
from .media import store_media, summaries
from .params import gather
from .params.base import Context
from .points import logged
from .printed import FROM_LOG, write_printed
from .protocols import Blobs, Hasher
from .scan import Scan
from .schema import (
    Code,
    Command,
    End,
    Environment,
    Gap,
    Git,
    Hazard,
    Log,
    Manifest,
    Metric,
    RecordedProcess,
    Resources,
    Start,
    Trace,
    encode_manifest,
    load_end,
    load_manifest,
    load_start,
)
from .status import status_of_end
from .traces import file_digest, rank_of, read_metrics, summarise
from .trials import trials, write_trials
from .typed import hide_typed_secrets

_MOST_METRICS = 10_000  # every listing reads them all

_NOT_WATCHED = ("no-environment", "log-not-searched")
"""Gaps that go without saying for a run that was imported."""

Journals = dict[str, list[dict[str, Any]]]
T = TypeVar("T")
REDACTED = "<redacted>"


def seal(
    run_dir: str | os.PathLike[str],
    root: str | os.PathLike[str],
    blobs: Blobs,
    hasher: Hasher,
    *,
    collector: Collector | None = None,
    environment: dict[str, Any] | None = None,
    git: dict[str, Any] | None = None,
    before_scan: Scan | None = None,
    problems: Iterable[str] = (),
) -> Manifest:
    """Write the manifest of a run that has ended; a sealed run's manifest is returned as it is.

    Safe to call from two processes at once. Whether the run has ended is the caller's to know (`run_status`).

    Args:
        run_dir: the run folder.
        root: the project root.
        blobs: where contents are stored.
        hasher: gives digests of files that are not stored.
        collector: the one that followed the run; a new one when None.
        environment: content of environment.json, which is read when None.
        git: content of source.json, which is read when None.
        before_scan: `scan_tree` of the root from before the command started.
        problems: what went wrong while the command was watched; each becomes a gap.

    Raises:
        ReenactError: ``corrupt-start`` when start.json cannot be read, ``corrupt-manifest`` when the run is sealed and
            its manifest cannot, ``no-space``, ``store-not-writable``.
    """
    folder = Path(run_dir).absolute()
    if (folder / layout.MANIFEST).exists():
        return load_manifest(folder / layout.MANIFEST)
    with exclusive(folder / layout.SEAL_LOCK):
        if (folder / layout.MANIFEST).exists():
            return load_manifest(folder / layout.MANIFEST)
        collector = collector or Collector(folder, root, blobs, hasher, _view_of_nobody(folder))
        journals, gaps = read_journals(folder)
        start = hide_typed_secrets(folder, load_start(folder / layout.START), journals)
        files = collector.finish(before_scan)
        manifest = _build(folder, start, journals, files, blobs, environment, git, problems, gaps)
        if manifest.trials and start.replay_of is None:
            write_trials(folder, start, manifest, journals)
        write_atomic(folder / layout.MANIFEST, encode_manifest(manifest))
    remove_all(sealed_leftovers(folder))
    return manifest


def _build(
    folder: Path,
    start: Start,
    journals: Journals,
    files: Collected,
    blobs: Blobs,
    environment: dict[str, Any] | None,
    git: dict[str, Any] | None,
    problems: Iterable[str],
    unread: Iterable[Gap],
) -> Manifest:
    gaps: list[Gap] = []
    end = _end(folder, gaps)
    gaps.extend(Gap("watching", problem) for problem in (*problems, *(end.problems if end else ())))
    gaps.extend(unread)
    starts = {name: _first(events, "start") for name, events in journals.items()}
    main = next((event for event in starts.values() if event and event.get("main")), None) or starts.get("rank0")
    if start.container is not None and start.container.get("interactive"):
        gaps.append(Gap("stdin-not-recorded", "what was typed or piped in is not in the record"))
    missed = write_printed(folder / layout.LOG, folder / layout.METRICS / "log.jsonl", start.options.get(FROM_LOG, ()))
    gaps.extend([Gap("log-not-searched", missed)] if missed else [])
    write_epochs(journals.get("rank0", ()), folder / layout.METRICS / "epochs.jsonl")
    traces, metrics = _traces(folder, journals, gaps)
    media_files = store_media(folder, blobs, gaps)
    gaps.extend(_gaps(start, end, journals, main))
    gaps.extend(files.gaps)
    env = _environment(folder, environment, start, journals, main, gaps)
    if git is None:
        git = _object(folder / layout.SOURCE)
    for problem in (git or {}).get("problems") or []:
        gaps.append(Gap("source", str(problem)))
    ended = end.ended if end else _last_sign(folder, journals)
    foreign = imported.told(folder)
    if foreign is not None:
        gaps = [imported.gap(foreign), *(gap for gap in gaps if gap.id not in _NOT_WATCHED)]
    context = Context(folder, start, journals)
    params = gather(context)
    composed = configs(context)
    manifest = Manifest(
        run=start.run,
        name=start.name,
        experiment=start.experiment,
        tags=start.tags,
        note=start.note,
        status=status_of_end(end),
        exit_code=end.exit_code if end else None,
        signal=end.signal if end else None,
        started=start.started,
        ended=ended,
        command=_command(start, main),
        code=Code(files.code, _converted(git, Git, "source-unreadable", gaps) if git else None),
        params={name: param.value for name, param in params.items()},
        origins={name: param.origin for name, param in params.items()},
        overrides=start.overrides,
        configs=composed,
        trials=trials(context, start.run),
        resumes=start.resumes,
        imported=imported.summary(foreign) if foreign else None,
        inputs=files.inputs,
        listings=files.listings,
        outputs=[*files.outputs, *(imported.outputs(foreign) if foreign else ())],
        outside=files.outside,
        made=files.made,
        removed=files.removed,
        temporary=files.temporary,
        environment=env,
        entropy=summarise_entropy(folder, start, journals),
        settings=start.options,
        container=start.container,
        traces=traces,
        metrics=metrics,
        media=summaries(folder, lambda process: job_of(process) is None),
        media_files=media_files,
        resources=_resources(start, end, ended, journals),
        processes=[_process(name, starts[name], events) for name, events in journals.items()],
        hazards=_hazards(journals) + notices(context, end.exit_code if end else None),
        gaps=(unique := list(dict.fromkeys(gaps))),
        complete=not unique,
        recipe="",
        result="",
        replay_of=start.replay_of,
        log=_log(folder),
    )
    return msgspec.structs.replace(manifest, recipe=digests.recipe(manifest), result=digests.result(manifest))


class _Gone:
    """The files of a replay whose workspace nobody can look into any more: where it names them, others lie."""

    def __init__(self, folder: Path) -> None:
        self._nowhere = str(folder / "gone")

    def place(self, path: str) -> str:
        return self._nowhere + path

    def scan(self) -> Scan:
        return Scan({}, False)


def _view_of_nobody(folder: Path) -> _Gone | None:
    return _Gone(folder) if load_start(folder / layout.START).replay_of is not None else None


def _end(folder: Path, gaps: list[Gap]) -> End | None:
    try:
        return load_end(folder / layout.END)
    except ReenactError as error:
        gaps.append(Gap("corrupt-end", error.what))
        return None


def _command(start: Start, main: dict[str, Any] | None) -> Command:
    flags = main.get("flags") if main else None
    executable = main.get("executable") if main else None
    python = start.argv[0] if start.kind != "command" else None
    root = os.path.normpath(start.root)
    cwd = os.path.normpath(start.cwd)
    inside = cwd == root or cwd.startswith(root.rstrip("/") + "/")
    return Command(
        kind=start.kind,
        argv=start.argv,
        cwd=os.path.relpath(cwd, root) if inside else cwd,
        root=root,
        interpreter=executable if isinstance(executable, str) and executable else python,
        flags=flags if isinstance(flags, dict) else {},
        env=start.env,
        redacted=start.redacted,
        user=start.user,
        host=start.host,
    )


def _traces(folder: Path, journals: Journals, gaps: list[Gap]) -> tuple[list[Trace], dict[str, Metric]]:
    traces: list[Trace] = []
    metrics: dict[str, Metric] = {}
    for path in sorted((folder / layout.TRACE).glob("*.trace"), key=lambda path: process_order(path.stem)):
        process = path.name.removesuffix(".trace")
        events = journals.get(process, [])
        end = _first(events, "end") or {}
        steps = end.get("steps")
        try:
            summary = summarise(
                folder,
                path,
                [event for event in events if event["e"] == "schedule"],
                steps if isinstance(steps, int) else None,
            )
        except ReenactError as error:
            gaps.append(Gap("corrupt-trace", error.what, process, True))
            continue
        traces.append(summary.trace)
        if rank_of(process) == 0:
            metrics = {**summary.metrics, **metrics}
    paths = [path for path in (folder / layout.METRICS).glob("*.jsonl") if job_of(path.stem) is None]
    paths.sort(key=lambda path: process_order(path.stem))
    metrics = {**metrics, **read_metrics(paths, gaps), **logged(folder, lambda process: job_of(process) is None, gaps)}
    if len(metrics) > _MOST_METRICS:
        detail = (
            f"{len(metrics):,} metrics: the manifest has the first {_MOST_METRICS:,}, the files in metrics/ have all"
        )
        gaps.append(Gap("metrics-left-out", detail))
        metrics = dict(islice(metrics.items(), _MOST_METRICS))
    return traces, metrics


def _gaps(start: Start, end: End | None, journals: Journals, main: dict[str, Any] | None) -> Iterator[Gap]:
    python = start.kind != "command" or os.path.basename(start.argv[0]).startswith("python")
    if main is None and python:
        detail = "the interpreter did not load the probe (-I, -E and -S keep it out), or ended before it could"
        yield Gap("no-probe", detail, "rank0", True)
    for process, events in journals.items():
        first = _first(events, "start") or {}
        # Workers are ended from outside as a rule, and what they wrote is whole: each event is written at once.
        if first.get("role") != "worker" and not _ended(events):
            yield Gap("process-ended-abruptly", f"{process} ended without a word", process)
        for event in events:
            if event["e"] == "gap":
                yield Gap(str(event.get("id")), str(event.get("detail", "")), process, bool(event.get("replay")))
    if end is None:
        yield Gap("end-not-seen", "reenact was gone when the command ended: how it ended is not known")
    if any(REDACTED in word for word in start.argv):
        for name in start.redacted:
            # A variable comes from the environment of the replay; an argument comes from the record alone.
            if start.env.get(name) != REDACTED:
                yield Gap(f"redacted-{name.lstrip('-')}", f"the value of {name} is not in the record", None, True)


def _environment(
    folder: Path,
    given: dict[str, Any] | None,
    start: Start,
    journals: Journals,
    main: dict[str, Any] | None,
    gaps: list[Gap],
) -> Environment:
    data = dict(given if given is not None else _object(folder / layout.ENVIRONMENT) or {})
    if not data:
        gaps.append(Gap("no-environment", "the environment was not described before the run ended", None, True))
    env = _converted(data, Environment, "environment-unreadable", gaps) or Environment()
    python = dict(env.python)
    for key in ("version", "implementation", "executable", "prefix", "base_prefix"):
        if main and python.get(key) is None and main.get(key) is not None:
            python[key] = main[key]
    libraries = dict(env.libraries)
    for events in journals.values():
        seen: dict[str, dict[str, Any]] = {}
        for event in events:
            if event["e"] == "library" and isinstance(event.get("name"), str):
                told = {key: value for key, value in event.items() if key not in ("e", "t", "name")}
                seen[event["name"]] = {**seen.get(event["name"], {}), **told}
        for name, told in seen.items():
            libraries[name] = {**told, **libraries.get(name, {})}
    variables = {**_read_variables(start, journals), **env.variables}
    return msgspec.structs.replace(env, python=python, libraries=libraries, variables=variables)


def _read_variables(start: Start, journals: Journals) -> dict[str, Any]:
    """Variables that the program's own code looked up; None for those that were not set."""
    names = {str(event.get("name")) for events in journals.values() for event in events if event["e"] == "variable"}
    return {name: start.env.get(name) for name in sorted(names) if start.env.get(name) != REDACTED}


def _process(name: str, first: dict[str, Any] | None, events: list[dict[str, Any]]) -> RecordedProcess:
    first = first or {}
    words = first.get("orig_argv") or first.get("argv") or []
    role = first.get("role") or ("main" if rank_of(name) is not None else "child")
    pid = first.get("pid")
    argv = [str(word) for word in words] if isinstance(words, list) else []
    return RecordedProcess(name, pid if isinstance(pid, int) else None, str(role), argv, _ended(events))


def _hazards(journals: Journals) -> list[Hazard]:
    found: dict[tuple[str, Any], Hazard] = {}
    for process, events in journals.items():
        for event in events:
            if event["e"] == "hazard":
                hazard = Hazard(str(event.get("id")), str(event.get("detail", "")), event.get("site"), process)
                found.setdefault((hazard.id, hazard.site), hazard)
    return list(found.values())


def _log(folder: Path) -> Log | None:
    path = folder / layout.LOG
    try:
        return Log(layout.LOG, file_digest(path), path.stat().st_size)
    except OSError:
        return None


def _last_sign(folder: Path, journals: Journals) -> str | None:
    """When an interrupted run was last seen to do something: the last write to its journals, traces or log."""
    paths = [folder / layout.LOG, *(folder / layout.JOURNAL).glob("*"), *(folder / layout.TRACE).glob("*")]
    times = [path.stat().st_mtime for path in paths if path.exists()]
    if not times:
        return None
    when = datetime.fromtimestamp(0, timezone.utc) + timedelta(seconds=max(times))
    return iso_time(when)


def _resources(start: Start, end: End | None, ended: str | None, journals: Journals) -> Resources:
    if end is None:
        return Resources(wall=_between(start.started, ended))
    if start.container is None:
        return Resources(end.wall, end.user, end.system, end.peak_rss)
    # What we waited for was the engine's client. Processes that were killed, or are no Python, tell nothing.
    used: dict[str, Any] = next(
        (event["usage"] for event in journals.get("rank0", []) if isinstance(event.get("usage"), dict)), {}
    )
    return Resources(end.wall, used.get("user"), used.get("system"), used.get("peak_rss"))


def _between(started: str, ended: str | None) -> float | None:
    try:
        first, last = (datetime.fromisoformat(str(text).replace("Z", "+00:00")) for text in (started, ended))
        return max(0.0, (last - first).total_seconds())
    except (ValueError, TypeError):
        return None


def _first(events: list[dict[str, Any]], kind: str) -> dict[str, Any] | None:
    return next((event for event in events if event["e"] == kind), None)


def _ended(events: list[dict[str, Any]]) -> bool:
    return any(event["e"] == "end" for event in events)


def _object(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def _converted(data: dict[str, Any], kind: type[T], slug: str, gaps: list[Gap]) -> T | None:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        gaps.append(Gap(slug, str(error), None, True))
        return None
