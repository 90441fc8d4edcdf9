"""Wall time of ``reenact verify`` against the bare run: with start-up, and without.

Start-up is what a run of no steps costs, taken in the same rounds and subtracted on both sides.

    python benchmarks/verify_cost.py
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys

from measuring import WORKLOADS, Pairs, Row, paired, project, reenact, run, table

STEPS = 400


def rows(quick: bool = False) -> list[Row]:
    """The rows of this benchmark."""
    pairs = 3 if quick else 7
    with project() as folder:
        shutil.copy(WORKLOADS / "train.py", folder)
        words = [sys.executable, "train.py", "--model", "cnn", "--data", "loader", "--batch", "24"]
        whole, none = [*words, "--steps", str(STEPS)], [*words, "--steps", "1"]
        run(reenact("run", "--quiet", "--name", "whole", *whole), folder)
        run(reenact("run", "--quiet", "--name", "none", *none), folder)
        bare: list[tuple[float, float]] = []
        verified: list[tuple[float, float]] = []

        def side(argv: list[str], empty: list[str], kept: list[tuple[float, float]]) -> float:
            kept.append((run(argv, folder)[0], run(empty, folder)[0]))
            return kept[-1][0]

        walls = paired(
            lambda: side(whole, none, bare),
            lambda: side(reenact("verify", "whole"), reenact("verify", "none"), verified),
            pairs,
        )
    bare, verified = bare[1:], verified[1:]
    starts = Pairs(tuple(b for _, b in bare), tuple(b for _, b in verified))
    apart = Pairs(tuple(a - b for a, b in bare), tuple(a - b for a, b in verified))
    note = f"{statistics.median(walls.b):.2f} s against {statistics.median(walls.a):.2f} s; start-up adds {starts.added:.2f} s"
    return [
        Row("verify, all of it", str(walls), walls.ratio, None, "x", note),
        Row("verify, start-up apart", str(apart), apart.ratio, 1.05, "x", f"{STEPS} steps of a CNN, by a DataLoader"),
    ]


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(table(rows()))


if __name__ == "__main__":
    main()
