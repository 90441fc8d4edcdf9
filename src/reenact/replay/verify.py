"""Execute a recorded run again, and say to the bit whether it came out the same."""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ..environment.compare import EnvChange
from ..environment.compare import compare as compare_environments
from ..environment.interpreter import probe_interpreter
from ..environment.packages import check_files
from ..environment.snapshot import snapshot
from ..environment.variables import missing_secrets, replay_env
from ..errors import EXIT_NOT_REPLAYABLE, ReenactError
from ..record import layout
from ..record.schema import Manifest
from ..record.trace import TraceReader, TraceTail
from ..record.verdicts import Verdict, write_verdict
from ..store.project import Store
from . import recorded as rec
from .causes import Context, rank
from .changes import diff_manifests
from .compare import MultiComparer, Tolerance, verdict
from .difference import Difference
from .inputs import check_inputs
from .outputs import compare_outputs, outputs_agree
from .runs import journal_events
from .session import INJECT, Request, Rerun, begin
from .workspace import Workspace, build


class Progress(Protocol):
    """What a verification tells while it runs."""

    def message(self, text: str) -> None:
        """One line for a person."""

    def update(self, equal: int, total: int, elapsed: float, baseline_seconds: float | None) -> None:
        """How far the replay has come: steps equal so far, of how many; seconds so far, seconds the baseline took."""


@dataclass(frozen=True)
class Options:
    """How to verify.

    Attributes:
        stop: end the replay at the first difference.
        fresh_entropy: do not give recorded entropy back.
        stored_inputs: use the stored content of inputs that have changed since.
        allow_outside_writes: let the replay write outside the project where it cannot be redirected.
        ignore: glob patterns of outputs that are not compared.
        tolerance: compare numbers by value.
        python: interpreter to use instead of the recorded one.
        echo: show the replay's output.
        keep: leave the workspace where it is.
    """

    stop: bool = True
    fresh_entropy: bool = False
    stored_inputs: bool = False
    allow_outside_writes: bool = False
    ignore: tuple[str, ...] = ()
    tolerance: Tolerance | None = None
    python: str | None = None
    echo: bool = False
    keep: bool = False


@dataclass
class Verification:
    """What came out. ``data`` is the JSON that ``reenact verify --json`` prints."""

    verdict: str
    data: dict[str, Any]
    log_tail: list[str] = field(default_factory=list)


def verify(store: Store, run: str, options: Options, progress: Progress) -> Verification:
    """Replay a run and compare.

    Raises:
        ReenactError: it cannot be replayed (exit code 3), or an interpreter is missing (exit code 4).
    """
    baseline = store.manifest(run)
    _refuse_unreplayable(baseline)
    python = _interpreter(baseline, options)
    differences = _check_environment(store, baseline, python, progress)
    recorded = _recorded(baseline)
    _check_inputs(store, recorded, options)
    run_dir = store.new_run_dir()
    target = store.tmp_folder / f"replay-{run_dir.name}-{os.getpid()}"
    try:
        workspace = _build(store, baseline, recorded, run_dir, target, options, progress)
    except BaseException:
        shutil.rmtree(run_dir, ignore_errors=True)
        raise
    try:
        return _replay(store, baseline, workspace, run_dir.name, python, differences, options, progress)
    finally:
        if options.keep:
            progress.message(f"the workspace is kept in {target}")
        else:
            workspace.cleanup()


def _refuse_unreplayable(baseline: Manifest) -> None:
    redacted = [gap.detail for gap in baseline.gaps if gap.id.startswith("redacted-")]
    if redacted:
        raise ReenactError(
            "redacted",
            "the record lacks secrets that a replay needs: " + "; ".join(redacted),
            fix="pass secrets in environment variables, not as arguments",
            exit_code=EXIT_NOT_REPLAYABLE,
        )
    unstored = [gap.detail for gap in baseline.gaps if gap.id == "code-not-stored"]
    if unstored:
        raise ReenactError(
            "code-not-stored",
            "the record lacks code that a replay needs: " + "; ".join(unstored),
            fix="record the run again without editing its code meanwhile",
            exit_code=EXIT_NOT_REPLAYABLE,
        )


def _interpreter(baseline: Manifest, options: Options) -> str | None:
    """The interpreter to use; None for a command that is no Python."""
    if baseline.command.kind == "command" and not os.path.basename(baseline.command.argv[0]).startswith("python"):
        return None
    if options.python is not None:
        found = shutil.which(options.python)
        if found is None:
            raise ReenactError("no-python", f"there is no interpreter {options.python}", exit_code=4)
        return found
    before = baseline.command.interpreter
    if before is not None and os.access(before, os.X_OK):
        return before
    found = shutil.which(os.path.basename(baseline.command.argv[0])) or shutil.which("python3")
    if found is None:
        raise ReenactError(
            "no-python",
            f"the recorded interpreter {before} is gone, and there is no other on PATH",
            fix="activate an environment, or name one with --python",
            exit_code=4,
        )
    return found


def _check_environment(store: Store, baseline: Manifest, python: str | None, progress: Progress) -> list[EnvChange]:
    """What differs between the recorded environment and this one; told before anything starts."""
    recorded = msgspec.to_builtins(baseline.environment)
    env = replay_env(baseline.command.env, dict(os.environ))
    about: Mapping[str, Any] = {"path": []}
    if python is not None:
        about = probe_interpreter(python, env, str(store.folder / "cache" / "interpreters.json"))
    current = snapshot(about, env).environment
    changes = [change for change in compare_environments(recorded, current) if change.kind != "library"]
    recorded_prefix, prefix = recorded["python"].get("prefix"), about.get("prefix")
    if recorded_prefix and prefix and recorded_prefix != prefix:
        progress.message(f"environment: {prefix}, recorded in {recorded_prefix}")
    for change in changes:
        progress.message(f"environment: {change.kind} {change.name}: recorded {change.recorded}, now {change.current}")
    for distribution in current["distributions"]:
        for problem in check_files(distribution, content=False)[:3]:
            progress.message(f"environment: {distribution['name']}: {problem['path']} is {problem['problem']}")
    return changes


def _recorded(baseline: Manifest) -> rec.Recorded:
    python = baseline.environment.python
    return rec.Recorded(
        root=baseline.command.root,
        cwd=baseline.command.cwd,
        argv=tuple(baseline.command.argv),
        code=tuple(rec.CodeFile(f.path, f.digest, f.size, f.mode) for f in baseline.code.files),
        inputs=tuple(rec.InputFile(f.path, f.digest, f.size, f.mtime_ns, f.mode) for f in baseline.inputs),
        listings=tuple(rec.Listing(one.path, tuple(one.entries)) for one in baseline.listings),
        outputs=tuple(rec.OutputFile(f.path, f.existed) for f in baseline.outputs),
        made=tuple(baseline.made),
        removed=tuple(baseline.removed),
        outside=tuple(baseline.outside),
        prefixes=tuple(p for p in (python.get("prefix"), python.get("base_prefix")) if p),
        editables=tuple(d.location for d in baseline.environment.distributions if d.editable and d.location),
    )


def _check_inputs(store: Store, recorded: rec.Recorded, options: Options) -> None:
    """An input that is not what it was ends the verification, unless the run itself changed it."""
    if options.stored_inputs:
        return
    written = {output.path for output in recorded.outputs} | set(recorded.removed)
    untouched = dataclasses.replace(
        recorded, code=(), inputs=tuple(file for file in recorded.inputs if file.path not in written)
    )
    found = check_inputs(untouched, store.root, lambda _: None, lambda path: store.hasher.hash(path).digest)
    changed = [problem for problem in found if problem.current_digest is not None]
    if not changed:
        return
    stored = all(store.blobs.has(problem.recorded_digest) for problem in changed)
    raise ReenactError(
        "inputs-changed",
        f"{len(changed)} input(s) have changed since the run:\n  " + "\n  ".join(p.describe() for p in changed),
        fix="put the recorded content back"
        + (", or replay with the content that the store kept: --stored-inputs" if stored else ""),
        exit_code=EXIT_NOT_REPLAYABLE,
    )


def _build(
    store: Store,
    baseline: Manifest,
    recorded: rec.Recorded,
    run_dir: Path,
    target: Path,
    options: Options,
    progress: Progress,
) -> Workspace:
    def blob_path(digest: str) -> Path | None:
        if not store.blobs.has(digest):
            return None
        store.blobs.verify(digest)
        return store.blobs.path(digest)

    workspace = build(
        recorded,
        target,
        root=store.root,
        blob_path=blob_path,
        digest_of=lambda path: store.hasher.hash(path).digest,
        environ=baseline.command.env,
        writable=[run_dir],
        readable=[store.run_dir(baseline.run), INJECT.parent.parent],
    )
    for note in workspace.notes:
        progress.message(note)
    for path, folder in workspace.redirected.items():
        progress.message(f"the run writes {path}, outside the project: redirected, {folder} stays as it is")
    if workspace.needs_permission and not options.allow_outside_writes:
        workspace.cleanup()
        raise ReenactError(
            "outside-writes",
            "the run writes outside the project, where a replay would change your files:\n  "
            + "\n  ".join(workspace.needs_permission),
            fix="agree with --allow-outside-writes",
            exit_code=EXIT_NOT_REPLAYABLE,
        )
    for path in workspace.needs_permission:
        progress.message(f"the replay writes outside the project: {path}")
    return workspace


def _replay(
    store: Store,
    baseline: Manifest,
    workspace: Workspace,
    run: str,
    python: str | None,
    differences: list[EnvChange],
    options: Options,
    progress: Progress,
) -> Verification:
    env = replay_env(baseline.command.env, dict(os.environ)) | workspace.env_changes
    for name in missing_secrets(baseline.command.env, dict(os.environ)):
        progress.message(f"{name} is not set here, and its recorded value was redacted")
    argv = workspace.argv if python is None else (python, *workspace.argv[1:])
    request = Request(
        argv,
        baseline.command.kind,
        workspace.cwd,
        env,
        experiment=baseline.experiment,
        deterministic=bool(baseline.settings.get("deterministic")),
    )
    baseline_dir = store.run_dir(baseline.run)
    rerun = Rerun(
        baseline=baseline.run,
        root=workspace.seen,
        journals=None if options.fresh_entropy else baseline_dir / layout.JOURNAL,
        hash_seed=None if options.fresh_entropy else baseline.entropy.hash_seed,
        start_cwd=workspace.start_cwd,
        pre_exec=workspace.pre_exec,
        place=workspace.map_path,
        tree=workspace.tree,
    )
    session = begin(store, request, rerun, run=run)
    follower = _Follower(store, baseline, session.run_dir, options, progress)
    candidate = session.execute(echo=options.echo, on_tick=follower.tick)
    difference = follower.finish(stopped=session.stop_requested)
    if candidate.exit_code is None:
        raise ReenactError("replay-lost", "how the replay ended is not known", exit_code=EXIT_NOT_REPLAYABLE)
    for changed in workspace.changed():
        progress.message(f"WARNING: the replay changed a file of yours: {changed}")
    stopped = session.stop_requested
    outputs = [] if stopped else _outputs(store, baseline, candidate, options)
    return _conclude(store, baseline, candidate, difference, outputs, differences, stopped, follower, options)


class _Follower:
    """Compares the candidate's traces with the baseline's while they grow."""

    def __init__(self, store: Store, baseline: Manifest, run_dir: Path, options: Options, progress: Progress) -> None:
        self._folder = run_dir / layout.TRACE
        self._options = options
        self._progress = progress
        self._began = time.monotonic()
        self._wall = baseline.resources.wall
        self.total = max((trace.steps for trace in baseline.traces), default=0)
        folder = store.run_dir(baseline.run)
        readers = {trace.process: TraceReader(folder / trace.path) for trace in baseline.traces}
        ended = {process.process: process.complete for process in baseline.processes}
        self._comparer = MultiComparer(
            readers,
            ranks={trace.process: trace.rank or 0 for trace in baseline.traces},
            tolerance=options.tolerance,
            complete=all(ended.get(process, True) for process in readers),
        )
        self._tails: dict[str, TraceTail] = {}

    def tick(self) -> bool:
        """Compare what has come; True to stop the replay."""
        self._poll()
        self._progress.update(self.steps_equal, self.total, time.monotonic() - self._began, self._wall)
        return self._options.stop and self._comparer.settled

    def finish(self, stopped: bool) -> Difference | None:
        """Compare the rest; the earliest difference, or None."""
        self._poll()
        found = self._comparer.difference if stopped else self._comparer.finish()
        self._progress.update(self.steps_equal, self.total, time.monotonic() - self._began, self._wall)
        return found

    @property
    def steps_equal(self) -> int:
        """Optimizer steps that were equal in every process."""
        return self._comparer.steps_equal

    def _poll(self) -> None:
        for path in sorted(self._folder.glob("*.trace")):
            process = path.name.removesuffix(".trace")
            tail = self._tails.setdefault(process, TraceTail(path))
            events = tail.poll()
            if events:
                self._comparer.feed(process, events)


def _outputs(store: Store, baseline: Manifest, candidate: Manifest, options: Options) -> list[Any]:
    return compare_outputs(
        msgspec.to_builtins(baseline.outputs),
        msgspec.to_builtins(candidate.outputs),
        store.blobs.path,
        store.blobs.path,
        options.ignore,
        options.tolerance,
    )


def _conclude(
    store: Store,
    baseline: Manifest,
    candidate: Manifest,
    difference: Difference | None,
    outputs: list[Any],
    differences: list[EnvChange],
    stopped: bool,
    follower: _Follower,
    options: Options,
) -> Verification:
    same_exit = stopped or baseline.exit_code == candidate.exit_code or baseline.status == "interrupted"
    agree = outputs_agree(outputs) and same_exit
    word = verdict(difference, agree, options.tolerance)
    causes = []
    if word == "diverged":
        a, b = msgspec.to_builtins(baseline), msgspec.to_builtins(candidate)
        context = Context(
            difference=difference,
            changes=tuple(diff_manifests(a, b, _blob_reader(store))),
            a=a,
            b=b,
            events_a=journal_events(store.run_dir(baseline.run)),
            events_b=journal_events(store.run_dir(candidate.run)),
            fresh_entropy=options.fresh_entropy,
            outputs=tuple(outputs),
        )
        causes = [cause.to_dict() for cause in rank(context)]
    gaps = [msgspec.to_builtins(gap) for gap in (*baseline.gaps, *candidate.gaps)]
    gaps = [gap for index, gap in enumerate(gaps) if gap not in gaps[:index]]
    if word in ("identical", "equivalent") and not baseline.traces and not baseline.outputs:
        gaps.append({"id": "nothing-compared", "detail": "the run left neither a trace nor an output", "replay": False})
    data: dict[str, Any] = {
        "verdict": word,
        "baseline": baseline.run,
        "candidate": candidate.run,
        "steps_compared": follower.steps_equal,
        "steps": follower.total,
        "first_difference": difference.to_dict() if difference is not None else None,
        "outputs": [output.to_dict() for output in outputs],
        "outputs_compared": not stopped,
        "exit_code": {"baseline": baseline.exit_code, "candidate": None if stopped else candidate.exit_code},
        "causes": causes,
        "differences": [dataclasses.asdict(change) for change in differences],
        "gaps": gaps,
        "seconds": {"baseline": baseline.resources.wall, "candidate": candidate.resources.wall},
    }
    write_verdict(
        store.run_dir(baseline.run),
        Verdict(
            verdict=word,
            baseline=baseline.run,
            candidate=candidate.run,
            who=candidate.command.user,
            when=datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z"),
            machine={"host": platform.node(), "system": platform.platform()},
            steps_compared=data["steps_compared"],
            first_difference=data["first_difference"],
            causes=causes,
            outputs=data["outputs"],
            differences=data["differences"],
            gaps=gaps,
            tolerance=options.tolerance.relative if options.tolerance is not None else None,
        ),
    )
    tail: list[str] = []
    if not same_exit or (difference is not None and candidate.status == "failed" and not stopped):
        tail = _log_tail(store.run_dir(candidate.run))
    return Verification(word, data, tail)


def _blob_reader(store: Store) -> Callable[[str], bytes]:
    def read(digest: str) -> bytes:
        return store.blobs.path(digest).read_bytes()

    return read


def _log_tail(run_dir: Path, lines: int = 12) -> list[str]:
    try:
        text = (run_dir / layout.LOG).read_bytes()[-16_384:].decode(errors="replace")
    except OSError:
        return []
    return text.splitlines()[-lines:]
