"""The same training script recorded by reenact and tracked by MLflow in SQLite: what each adds to a step, start-up apart.

MLflow is installed into the benchmarks' own virtual environment, which may take minutes the first time.

    python benchmarks/peers.py
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys

from installed import python_with
from measuring import WORKLOADS, Pairs, Row, project, reenact, reported, run, table

STEPS = 400


def rows(quick: bool = False) -> list[Row]:
    """The rows of this benchmark; none where MLflow cannot be installed."""
    python, problem = python_with("mlflow", "mlflow", limit=600)
    if python is None:
        print(f"peers: mlflow: skipped: {problem}", file=sys.stderr)
        return []
    words = ["--model", "cnn", "--data", "manual", "--batch", "8", "--steps", str(STEPS)]
    sides = {
        "bare": [python, "train.py", *words],
        "reenact": reenact("run", "--quiet", python, "train.py", *words),
        "mlflow.autolog": [python, "mlflow_train.py", "--autolog-only", *words],
        "mlflow.log_metric": [python, "mlflow_train.py", *words],
    }
    walls: dict[str, list[float]] = {name: [] for name in sides}
    with project() as folder:
        for name in ("train.py", "mlflow_train.py"):
            shutil.copy(WORKLOADS / name, folder)
        for number in range((3 if quick else 5) + 1):
            for name, argv in sides.items() if number % 2 else reversed(sides.items()):
                wall = reported(run(argv, folder)[1])["wall"]
                if number:
                    walls[name].append(wall)
    found = []
    step = statistics.median(walls["bare"]) / STEPS
    for name in list(sides)[1:]:
        pairs = Pairs(tuple(walls["bare"]), tuple(walls[name]))
        note = f"{pairs.added / STEPS * 1e6:+,.0f} us a step of {step * 1e3:.2f} ms"
        found.append(Row(f"peers {name}", str(pairs), pairs.ratio, None, "x", note))
    return found


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(table(rows()))


if __name__ == "__main__":
    main()
