"""Execute a recorded run again, and say to the bit whether it came out the same."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from ..record import layout
from ..record.ids import iso_time
from ..record.schema import Manifest
from ..record.verdicts import Verdict, write_verdict
from ..store.project import Store
from .again import Replayed, replay
from .causes import Context, rank
from .changes import diff_manifests
from .compare import verdict
from .diff import with_distance
from .logs import compare_logs
from .outputs import compare_outputs, outputs_agree
from .prepare import Options, Progress
from .runs import cut_short, journal_events


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
    replayed = replay(store, run, options, progress)
    partly = replayed.stopped or cut_short(baseline)
    outputs = [] if partly else _outputs(store, baseline, replayed.candidate, options)
    if not partly and _silent(baseline):
        log = compare_logs(store.run_dir(baseline.run), store.run_dir(replayed.candidate.run), options)
        outputs += [log] if log is not None else []
    found = _conclude(store, baseline, replayed, outputs, options)
    sweep = baseline.trial_of
    if sweep is not None and sweep.job > 0 and found.verdict == "diverged":
        progress.message(
            f"job {sweep.job} may depend on what the jobs before it left in the process they shared: "
            f"`reenact verify {sweep.run}` executes them all"
        )
    return found


def _silent(baseline: Manifest) -> bool:
    """The baseline left neither a trace nor an output: only what it printed can be compared."""
    return not baseline.outputs and not any(trace.events for trace in baseline.traces)


def _outputs(store: Store, baseline: Manifest, candidate: Manifest, options: Options) -> list[Any]:
    return compare_outputs(
        msgspec.to_builtins(baseline.outputs),
        msgspec.to_builtins(candidate.outputs),
        store.blobs.path,
        store.blobs.path,
        options.ignore,
        options.tolerance,
        watched=bool(baseline.processes),
        logs={path for config in baseline.configs for path in config.logs},
    )


def _conclude(
    store: Store,
    baseline: Manifest,
    replayed: Replayed,
    outputs: list[Any],
    options: Options,
) -> Verification:
    candidate, difference, stopped = replayed.candidate, replayed.difference, replayed.stopped
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
    # A replay that we ended ourselves has no end of its own.
    own = [gap for gap in candidate.gaps if not (stopped and gap.id in ("process-ended-abruptly", "end-not-seen"))]
    gaps = [msgspec.to_builtins(gap) for gap in (*baseline.gaps, *own)]
    gaps = [gap for index, gap in enumerate(gaps) if gap not in gaps[:index]]
    if word in ("identical", "equivalent") and _silent(baseline) and all(one.how == "ignored" for one in outputs):
        detail = "the run left neither a trace nor an output, and what it printed was not compared"
        if not outputs:
            detail = "the run left neither a trace nor an output, and printed nothing"
        gaps.append({"id": "nothing-compared", "detail": detail, "replay": False})
    data: dict[str, Any] = {
        "verdict": word,
        "baseline": baseline.run,
        "candidate": candidate.run,
        "steps_compared": replayed.steps_equal,
        "steps": replayed.steps,
        "first_difference": with_distance(difference),
        "outputs": [output.to_dict() for output in outputs],
        "outputs_compared": not (stopped or cut_short(baseline)),
        "baseline_status": baseline.status,
        "exit_code": {"baseline": baseline.exit_code, "candidate": None if stopped else candidate.exit_code},
        "causes": causes,
        "configs": [difference.to_dict() for difference in replayed.configs],
        "differences": [dataclasses.asdict(change) for change in replayed.environment],
        "gaps": gaps,
        "seconds": {"baseline": baseline.resources.wall, "candidate": candidate.resources.wall},
        "fresh_entropy": options.fresh_entropy,
    }
    write_verdict(
        store.run_dir(baseline.run),
        Verdict(
            verdict=word,
            baseline=baseline.run,
            candidate=candidate.run,
            who=candidate.command.user,
            when=iso_time(),
            machine={"host": platform.node(), "system": platform.platform()},
            steps_compared=data["steps_compared"],
            first_difference=data["first_difference"],
            causes=causes,
            outputs=data["outputs"],
            differences=data["differences"],
            gaps=gaps,
            tolerance=options.tolerance.relative if options.tolerance is not None else None,
            fresh_entropy=options.fresh_entropy,
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
