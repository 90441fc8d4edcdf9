"""Before a replay starts: is the record enough, is the environment the recorded one, are the inputs what they were?"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ..environment.compare import EnvChange
from ..environment.compare import compare as compare_environments
from ..environment.interpreter import probe_interpreter
from ..environment.packages import check_files
from ..environment.snapshot import snapshot
from ..environment.variables import replay_env
from ..errors import EXIT_NOT_REPLAYABLE, ReenactError
from ..record.schema import Manifest
from ..store.project import Store
from . import recorded as rec
from .contained import INJECT, mounts_of
from .difference import Tolerance
from .inputs import check_inputs
from .runs import cut_short
from .workspace import Workspace, build

TOLD_AT_MOST = 10
"""Inputs that are gone of which each is named."""


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
        in_place_env: use the environment as it is, whatever has changed in it.
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
    in_place_env: bool = False
    echo: bool = False
    keep: bool = False


def refuse_unreplayable(baseline: Manifest) -> None:
    if baseline.imported is not None:
        raise ReenactError(
            "imported",
            f"the run {baseline.run} was imported from {baseline.imported.get('from')}: "
            "its code, inputs and environment are not in the record, so it cannot be executed again",
            fix="record it with `reenact run`; that can be verified",
            exit_code=EXIT_NOT_REPLAYABLE,
        )
    redacted = [gap.detail for gap in baseline.gaps if gap.id.startswith("redacted-")]
    if redacted:
        raise ReenactError(
            "redacted",
            "the record lacks secrets that a replay needs: " + "; ".join(redacted),
            fix="pass secrets in environment variables, not as arguments",
            exit_code=EXIT_NOT_REPLAYABLE,
        )
    if cut_short(baseline) and not any(trace.events for trace in baseline.traces):
        raise ReenactError(
            "interrupted",
            f"the run {baseline.run} was interrupted and has no trace: a replay has nothing to be compared with",
            fix="let a run come to its end, then verify that",
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


def check_environment(store: Store, baseline: Manifest, python: str | None, progress: Progress) -> list[EnvChange]:
    """What differs between the recorded environment and this one; told before anything starts."""
    recorded = msgspec.to_builtins(baseline.environment)
    env = replay_env(baseline.command.env, dict(os.environ))
    # A program such as torchrun starts an interpreter of its own choice: the recorded one, where it is still there.
    chosen = python or baseline.environment.python.get("executable")
    if chosen is None or not os.access(chosen, os.X_OK):
        return []
    about: Mapping[str, Any] = probe_interpreter(chosen, env, str(store.folder / "cache" / "interpreters.json"))
    current = snapshot(about, env, variables=baseline.environment.variables).environment
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


def recorded_files(baseline: Manifest) -> rec.Recorded:
    prefixes = (baseline.environment.python.get(name) for name in ("prefix", "base_prefix"))
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
        # Of a container's environment nothing lies here.
        prefixes=tuple(p for p in prefixes if p) if baseline.container is None else (),
        editables=tuple(d.location for d in baseline.environment.distributions if d.editable and d.location),
        mounts=mounts_of(baseline.container) if baseline.container is not None else (),
    )


def _tell_gone_inputs(store: Store, recorded: rec.Recorded, progress: Progress) -> None:
    """Say which inputs come from the store since they are not in their places any more."""
    gone = []
    for file in _untouched_inputs(recorded):
        relative = rec.relative_to_root(file.path, recorded.root)
        place = os.path.join(store.root, relative) if relative is not None else recorded.place(file.path)
        if file.digest is not None and not os.path.exists(place) and store.blobs.has(file.digest):
            gone.append(file.path)
    for path in gone[:TOLD_AT_MOST]:
        progress.message(f"{path} is gone: the content that the store kept is used")
    if len(gone) > TOLD_AT_MOST:
        progress.message(f"{len(gone) - TOLD_AT_MOST} more inputs are gone, and taken from the store")


def _untouched_inputs(recorded: rec.Recorded) -> tuple[rec.InputFile, ...]:
    """Inputs that the run itself neither wrote nor removed."""
    written = {output.path for output in recorded.outputs} | set(recorded.removed)
    return tuple(file for file in recorded.inputs if file.path not in written)


def refuse_changed_inputs(
    store: Store, baseline: Manifest, recorded: rec.Recorded, options: Options, progress: Progress
) -> None:
    """An input that is not what it was ends the verification, unless the run itself changed it.

    Files that Hydra composed configs of are like code: their recorded content is used, and nothing is refused.
    """
    if options.stored_inputs:
        return
    untouched = dataclasses.replace(recorded, code=(), inputs=_untouched_inputs(recorded))
    found = check_inputs(untouched, store.root, lambda _: None, lambda path: store.hasher.hash(path).digest)
    changed = [problem for problem in found if problem.current_digest is not None]
    for problem in [one for one in changed if is_config(baseline, one.path) and store.blobs.has(one.recorded_digest)]:
        changed.remove(problem)
        progress.message(f"{problem.path} has changed since: the content that the store kept is used")
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


def is_config(baseline: Manifest, path: str) -> bool:
    """True for a file that Hydra read a config from, or that lies where Hydra looked for some."""
    full = os.path.normpath(os.path.join(baseline.command.root, path))
    if not full.endswith((".yaml", ".yml")):
        return False
    folders = {source.get("folder") for config in baseline.configs for source in config.sources}
    return any(folder and rec.is_under(full, os.path.normpath(folder)) for folder in folders)


def build_workspace(
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
        readable=[store.run_dir(baseline.run), *([] if baseline.container else [INJECT.parent.parent])],
        isolation="container" if baseline.container else None,
    )
    for note in workspace.notes:
        progress.message(note)
    _tell_gone_inputs(store, recorded, progress)
    written = {os.path.normpath(path) for path in recorded.outside}
    for path, folder in workspace.redirected.items():
        if os.path.normpath(path) in written:
            progress.message(f"the run writes {path}, outside the project: redirected, {folder} stays as it is")
        else:
            progress.message(f"{path} is shown with its recorded content")
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
