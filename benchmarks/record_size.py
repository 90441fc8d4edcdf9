"""Bytes of the record of a 10,000-step run, by kind; blobs apart, which are the content of files and not the record's text.

python benchmarks/record_size.py
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from measuring import WORKLOADS, Row, project, reenact, run, table

STEPS = 10_000
BUDGET = 1_000_000


def sizes(folder: Path) -> dict[str, int]:
    """Bytes by kind: the first part of the path within the run's folder."""
    found: dict[str, int] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            kind = path.relative_to(folder).parts[0]
            found[kind] = found.get(kind, 0) + path.stat().st_size
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def measure(data: str, model: str = "cnn") -> list[Row]:
    """The row of one way to feed the loop."""
    with project() as folder:
        shutil.copy(WORKLOADS / "train.py", folder)
        words = [
            "--model",
            model,
            "--data",
            data,
            "--batch",
            "1",
            "--batches",
            "1000",
            "--brief",
            "--steps",
            str(STEPS),
        ]
        run(reenact("run", "--quiet", sys.executable, "train.py", *words), folder)
        (record,) = (folder / ".reenact" / "runs").iterdir()
        kinds = sizes(record)
        blobs = sum(p.stat().st_size for p in (folder / ".reenact" / "blobs").rglob("*") if p.is_file())
    total = sum(kinds.values())
    shown = ", ".join(f"{kind} {size:,}" for kind, size in kinds.items())
    note = f"{shown}; blobs {blobs:,}"
    return [Row(f"record of {STEPS:,} steps, {data}", f"{total:,} B", total, BUDGET, "B", note)]


def rows(quick: bool = False) -> list[Row]:
    """The rows of this benchmark."""
    return measure("loader") if quick else [*measure("loader"), *measure("manual")]


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(table(rows()))


if __name__ == "__main__":
    main()
