"""What logging one scalar costs the program: `reenact.log` against other loggers, in one call, in turn.

Each is a process of its own and as its documentation has it; only reenact's is recorded. The peers are installed into the benchmarks'
own virtual environment, which may take minutes the first time; one that cannot be is left out, and said to be.

    python benchmarks/logging_cost.py
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys

from installed import python_with
from measuring import WORKLOADS, Row, environment, project, reenact, reported, run, table

PEERS = {
    "json": (None, 200_000),
    "tensorboardX": ("tensorboardX", 20_000),
    "mlflow-async": ("mlflow", 2_000),
    "mlflow": ("mlflow", 500),
    "wandb": ("wandb", 10_000),
    "trackio": ("trackio", 20_000),
}
"""Logger: the package that it needs, and how many points are logged."""

POINTS = 300_000


def rows(quick: bool = False) -> list[Row]:
    """The rows of this benchmark."""
    env = environment(WANDB_SILENT="true", TRACKIO_DIR="trackio", GIT_PYTHON_REFRESH="quiet")
    env["NO_PROXY"] = "127.0.0.1,localhost," + os.environ.get("NO_PROXY", "")
    rounds = 3 if quick else 5
    sides: dict[str, list[str]] = {}
    with project() as folder:
        shutil.copy(WORKLOADS / "log_scalars.py", folder)
        sides["reenact"] = reenact("run", "--quiet", sys.executable, "log_scalars.py", "reenact", str(POINTS))
        for name, (package, count) in PEERS.items():
            python, problem = python_with(package, package, limit=600) if package else (sys.executable, "")
            if python is None:
                print(f"logging: {name}: left out: {problem}", file=sys.stderr)
                continue
            sides[name] = [python, "log_scalars.py", name, str(count)]
        found: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
        for number in range(rounds):
            for name, argv in sides.items() if number % 2 else reversed(sides.items()):
                found[name].append(reported(run(argv, folder, env)[1]))
    ours = [one["call"] for one in found["reenact"]]
    rows = [
        Row(
            "log: reenact, a call",
            f"{statistics.median(ours) * 1e6:.2f} us",
            statistics.median(ours) * 1e6,
            2.0,
            "us",
            "kept at once",
        )
    ]
    for name in list(found)[1:]:
        ratios = [peer["call"] / own for peer, own in zip(found[name], ours)]
        call, kept = (statistics.median(one[key] for one in found[name]) * 1e6 for key in ("call", "kept"))
        note = f"{call:,.1f} us a call, {kept:,.1f} us until it is kept"
        rows.append(
            Row(
                f"log: {name} against reenact",
                f"{statistics.median(ratios):,.1f}x",
                statistics.median(ratios),
                None,
                "x",
                note,
            )
        )
    return rows


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(table(rows()))


if __name__ == "__main__":
    main()
