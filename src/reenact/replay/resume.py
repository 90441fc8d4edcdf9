"""Going on with a sweep that was cut short: the trials that are missing, of the code and the configs as they were."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..environment.variables import replay_env
from ..errors import EXIT_NOT_REPLAYABLE, ReenactError
from ..record import layout
from ..record.atomic import tmp_name
from ..record.schema import CodeFile, InputFile, Manifest, Trial, load_start
from ..record.sofar import TrialSoFar, trials_so_far
from ..store.index import Index
from ..store.project import Store
from .contained import replay_container_env, restore_container
from .interpreter import choose_interpreter
from .prepare import Options, Progress, is_config, recorded_files, refuse_changed_inputs
from .sandbox import Mount, Sandbox, available
from .session import Request, Resume


@dataclass(frozen=True)
class Sweep:
    """A sweep and those that it goes on with.

    Attributes:
        manifest: of the last of them.
        trials: every job that is known, in order; of one that was executed again the last execution.
        done: what each completed job gave to the sweeper, by its number.
    """

    manifest: Manifest
    trials: list[Trial]
    done: dict[str, Any]

    @property
    def missing(self) -> list[Trial]:
        """Those that never began, or were cut short."""
        return [trial for trial in self.trials if trial.status not in ("completed", "failed")]

    @property
    def failed(self) -> list[Trial]:
        """Those that ended with an exception."""
        return [trial for trial in self.trials if trial.status == "failed"]


def sweep_of(store: Store, run: str) -> Sweep:
    """All that is known of a sweep.

    Args:
        run: id of the sweep, or of one of its trials.

    Raises:
        ReenactError: ``no-sweep`` when it is none; ``unknown-run``, ``not-sealed``, ``corrupt-manifest``.
    """
    manifest = store.manifest(run)
    if manifest.trial_of is not None:
        manifest = store.manifest(manifest.trial_of.run)
    if not manifest.trials and manifest.resumes is None:
        raise ReenactError(
            "no-sweep",
            f"{run} is no sweep: no job of a multirun is recorded in it",
            fix="record one with `reenact run app.py --multirun key=a,b`",
        )
    known: dict[int, Trial] = {}
    older: Manifest | None = manifest
    while older is not None:
        for trial in older.trials:
            if trial.job not in known or known[trial.job].run is None:
                known[trial.job] = trial
        older = store.manifest(older.resumes) if older.resumes is not None else None
    trials = [known[job] for job in sorted(known)]
    done = {str(trial.job): trial.returned for trial in trials if trial.status == "completed"}
    return Sweep(manifest, trials, done)


def sweep_so_far(store: Store, run: str) -> list[Trial | TrialSoFar]:
    """The trials of a sweep that goes on, in order, also those of a sweep that it resumes.

    Raises:
        ReenactError: ``no-sweep`` when no job of it is known; ``corrupt-start``, and of a sweep that it resumes as `sweep_of`.
    """
    folder = store.run_dir(run)
    going = trials_so_far(folder, store.series_folder, values=True)
    older = load_start(folder / layout.START).resumes
    known: dict[int, Trial | TrialSoFar] = {}
    if older is not None:
        known.update({trial.job: trial for trial in sweep_of(store, older).trials})
    for trial in going:
        if trial.run is not None or trial.job not in known or known[trial.job].run is None:
            known[trial.job] = trial
    if not known:
        raise ReenactError(
            "no-sweep",
            f"{run} goes on, and no job of a multirun has begun in it",
            fix="if it is a sweep, ask again when its first job has begun",
        )
    return [known[job] for job in sorted(known)]


def continued_by(index: Index, run: str) -> str | None:
    """The run that goes on with this one already, the last of them; None when there is none."""
    later = index.resumed()
    found = None
    while run in later:
        run = found = later[run]
    return found


@contextmanager
def resuming(store: Store, sweep: Sweep, again: Mapping[str, Any], progress: Progress) -> Iterator[Request]:
    """What executes the jobs of a sweep that are not done; within it, recorded content is at hand in the place of edited files.

    Args:
        again: the jobs that are done, with what they gave to the sweeper: all others are executed.
        progress: told what is not as it was.

    Raises:
        ReenactError: an input has changed, or code and configs cannot be shown as they were (exit code 3); the
            interpreter is missing (exit code 4).
    """
    manifest = sweep.manifest
    recorded = recorded_files(manifest)
    refuse_changed_inputs(store, manifest, recorded, Options(), _Silent())
    container, python = None, None
    if manifest.container is not None:
        container = restore_container(store, manifest, progress.message)
    else:
        python = choose_interpreter(store, manifest, Options(in_place_env=True), progress).python
    root = str(store.root)
    cwd = os.path.normpath(os.path.join(root, manifest.command.cwd))
    folder = store.tmp_folder / tmp_name("shown")
    try:
        shown = _shown(store, manifest, folder)
        for path in sorted(shown):
            progress.message(f"{os.path.relpath(path, root)} has changed since: the sweep sees its recorded content")
        request = _request(store, manifest, again, python, cwd, shown)
        if container is not None:
            request = replace(request, env=replay_container_env(manifest.command.env), container=container)
        elif shown:
            request = replace(request, pre_exec=_mounts(shown, cwd).enter)
        yield request
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Silent:
    """Says nothing."""

    def message(self, text: str) -> None:
        pass

    def update(self, equal: int, total: int, elapsed: float, baseline_seconds: float | None) -> None:
        pass


def _request(
    store: Store, manifest: Manifest, again: Mapping[str, Any], python: str | None, cwd: str, shown: Mapping[str, Path]
) -> Request:
    return Request(
        argv=tuple(manifest.command.argv) if python is None else (python, *manifest.command.argv[1:]),
        kind=manifest.command.kind,
        cwd=cwd,
        env=replay_env(manifest.command.env, dict(os.environ)),
        name=None,
        experiment=manifest.experiment,
        tags=tuple(manifest.tags),
        deterministic=bool(manifest.settings.get("deterministic")),
        overrides=tuple(manifest.overrides),
        resume=Resume(
            run=manifest.run,
            journals=store.run_dir(manifest.run) / layout.JOURNAL,
            hash_seed=manifest.entropy.hash_seed,
            done=dict(again),
            shown=shown,
        ),
    )


def _shown(store: Store, manifest: Manifest, folder: Path) -> dict[str, Path]:
    """The code and the configs that are not what they were: absolute paths, and where a copy of the recorded content lies.

    Args:
        folder: where the copies go.
    """
    files: list[CodeFile | InputFile] = list(manifest.code.files)
    files += [file for file in manifest.inputs if file.digest and is_config(manifest, file.path)]
    found: dict[str, Path] = {}
    lost = []
    for file in files:
        place, digest = os.path.join(store.root, file.path), str(file.digest)
        if os.path.isfile(place) and store.hasher.hash(place).digest == digest:
            continue
        if not os.path.isfile(place) or not store.blobs.has(digest):
            lost.append(file.path)
            continue
        copy = found[place] = folder / str(len(found))
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(store.blobs.path(digest), copy)
        copy.chmod(file.mode if file.mode is not None else 0o644)
    if lost:
        raise ReenactError(
            "code-changed",
            "these are gone since the sweep was recorded: " + ", ".join(lost),
            fix="put them back: `reenact path RUN FILE` prints where the recorded content lies",
            exit_code=EXIT_NOT_REPLAYABLE,
        )
    return found


def _mounts(shown: Mapping[str, Path], cwd: str) -> Sandbox:
    kind = available()
    failed: OSError | None = None
    if kind is not None:
        plan = Sandbox(kind, [Mount(str(blob), place, True) for place, blob in shown.items()], [], [], cwd)
        failed = plan.rehearse()
        if failed is None:
            return plan
    raise ReenactError(
        "code-changed",
        "these have changed since the sweep was recorded, and here they cannot be shown to it as they were"
        + (f" ({failed.strerror})" if failed is not None else "")
        + ": "
        + ", ".join(sorted(shown)),
        fix="put the recorded content back: `reenact path RUN FILE` prints where it lies",
        exit_code=EXIT_NOT_REPLAYABLE,
    )
