"""Runs the benchmarks and prints one table: what was measured, the budget, and whether it holds.

Everything is a ratio of two sides that are run in turn on this machine. Nothing here fails because it is slow: the
exit code is 0 unless a benchmark could not run.

    python benchmarks/run.py                  the quick set, about seven minutes on two cores
    python benchmarks/run.py --full           more pairs, larger sizes, every case
    python benchmarks/run.py --peers          whole runs with MLflow beside them (installed on demand)
    python benchmarks/run.py --save           write benchmarks/results.json too
    python benchmarks/run.py startup steps    some of them
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
import time

from measuring import HERE, Row, table

QUICK = ("startup", "fingerprint", "record_size", "steps", "verify_cost", "containers", "listing_scale", "logging_cost")
"""Packages of others that the last two are measured against are installed on demand."""
PEERS = ("peers",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join((*QUICK, *PEERS))}; the first {len(QUICK)} when none"
    )
    parser.add_argument("--full", action="store_true", help="more pairs, larger sizes, every case")
    parser.add_argument("--peers", action="store_true", help="with the peers")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results.json")
    args = parser.parse_args()
    names = list(args.names or QUICK)
    unknown = sorted(set(names) - {*QUICK, *PEERS})
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join((*QUICK, *PEERS))}")
    if args.peers:
        names += [name for name in PEERS if name not in names]
    found: list[Row] = []
    for name in names:
        began = time.perf_counter()
        print(f"{name} …", end=" ", file=sys.stderr, flush=True)
        found += importlib.import_module(name).rows(quick=not args.full)
        print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    print(table(found))
    over = [row.name for row in found if row.verdict == "over"]
    print(f"\nover budget: {', '.join(over)}" if over else "\nall within budget")
    if args.save:
        _save(found)


def _save(found: list[Row]) -> None:
    data = {
        "machine": {
            "system": platform.platform(),
            "processor": platform.processor(),
            "python": platform.python_version(),
        },
        "rows": [
            {
                "name": r.name,
                "measured": r.measured,
                "value": r.value,
                "unit": r.unit,
                "budget": r.budget,
                "note": r.note,
            }
            for r in found
        ],
    }
    (HERE / "results.json").write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
