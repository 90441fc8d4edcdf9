"""The jobs of a sweep, each as a run of its own: a folder that holds all that ``show``, ``diff`` and ``verify`` need of it.

A trial is made when its sweep is sealed, from the sweep's record and what is told of this job alone. Journals and traces are
linked, not copied, where the file system allows.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from ..errors import ReenactError
from ..probe.traceformat import NAMES_SUFFIX, TRACE_SUFFIX
from . import digests, layout
from .atomic import tmp_name, write_atomic
from .entropy import summarise_entropy
from .hydra import UNUSED, composed, configs, notices
from .ids import iso_time
from .journal import job_of, read_journals
from .media import process_of, summaries
from .params import gather
from .params.base import Context
from .points import logged
from .schema import (
    Gap,
    Manifest,
    Metric,
    OutputFile,
    Resources,
    Start,
    Status,
    Trace,
    Trial,
    TrialOf,
    encode_manifest,
    load_start,
    write_struct,
)
from .traces import read_metrics, summarise

Journals = Mapping[str, list[dict[str, Any]]]

_SHARED = (layout.PYLOCK, layout.FREEZE, layout.PATCH, layout.CONSTANTS)
_VALUED = ("--config-name", "-cn", "--config-path", "-cp", "--config-dir", "-cd", "--package", "-p")
"""Options of Hydra that a value follows."""

_STATUS: dict[str, tuple[Status, int | None]] = {"completed": ("finished", 0), "failed": ("failed", 1)}


def trial_id(sweep: str, job: int) -> str:
    """The id of the run that a job of a sweep is."""
    return f"{sweep}.{job}"


def trials(context: Context, sweep: str) -> list[Trial]:
    """The points of a sweep in the order of their numbers: those that began, and those that are known and never did."""
    began = {one.number: one for one in composed(context) if one.is_job and job_of(one.process) is not None}
    planned = _planned(context.journals) if began else []
    skipped = context.start.options.get("skip") or {}
    found = []
    for job in sorted({*(number for number in began if number is not None), *range(len(planned))}):
        one = began.get(job)
        if one is not None:
            found.append(
                Trial(
                    job=job,
                    run=trial_id(sweep, job),
                    overrides=one.overrides,
                    status=one.status,  # type: ignore[arg-type]
                    returned=one.returned,
                )
            )
        elif str(job) not in skipped:
            found.append(Trial(job=job, run=None, overrides=planned[job], status="missing"))
    return found


def _planned(journals: Journals) -> list[list[str]]:
    """The overrides of every job that was to be, as far as the sweeper had told: Hydra composes each before the first begins."""
    found: dict[tuple[str, ...], None] = {}
    for process, events in journals.items():
        if process.partition(".")[0].partition("~")[0] not in ("rank0", "launcher"):
            continue
        for event in events:
            if event["e"] == "compose" and "error" not in event:
                words = [str(word) for word in event.get("overrides") or []]
                found.setdefault(tuple(word for word in words if not word.lstrip("+~").startswith("hydra")))
    return [list(words) for words in found]


def command_of(manifest: Manifest) -> list[str]:
    """The words of a run's command; of a trial those that it alone would be started with."""
    command = manifest.command
    if manifest.trial_of is None:
        return command.argv
    program = {"script": 2, "module": 3, "command": 1}[command.kind]
    words, rest = command.argv[:program], iter(command.argv[program:])
    for word in rest:
        if word.startswith("-") and word not in ("-m", "--multirun"):
            words.append(word)
            if word in _VALUED:
                words += [value for value in [next(rest, None)] if value is not None]
    return [*words, *(override for config in manifest.configs if config.kind == "job" for override in config.overrides)]


def write_trials(folder: Path, start: Start, manifest: Manifest, journals: Journals) -> None:
    """Make the folders of a sweep's trials, those that are not there yet, beside its own.

    Args:
        folder: the sweep's run folder.
        start: its start.json.
        manifest: what is about to be its manifest.json.
        journals: its events, by process.

    Raises:
        ReenactError: ``no-space``, ``store-not-writable``.
    """
    claims = _claims(journals)
    for trial in manifest.trials:
        if trial.run is None or (folder.parent / trial.run).exists():
            continue
        aside = folder.parent.parent / "tmp" / tmp_name(trial.run)
        aside.mkdir(parents=True)
        try:
            _fill(aside, folder, start, journals, trial)
            found = trial_manifest(aside, start, manifest, journals, trial, claims)
            write_atomic(aside / layout.MANIFEST, encode_manifest(found))
            os.rename(aside, folder.parent / trial.run)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise


def trial_manifest(
    folder: Path,
    start: Start,
    sweep: Manifest,
    journals: Journals,
    trial: Trial,
    claims: Mapping[str, list[int]] | None = None,
) -> Manifest:
    """The manifest of one trial.

    Args:
        folder: where its journals and traces are (those of the sweep serve as well), and the text of its config goes.
        start: start.json of the sweep.
        sweep: the sweep's manifest.
        journals: the sweep's events, by process.
        trial: which.
        claims: the jobs that wrote each file, in order; found out when None.
    """
    claims = _claims(journals) if claims is None else claims
    own = journals_of(journals, trial.job)
    jobs = {process: events for process, events in own.items() if job_of(process) is not None}
    context = Context(folder, start, own, main=f"job{trial.job}")
    params = gather(context)
    every = configs(context)
    output_dir = next((config.output_dir for config in every if config.kind == "job"), None)
    outputs, gaps = _outputs(sweep, claims, trial.job, output_dir)
    gaps += [gap for gap in sweep.gaps if _bears_on(gap, trial, own, jobs)]
    others = {file.path for file in sweep.outputs} - {file.path for file in outputs}
    traces, metrics = _traces(folder, jobs)
    status, exit_code = _STATUS.get(trial.status, ("interrupted", None))
    started, ended, wall = _span(jobs, sweep.ended)
    found = msgspec.structs.replace(
        sweep,
        run=trial_id(sweep.run, trial.job),
        name=f"{sweep.name}.{trial.job}" if sweep.name else None,
        status=status,
        exit_code=exit_code,
        signal=None,
        started=started or sweep.started,
        ended=ended,
        params={name: param.value for name, param in params.items()},
        origins={name: param.origin for name, param in params.items()},
        configs=every,
        trials=[],
        trial_of=TrialOf(sweep.run, trial.job),
        settings={**sweep.settings, "skip": _returned(sweep, trial.job)},
        # What another job wrote, or wrote on (a log, in a sweep that goes on), is no input of this one.
        inputs=[file for file in sweep.inputs if file.path not in others],
        outputs=outputs,
        outside=[file.path for file in outputs if os.path.isabs(file.path)],
        removed=[],
        temporary=0,
        entropy=summarise_entropy(folder, start, own),
        traces=traces,
        metrics=metrics,
        media=summaries(folder, lambda process: process in jobs),
        media_files=[file for file in sweep.media_files if process_of(file) in jobs],
        resources=Resources(wall=wall),
        processes=[process for process in sweep.processes if process.process in jobs],
        hazards=[
            *(hazard for hazard in sweep.hazards if hazard.process in own and hazard.id != UNUSED),
            *notices(context, exit_code),
        ],
        gaps=gaps,
        complete=not gaps,
        replay_of=None,
        log=None,
    )
    return msgspec.structs.replace(found, recipe=digests.recipe(found), result=digests.result(found))


def trial_of(folder: Path, sweep: Manifest, job: int) -> Manifest:
    """What the record of a sweep tells of one job, also of one that never began.

    Args:
        folder: the sweep's run folder.
    """
    known = next((trial for trial in sweep.trials if trial.job == job), None)
    trial = known or Trial(job=job, run=None, overrides=[], status="missing")
    return trial_manifest(folder, load_start(folder / layout.START), sweep, read_journals(folder)[0], trial)


def _returned(sweep: Manifest, job: int) -> dict[str, Any]:
    """What the jobs before this one gave to the sweeper, which may have chosen the next by it."""
    before = dict(sweep.settings.get("skip") or {})
    before.update({str(one.job): one.returned for one in sweep.trials if one.run is not None})
    return {number: value for number, value in before.items() if int(number) < job and value is not None}


def _bears_on(gap: Gap, trial: Trial, own: Journals, jobs: Journals) -> bool:
    """True for a gap of the sweep that is one of the trial's too: how the sweep ended says nothing of a job that had ended."""
    if trial.status in ("completed", "failed") and gap.id in ("end-not-seen", "process-ended-abruptly"):
        return gap.process in jobs
    return gap.process is None or gap.process in own


def journals_of(journals: Journals, job: int) -> dict[str, list[dict[str, Any]]]:
    """The journals that tell of a job: its own, that of the program that launched it, that of the process that composed its config."""
    wanted = {"rank0", "launcher"}
    for event in journals.get(f"job{job}", ()):
        if event["e"] == "hydra" and "composer" in event:
            wanted.add(str(event["composer"]))
    return {name: events for name, events in journals.items() if name in wanted or job_of(name) == job}


def _claims(journals: Journals) -> dict[str, list[int]]:
    """The jobs that wrote each file, in the order of time."""
    found: list[tuple[str, float, int, str]] = []
    for process, events in journals.items():
        job = job_of(process)
        if job is None:
            continue
        began = str(next((event.get("time") for event in events if event["e"] == "start"), ""))
        for event in events:
            path = event.get("to") if event.get("op") == "rename" else event.get("path")
            if isinstance(path, str) and (event["e"] == "save" or event.get("op") in ("w", "a", "u", "rename")):
                found.append((began, float(event.get("t") or 0), job, os.path.normpath(path)))
    claims: dict[str, list[int]] = {}
    for _, _, job, path in sorted(found):
        claims.setdefault(path, []).append(job)
    return claims


def _outputs(
    sweep: Manifest, claims: Mapping[str, list[int]], job: int, folder: str | None
) -> tuple[list[OutputFile], list[Gap]]:
    """What of the sweep's outputs is this job's, and what of its own is no longer there."""
    outputs, gaps = [], []
    root = sweep.command.root
    below = os.path.join(root, folder, "") if folder else None
    for file in sweep.outputs:
        path = os.path.normpath(os.path.join(root, file.path))
        writers = claims.get(path, [])
        if (writers and writers[-1] == job) or (not writers and below is not None and path.startswith(below)):
            outputs.append(file)
        elif job in writers:
            detail = (
                f"{file.path} was written again by job {writers[-1]}: what this job left there is not in the record"
            )
            gaps.append(Gap("output-overwritten", detail))
    return outputs, gaps


def _traces(folder: Path, jobs: Journals) -> tuple[list[Trace], dict[str, Metric]]:
    traces: list[Trace] = []
    metrics: dict[str, Metric] = {}
    for process, events in jobs.items():
        path = folder / layout.TRACE / f"{process}.trace"
        if not path.exists():
            continue
        steps = next((event.get("steps") for event in events if event["e"] == "end"), None)
        try:
            summary = summarise(folder, path, [one for one in events if one["e"] == "schedule"], steps)
        except ReenactError:
            continue  # a gap of the sweep's, and so of this trial's
        traces.append(summary.trace)
        if "." not in process:
            metrics = {**summary.metrics, **metrics}
    paths = [folder / layout.METRICS / f"{process}.jsonl" for process in jobs]
    return traces, {**metrics, **read_metrics(paths), **logged(folder, lambda process: process in jobs)}


def _span(jobs: Journals, at_last: str | None) -> tuple[str | None, str | None, float | None]:
    """When a job began and ended, and the seconds in between; without a word of its own it ended with the sweep, ``at_last``."""
    for process, events in jobs.items():
        start = next((event for event in events if event["e"] == "start"), None)
        if "." in process or start is None:
            continue
        try:
            clock = _moment(start.get("time"))
            began = clock + timedelta(seconds=float(start["t"]))
            last = events[-1]
            ended = clock + timedelta(seconds=float(last["t"])) if last["e"] == "end" else _moment(at_last)
        except (ValueError, KeyError, TypeError):
            break
        return iso_time(began), iso_time(ended), max(0.0, (ended - began).total_seconds())
    return None, None, None


def _moment(text: Any) -> datetime:
    return datetime.fromisoformat(str(text).replace("Z", "+00:00"))


def _fill(folder: Path, sweep: Path, start: Start, journals: Journals, trial: Trial) -> None:
    """What is beside the manifest: start.json and what describes the environment; journals, traces and metrics of this job."""
    write_struct(folder / layout.START, msgspec.structs.replace(start, run=str(trial.run), resumes=None))
    for name in _SHARED:
        _link(sweep / name, folder / name)
    for process in journals_of(journals, trial.job):
        _link(sweep / layout.JOURNAL / f"{process}.jsonl", folder / layout.JOURNAL / f"{process}.jsonl")
        if job_of(process) is not None:
            for suffix in (TRACE_SUFFIX, NAMES_SUFFIX):
                _link(sweep / layout.TRACE / (process + suffix), folder / layout.TRACE / (process + suffix))
            for suffix in (".jsonl", ".points", ".names"):
                _link(sweep / layout.METRICS / (process + suffix), folder / layout.METRICS / (process + suffix))
            for source in [sweep / layout.MEDIA / f"{process}.jsonl", *(sweep / layout.MEDIA / process).glob("*")]:
                _link(source, folder / source.relative_to(sweep))


def _link(source: Path, target: Path) -> None:
    """One file under two names, or a copy where the file system has no links."""
    if not source.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
