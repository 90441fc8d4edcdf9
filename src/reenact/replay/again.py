"""Execute a recorded run again, in a workspace rebuilt from its record, watched like any run."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ..environment.compare import EnvChange
from ..environment.variables import missing_secrets, replay_env
from ..errors import EXIT_NOT_REPLAYABLE, ReenactError
from ..execute.containers import Container
from ..record import layout
from ..record.schema import Manifest
from ..record.trials import trial_of
from ..store.gc import workspace_folder
from ..store.project import Store
from .compositions import ConfigDifference
from .contained import compare_container, probe_bind, replay_container_env, restore_container
from .difference import Difference
from .follow import Follower
from .interpreter import Chosen, choose_interpreter
from .prepare import (
    Options,
    Progress,
    build_workspace,
    check_environment,
    recorded_files,
    refuse_changed_inputs,
    refuse_unreplayable,
)
from .session import Request, Rerun, begin
from .workspace import Workspace

_PR_SET_PDEATHSIG = 1
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@dataclass(frozen=True)
class Replayed:
    """A replay that has ended.

    Attributes:
        candidate: its manifest.
        difference: the first event in which it differs from its baseline, as far as it was followed.
        stopped: it was ended before its own end.
        environment: what differs between the recorded environment and this one.
        steps_equal: optimizer steps that were equal in every process.
        steps: those that the baseline has.
        configs: what Hydra composed otherwise.
    """

    candidate: Manifest
    difference: Difference | None
    stopped: bool
    environment: list[EnvChange]
    steps_equal: int
    steps: int
    configs: list[ConfigDifference]


def replay(
    store: Store, run: str, options: Options, progress: Progress, window: tuple[int, int] | None = None
) -> Replayed:
    """Execute a run again from its record.

    Args:
        window: steps whose gradients and parameters are fingerprinted tensor by tensor, whatever the schedule says; the
            replay ends after the last of them.

    Raises:
        ReenactError: it cannot be replayed (exit code 3), or an interpreter is missing (exit code 4).
    """
    baseline = store.manifest(run)
    refuse_unreplayable(baseline)
    container = None
    if baseline.container is not None:
        container, chosen = restore_container(store, baseline, progress.message), Chosen(options.python)
        differences = compare_container(store, baseline, container, progress.message)
    else:
        chosen = choose_interpreter(store, baseline, options, progress)
        python = chosen.python or (str(chosen.folder / "bin" / "python") if chosen.folder else None)
        differences = check_environment(store, baseline, python, progress)
    recorded = recorded_files(baseline)
    refuse_changed_inputs(store, baseline, recorded, options, progress)
    run_dir = store.new_run_dir()
    target = workspace_folder(store, run_dir.name)
    try:
        workspace = build_workspace(store, baseline, recorded, run_dir, target, options, progress)
    except BaseException:
        shutil.rmtree(run_dir, ignore_errors=True)
        raise
    try:
        request, rerun = _request(store, baseline, workspace, chosen, container, options, progress)
        session = begin(store, request, rerun, run=run_dir.name, window=window)
        follower = Follower(store, baseline, session.run_dir, options, progress, window)
        candidate = session.execute(echo=options.echo, on_tick=follower.tick)
        _refuse_stopped(session.received)
        difference = follower.finish(stopped=session.stop_requested)
        if candidate.exit_code is None:
            raise ReenactError("replay-lost", "how the replay ended is not known", exit_code=EXIT_NOT_REPLAYABLE)
        if baseline.trial_of is not None:
            candidate = msgspec.structs.replace(
                trial_of(session.run_dir, candidate, baseline.trial_of.job), run=session.run
            )
        for changed in workspace.changed():
            progress.message(f"WARNING: the replay changed a file of yours: {changed}")
        return Replayed(
            candidate,
            difference,
            session.stop_requested,
            differences,
            follower.steps_equal,
            follower.total,
            follower.configs,
        )
    finally:
        if options.keep:
            progress.message(f"the workspace is kept in {target}")
        else:
            workspace.cleanup()


def _refuse_stopped(received: Sequence[int]) -> None:
    """A replay that somebody stopped shows nothing about the run."""
    number = next((number for number in received if number in _STOPS), None)
    if number is not None:
        raise ReenactError(
            "stopped",
            f"the replay was stopped by {signal.Signals(number).name}: there is no verdict",
            exit_code=128 + number,
        )


def _mortal(pre_exec: Callable[[], None] | None) -> Callable[[], None] | None:
    """``pre_exec``, and then: when this process dies, so does the replay, which nobody would see end (Linux)."""
    try:
        prctl = ctypes.PyDLL(None).prctl
    except (OSError, AttributeError):
        return pre_exec

    def prepare() -> None:
        if pre_exec is not None:
            pre_exec()
        # Last, since a change of credentials clears it.
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    return prepare


def _jobs(baseline: Manifest) -> dict[str, Any] | None:
    """Which jobs of a sweep are executed: all that the baseline executed."""
    skip, trial = baseline.settings.get("skip"), baseline.trial_of
    return None if skip is None else {"done": skip, "only": None if trial is None else trial.job}


def _request(
    store: Store,
    baseline: Manifest,
    workspace: Workspace,
    chosen: Chosen,
    container: Container | None,
    options: Options,
    progress: Progress,
) -> tuple[Request, Rerun]:
    env = replay_env(baseline.command.env, dict(os.environ)) | workspace.env_changes
    if container is not None:
        env = replay_container_env(baseline.command.env)
    for name in missing_secrets(baseline.command.env, dict(os.environ)):
        progress.message(f"{name} is not set here, and its recorded value was redacted")
    argv = workspace.argv if chosen.python is None else (chosen.python, *workspace.argv[1:])
    if chosen.folder is not None:
        env["PATH"] = str(chosen.folder / "bin") + os.pathsep + env.get("PATH", os.defpath)
        env["VIRTUAL_ENV"] = str(chosen.folder)
    request = Request(
        argv,
        baseline.command.kind,
        workspace.cwd,
        env,
        experiment=baseline.experiment,
        deterministic=bool(baseline.settings.get("deterministic")),
        overrides=tuple(baseline.overrides),
        container=container,
    )
    rerun = Rerun(
        baseline=baseline.run,
        root=workspace.seen,
        journals=None if options.fresh_entropy else store.run_dir(baseline.run) / layout.JOURNAL,
        hash_seed=None if options.fresh_entropy else baseline.entropy.hash_seed,
        start_cwd=workspace.start_cwd,
        pre_exec=_mortal(workspace.pre_exec),
        place=workspace.map_path,
        tree=workspace.tree,
        jobs=_jobs(baseline),
        binds=(*workspace.binds, probe_bind()),
    )
    return request, rerun
