"""What recording adds to a training step, start-up apart.

The script clocks its own loop (``workloads/train.py``), bare and recorded in turn. The batch size is calibrated bare, so that a step
takes about the wanted time here. Two ratios are given: of the wall time of the whole loop, which is what the budget is about
and holds the first steps, sampled whole; and of CPU time, which other people's processes disturb less.

    python benchmarks/steps.py                 MLP and CNN at 1 and 10 ms, a transformer of 98 M parameters
    python benchmarks/steps.py --only mlp-1    one of them
    python benchmarks/steps.py --profile       microseconds that each part of the probe takes, by clocks inside it
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from measuring import WORKLOADS, Pairs, Row, environment, paired, project, reenact, reported, run, table

HEAP = {"MALLOC_TRIM_THRESHOLD_": str(1 << 30), "MALLOC_MMAP_THRESHOLD_": str(1 << 30)}
"""Memory that was freed is kept, on both sides: glibc gives it back and takes it again at every step or not at all, as addresses
happen to fall, with 12 to 180 page faults a step, bare and recorded alike, that take up to half a millisecond."""

FIRST = 16
"""Steps at the beginning that are sampled whole."""


@dataclass(frozen=True)
class Case:
    """One training script.

    Attributes:
        milliseconds: what a step is to take, or None to take ``batch`` as it is.
        steps: length of the loop.
        budget: ratio at most, or None.
    """

    name: str
    model: str
    data: str
    milliseconds: float | None
    steps: int
    budget: float | None
    batch: int = 1
    pairs: int = 5


CASES = (
    Case("mlp-1", "mlp", "loader", 1, 3000, 1.05),
    Case("mlp-1-manual", "mlp", "manual", 1, 3000, 1.05),
    Case("mlp-10", "mlp", "loader", 10, 250, 1.01),
    Case("cnn-1", "cnn", "manual", 1, 3000, 1.05),
    Case("cnn-10", "cnn", "loader", 10, 250, 1.01),
    Case("transformer", "transformer", "manual", None, 40, 1.01, pairs=3),
)

QUICK = ("mlp-1", "cnn-1", "cnn-10")
"""The cases of the quick set."""


def arguments(case: Case, threads: int, folder: Path) -> list[str]:
    """Words of the workload's command line, its batch size calibrated."""
    words = ["--model", case.model, "--data", case.data, "--threads", str(threads)]
    batch = case.batch
    if case.milliseconds:
        tuned = [*words, "--calibrate", str(case.milliseconds)]
        batch = reported(run([sys.executable, "train.py", *tuned], folder, environment(**HEAP))[1])["batch"]
    return [*words, "--steps", str(case.steps), "--batch", str(batch)]


def measure(case: Case, threads: int = 1, pairs: int | None = None) -> list[Row]:
    """The rows of one case."""
    with project() as folder:
        shutil.copy(WORKLOADS / "train.py", folder)
        words = arguments(case, threads, folder)
        command = [sys.executable, "train.py", *words]
        bare: list[dict] = []
        recorded: list[dict] = []

        def side(argv: list[str], kept: list[dict]) -> float:
            kept.append(reported(run(argv, folder, environment(**HEAP))[1]))
            return float(kept[-1]["wall"])

        warm = case.model != "transformer"
        walls = paired(
            lambda: side(command, bare),
            lambda: side(reenact("run", "--quiet", *command), recorded),
            pairs or case.pairs,
            warm,
        )
    skip = 1 if warm else 0
    bare, recorded = bare[skip:], recorded[skip:]
    if {report["loss"] for report in bare} != {report["loss"] for report in recorded}:
        raise SystemExit(f"{case.name}: the recorded run trained to another loss than the bare one")
    return _rows(case, walls, bare, recorded)


def _rows(case: Case, walls: Pairs, bare: list[dict], recorded: list[dict]) -> list[Row]:
    cpu = Pairs(tuple(r["cpu"] for r in bare), tuple(r["cpu"] for r in recorded))
    step = statistics.median(statistics.median(r["steps"]) for r in bare)
    quiet, quiet_recorded = _quiet(bare), _quiet(recorded)
    first = statistics.median(statistics.median(r["steps"][1:FIRST]) for r in recorded) - step
    note = (
        f"{case.steps} steps of {step * 1e3:.2f} ms, {case.data}; CPU {cpu}; a step that nobody disturbed "
        f"{quiet_recorded / quiet:.3f}x, {(quiet_recorded - quiet) * 1e6:+.0f} us; "
        f"the first {FIRST} {first * 1e6:+.0f} us each"
    )
    if case.model != "transformer":
        return [Row(f"steps {case.name}", str(walls), walls.ratio, case.budget, "x", note)]
    # Too few steps to spread the cost of the first ones, sampled whole: the others for themselves.
    later = Pairs(*(tuple(statistics.median(r["steps"][FIRST + 2 :]) for r in side) for side in (bare, recorded)))
    more = f"median step after the first {FIRST + 2}; samples come at a stride chosen to take 0.4 % more"
    return [
        Row(f"steps {case.name}, all {case.steps}", str(walls), walls.ratio, None, "x", note),
        Row(f"steps {case.name}, later", str(later), later.ratio, case.budget, "x", more),
    ]


def _quiet(reports: list[dict]) -> float:
    """Seconds of a step that other processes did not disturb: the least 10th percentile of all runs, first steps apart."""
    return min(sorted(r["steps"][FIRST:])[len(r["steps"][FIRST:]) // 10] for r in reports)


def profile(case: Case, threads: int) -> str:
    """Microseconds a step in each part of the probe, of a run with clocks in it."""
    with project() as folder:
        for name in ("train.py", "profiled.py"):
            shutil.copy(WORKLOADS / name, folder)
        words = arguments(case, threads, folder)
        steps = words.index("--steps") + 1
        words[steps] = "1100"
        report = reported(run(reenact("run", "--quiet", sys.executable, "profiled.py", *words), folder)[1])
    step = statistics.median(report["steps"]) * 1e6
    lines = [f"{case.name}: {step:.0f} us a step, typically; own times, each with about 0.3 us of clock for every call"]
    lines.append(f"  {'part':<24}{'calls':>7}{'typical':>9}{'mean':>9}{'first 100':>11}   us a step")
    typical = mean = 0.0
    for name, found in report["hooks"].items():
        if name.startswith("(") or not found["calls"]:
            continue
        lines.append(
            f"  {name:<24}{found['calls']:>7.2f}{found['median']:>9.1f}{found['mean']:>9.1f}{found['first']:>11.1f}"
        )
        typical += found["median"]
        mean += found["mean"]
    share = f"{100 * typical / step:.2f} % of a step, typically"
    lines.append(f"  {'all':<31}{typical:>9.1f}{mean:>9.1f}{'':>14}{share}")
    lines.append(f"  ({' '.join(words)})")
    return "\n".join(lines)


def rows(quick: bool = False) -> list[Row]:
    """The rows of the cases; of those that take least time when ``quick``."""
    chosen = [case for case in CASES if case.name in QUICK] if quick else list(CASES)
    return [row for case in chosen for row in measure(case, pairs=3 if quick else None)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[case.name for case in CASES], action="append")
    parser.add_argument("--pairs", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    chosen = [case for case in CASES if not args.only or case.name in args.only]
    if args.profile:
        for case in chosen:
            if case.milliseconds == 1 or args.only:
                print(profile(case, args.threads) + "\n")
        return
    found = []
    for case in chosen:
        found += measure(case, args.threads, args.pairs)
    print(table(found))


if __name__ == "__main__":
    main()
