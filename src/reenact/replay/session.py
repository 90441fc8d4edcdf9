"""The one path that starts a command, watches it, and seals its record: for ``run`` and for ``verify`` alike."""

from __future__ import annotations

import getpass
import json
import os
import platform
import random
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from .. import knobs
from ..environment.hardware import hardware
from ..environment.interpreter import probe_interpreter
from ..environment.snapshot import snapshot
from ..environment.source import git_state
from ..errors import ReenactError
from ..execute.base import Executor, Exit, RunSpec
from ..execute.container import ContainerExecutor
from ..execute.containers import Bind, Container
from ..execute.local import LocalExecutor
from ..execute.procscan import open_files
from ..execute.usage import Usage
from ..probe.redact import redact_argv, redact_env
from ..record import layout
from ..record.atomic import share, write_atomic
from ..record.collect import Collector
from ..record.container import Mounted
from ..record.ids import iso_time
from ..record.printed import FROM_LOG
from ..record.scan import Scan, scan_tree
from ..record.schema import HashSeed, Manifest, Override, Start
from ..record.status import boot_id, this_process
from ..store.project import Store
from .contained import INJECT, INJECT_INSIDE, describe_container, keep_lock, project_binds
from .edited import Edited, edit, write_constants

LAUNCHERS = ("torchrun", "torch.distributed.run", "torch.distributed.launch", "accelerate", "deepspeed")

Kind = Literal["script", "module", "command"]


@dataclass(frozen=True)
class Resume:
    """What makes a recording go on with a sweep.

    Attributes:
        run: id of the sweep that was cut short.
        journals: folder of its journals, whose entropy is given back.
        hash_seed: its PYTHONHASHSEED.
        done: what each job that is not executed again gave to the sweeper, by its number.
        shown: paths at which the program sees the recorded content instead, and where that lies.
    """

    run: str
    journals: Path
    hash_seed: HashSeed | None
    done: Mapping[str, Any]
    shown: Mapping[str, Path]


@dataclass(frozen=True)
class Request:
    """A command to record.

    Attributes:
        argv: what is executed, interpreter first.
        kind: ``script``, ``module`` or ``command``.
        cwd: absolute folder.
        env: the complete environment that the user's shell gave, without anything of ours.
        deterministic: ask the frameworks for deterministic algorithms.
        overrides: constants that words of argv change; the program does not get those words.
        resume: the sweep that this one goes on with, or None.
        pre_exec: see `RunSpec`.
        container: where it is executed; None for this machine as it is. ``env`` is what it is to see in there.
        metrics_from_log: templates of what it prints.
    """

    argv: tuple[str, ...]
    kind: Kind
    cwd: str
    env: Mapping[str, str]
    name: str | None = None
    experiment: str | None = None
    tags: tuple[str, ...] = ()
    note: str | None = None
    deterministic: bool = False
    overrides: tuple[Override, ...] = ()
    resume: Resume | None = None
    pre_exec: Callable[[], None] | None = None
    container: Container | None = None
    metrics_from_log: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rerun:
    """What makes a recording a replay.

    Attributes:
        baseline: id of the run that is executed again.
        root: the project's root as the replayed process sees it.
        journals: folder of the baseline's journals, or None to give no entropy back.
        hash_seed: PYTHONHASHSEED of the baseline.
        start_cwd: folder that the process is started in, before ``pre_exec``.
        pre_exec: see `RunSpec`.
        place: where a path of the replayed process lies for us.
        tree: the folder that stands for the root.
        jobs: of a sweep: ``only`` the one job to execute, or None; ``done`` what others gave to the sweeper, by number.
        binds: what is mounted into a container.
    """

    baseline: str
    root: str
    journals: Path | None
    hash_seed: HashSeed | None
    start_cwd: str
    pre_exec: Callable[[], None] | None
    place: Callable[[str], Path]
    tree: Path
    jobs: Mapping[str, Any] | None = None
    binds: tuple[Bind, ...] = ()


@dataclass
class Session:
    """A recording in progress; see `begin`."""

    store: Store
    request: Request
    run: str
    run_dir: Path
    rerun: Rerun | None
    env: dict[str, str]
    start: Start
    argv: tuple[str, ...] = ()
    """What is executed: argv as typed, but for overrides."""
    problems: list[str] = field(default_factory=list)
    stop_requested: bool = False
    exit: Exit | None = None
    """How the command ended; None before."""
    within_line: frozenset[int] = frozenset()
    """See `Job.within_line`."""
    received: list[int] = field(default_factory=list)
    """Signals that arrived here while it ran."""

    def execute(
        self,
        executor: Executor | None = None,
        *,
        echo: bool = True,
        on_tick: Callable[[], bool] | None = None,
        on_start: Callable[[], None] | None = None,
    ) -> Manifest:
        """Start the command, relay it, watch it, and seal its record.

        Args:
            executor: where it executes; this machine when None.
            echo: forward the command's output to ours.
            on_tick: called now and then while it runs; True stops the command.
            on_start: called once it executes.

        Raises:
            ReenactError: the command could not be started (the run folder is gone then), or, where ``exit`` is set, it
                has ended and its record could not be sealed.
        """
        resume, contained = self.request.resume, self.request.container is not None
        spec = RunSpec(
            argv=self.argv,
            cwd=self.rerun.start_cwd if self.rerun and not contained else self.request.cwd,
            env=self.env,
            run_dir=self.run_dir,
            pre_exec=self.rerun.pre_exec if self.rerun else self.request.pre_exec,
            echo=echo,
            stdin="inherit" if echo else "null",
        )
        view = _View(self.rerun) if self.rerun else _Shown(resume.shown, self.start) if resume else None
        collector = Collector(self.run_dir, self.start.root, self.store.blobs, self.store.hasher, view=view)
        before = view.scan() if view else scan_tree(self.start.root)
        try:
            job = self._placed(executor or LocalExecutor()).start(spec)
        except BaseException:
            shutil.rmtree(self.run_dir, ignore_errors=True)
            raise
        if on_start is not None:
            on_start()
        observer = _Observer(self, collector, job.pid if self.request.container is None else None)
        observer.start()

        def tick() -> None:
            if on_tick is not None and not self.stop_requested and on_tick():
                self.stop_requested = True
                job.stop(grace=2.0)

        try:
            self.exit = job.wait(tick if on_tick is not None else None, interval=0.1)
            self.within_line = job.within_line
            self.received = job.received
        finally:
            observer.finish()
        self.problems += job.problems + observer.problems
        return self.store.seal(self.run, collector=collector, before_scan=before, problems=self.problems)

    def _placed(self, executor: Executor) -> Executor:
        """The executor, or a container that it looks after."""
        container = self.request.container
        if container is None:
            return executor
        binds = self.rerun.binds if self.rerun else project_binds(self)
        return ContainerExecutor(container, binds, self.run, executor, keep=self.rerun is None)


def begin(
    store: Store,
    request: Request,
    rerun: Rerun | None = None,
    run: str | None = None,
    window: tuple[int, int] | None = None,
) -> Session:
    """Make the folder of a new run, with everything in it that is known before the command starts.

    Args:
        rerun: what makes it a replay.
        run: id of a run whose folder was made before.
        window: steps to sample tensor by tensor, whatever the schedule says.

    Raises:
        ReenactError: the store cannot be written.
    """
    run_dir = store.new_run_dir(run) if run is None or not store.run_dir(run).exists() else store.run_dir(run)
    run = run_dir.name
    env, hide, hash_seed = _environment(request, rerun, run_dir)
    settings: dict[str, Any] = {
        "run_dir": str(run_dir),
        "root": rerun.root if rerun else str(store.root),
        "process": "launcher" if _launches(request.argv) else "rank0",
        "hide": hide,
        "deterministic": request.deterministic,
    }
    if window is not None:
        settings["window"] = list(window)
    resume = request.resume
    given = rerun.journals if rerun is not None else resume.journals if resume is not None else None
    if given is not None:
        settings["replay_dir"] = str(given)
    options: dict[str, Any] = {"deterministic": request.deterministic}
    if request.metrics_from_log:
        options[FROM_LOG] = list(request.metrics_from_log)
    if request.container is not None:
        settings["usage"] = True
        keep_lock(store, request.container)
    jobs = rerun.jobs if rerun is not None else {"done": resume.done, "only": None} if resume is not None else None
    if jobs is not None:
        settings["jobs"] = jobs
        options["skip"] = jobs["done"]
    edited = Edited(request.argv)
    if request.overrides:
        place = (lambda path: str(rerun.place(path))) if rerun else str
        edited = edit(request, settings["root"], run_dir, place)
        settings["overrides"] = edited.settings
    shown, redacted = redact_env(dict(request.env))
    argv, in_argv = redact_argv(list(request.argv))
    start = Start(
        run=run,
        name=request.name,
        experiment=request.experiment,
        tags=list(request.tags),
        note=request.note,
        argv=argv,
        kind=request.kind,
        root=rerun.root if rerun else str(store.root),
        cwd=request.cwd,
        env=shown,
        redacted=sorted({*redacted, *in_argv}),
        options=options,
        started=iso_time(),
        host=platform.node(),
        boot_id=boot_id(),
        supervisor=this_process(),
        replay_of=rerun.baseline if rerun else None,
        resumes=resume.run if resume else None,
        user=_user(),
        hash_seed=hash_seed,
        overrides=list(request.overrides),
        container=request.container.to_json() if request.container is not None else None,
    )
    problems = []
    try:
        place = (lambda path: str(rerun.place(path))) if rerun else str
        write_constants(run_dir, request, str(rerun.tree if rerun else store.root), place)
    except (ValueError, RecursionError, OSError) as problem:
        # What cannot be told of a source does not keep it from running.
        problems.append(f"constants: {problem!r}")
    write_atomic(run_dir / layout.PROBE, json.dumps(settings, indent=1).encode())
    write_atomic(run_dir / layout.START, msgspec.json.format(msgspec.json.encode(start), indent=1))
    return Session(store, request, run, run_dir, rerun, env, start, edited.argv, problems)


def _environment(
    request: Request, rerun: Rerun | None, run_dir: Path
) -> tuple[dict[str, str], dict[str, str | None], HashSeed]:
    """The command's environment, what of it the program is not to see, and its hash seed."""
    env = dict(request.env)
    hide: dict[str, str | None] = {"PYTHONPATH": env.get("PYTHONPATH")}
    given = env.get("PYTHONHASHSEED")
    known = rerun.hash_seed if rerun is not None else request.resume.hash_seed if request.resume is not None else None
    if known is not None:
        hash_seed = known
    elif given not in (None, "", "random"):
        hash_seed = HashSeed(str(given), False)
    else:
        # Python's own random choice cannot be read back, so we choose, at random like Python.
        hash_seed = HashSeed(str(random.SystemRandom().randrange(1, 2**32)), True)
    if hash_seed.chosen:
        hide["PYTHONHASHSEED"] = given
    env["PYTHONHASHSEED"] = hash_seed.value
    if request.deterministic and "CUBLAS_WORKSPACE_CONFIG" not in env:
        env["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    own = env.get("PYTHONPATH")
    inject = str(INJECT) if request.container is None else INJECT_INSIDE
    env["PYTHONPATH"] = inject + (os.pathsep + own if own else "")
    env[knobs.PROBE] = str(run_dir / layout.PROBE)
    env.pop(knobs.PROCESS, None)
    return env, hide, hash_seed


def _launches(argv: tuple[str, ...]) -> bool:
    """True for a launcher of ranks, which itself is not rank 0."""
    return any(os.path.basename(word) in LAUNCHERS for word in argv[:4])


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


class _View:
    """Where the files of a replayed process lie for us."""

    def __init__(self, rerun: Rerun) -> None:
        self._rerun = rerun

    def place(self, path: str) -> str:
        return str(self._rerun.place(path))

    def scan(self) -> Scan:
        tree, seen = str(self._rerun.tree), self._rerun.root
        found = scan_tree(tree)
        return Scan({seen + path[len(tree) :]: info for path, info in found.files.items()}, found.truncated)


class _Shown:
    """Where the files of a sweep that goes on lie for us: some are shown to it with their recorded content."""

    def __init__(self, shown: Mapping[str, Path], start: Start) -> None:
        self._shown = shown
        self._others = Mounted(start)

    def place(self, path: str) -> str:
        return str(self._shown.get(path) or self._others.place(path))

    def scan(self) -> Scan:
        return self._others.scan()


class _Observer(threading.Thread):
    """While the command runs: takes hold of files as they are named, and describes the environment and the source."""

    def __init__(self, session: Session, collector: Collector, pid: int | None) -> None:
        super().__init__(name="reenact-observer", daemon=True)
        self._session = session
        self._collector = collector
        self._pid = pid
        self._usage = Usage(session.run_dir, pid)
        self._ended = threading.Event()
        self.problems: list[str] = []

    def run(self) -> None:
        for work in (self._source, self._environment):
            try:
                work()
            except Exception as problem:
                self.problems.append(f"{work.__name__.strip('_')}: {problem!r}")
        pause = 0.1
        while not self._ended.wait(pause):
            self._collector.poll()
            self._open_files()
            self._look()
            pause = min(pause * 1.5, 2.0)

    def finish(self) -> None:
        """Wait until everything that was begun is done."""
        self._ended.set()
        self.join()

    def _look(self) -> None:
        try:
            self._usage.look()
        except OSError as problem:
            self.problems.append(f"what the command uses: {problem}")

    def _open_files(self) -> None:
        if self._pid is None:
            return
        try:
            self._collector.saw_open(open_files(self._pid))
        except OSError as problem:
            self.problems.append(f"open files: {problem!r}")

    def _source(self) -> None:
        session = self._session
        if session.rerun is not None:
            return
        state = git_state(str(session.store.root), store=str(session.store.folder))
        if state is None:
            return
        patch = state.pop("patch", b"")
        state["patch"] = session.store.blobs.put_bytes(patch) if patch else None
        if patch:
            write_atomic(session.run_dir / layout.PATCH, patch)
            # It may be large, and the same for many runs.
            share(session.run_dir / layout.PATCH, session.store.blobs.path(state["patch"]))
        write_atomic(session.run_dir / layout.SOURCE, json.dumps(state, default=str).encode())

    def _environment(self) -> None:
        session = self._session
        container = session.request.container
        machine = hardware() if container is None else {}
        python = self._start_event()
        packages: list[dict[str, Any]] | None = None
        if container is not None:
            inside = describe_container(session.store, container, python)
            machine, packages = inside["hardware"], inside["distributions"]
        elif python is None and session.request.kind != "command":
            try:
                cache = str(session.store.folder / "cache" / "interpreters.json")
                python = probe_interpreter(session.request.argv[0], dict(session.request.env), cache)
            except ReenactError as problem:
                self.problems.append(f"environment: {problem.what}")
        found = snapshot(python or {"path": []}, session.request.env, hardware=machine, packages=packages)
        write_atomic(session.run_dir / layout.ENVIRONMENT, json.dumps(found.environment, default=str).encode())
        if found.environment["distributions"]:
            session.store.blobs.put_bytes(found.lock.encode())
            write_atomic(session.run_dir / layout.PYLOCK, found.lock.encode())
            write_atomic(session.run_dir / layout.FREEZE, found.freeze.encode())

    def _start_event(self) -> dict[str, Any] | None:
        """The main process's start event, once it is there; None when it does not come or the command has ended."""
        folder = self._session.run_dir / layout.JOURNAL
        for _ in range(400):
            for path in (folder / "rank0.jsonl", folder / "launcher.jsonl"):
                try:
                    with open(path, "rb") as file:
                        line = file.readline()
                except OSError:
                    continue
                if line.endswith(b"\n"):
                    event: dict[str, Any] = json.loads(line)
                    return event
            if self._ended.wait(0.01):
                # It may have written its first line and ended within this wait.
                self._ended.wait(0)
                if not any(folder.glob("*.jsonl")):
                    return None
        return None
