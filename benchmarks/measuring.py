"""Starting processes, taking paired times, and saying how sure the ratio is.

Machines are noisy, so nothing here compares two numbers taken at different times: the two sides are run in turn, in
pairs (A B, B A, A B …), each pair gives one ratio, and the median of those is reported with its quartiles.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
WORKLOADS = HERE / "workloads"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: what was measured.
        measured: the number as a person reads it, with its spread.
        value: the number that the budget is compared with.
        budget: the most that it may be, or None where there is none.
        unit: of value and budget: ``x`` for a ratio, else ``B``, ``us``, ``s`` …
        note: what a reader needs beside it.
    """

    name: str
    measured: str
    value: float
    budget: float | None = None
    unit: str = "x"
    note: str = ""

    @property
    def verdict(self) -> str:
        """``ok``, ``over``, or ``-`` where there is no budget."""
        if self.budget is None:
            return "-"
        return "ok" if self.value <= self.budget else "over"


@dataclass(frozen=True)
class Pairs:
    """Times of two sides taken in turn; seconds."""

    a: tuple[float, ...]
    b: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """b / a of every pair."""
        return [y / x for x, y in zip(self.a, self.b)]

    @property
    def ratio(self) -> float:
        """Median of the pairs' ratios."""
        return statistics.median(self.ratios)

    @property
    def added(self) -> float:
        """Median of the pairs' differences, in seconds."""
        return statistics.median(y - x for x, y in zip(self.a, self.b))

    def __str__(self) -> str:
        low, high = quartiles(self.ratios)
        return f"{self.ratio:.3f}x [{low:.3f}, {high:.3f}]"


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """First and third quartile."""
    if len(values) < 2:
        return values[0], values[0]
    cut = statistics.quantiles(values, n=4, method="inclusive")
    return cut[0], cut[2]


def paired(a: Callable[[], float], b: Callable[[], float], pairs: int, warm: bool = True) -> Pairs:
    """Times both sides in turn, the order changing from pair to pair.

    Args:
        a: the side to compare with; returns seconds.
        b: the other side.
        pairs: how many.
        warm: run each once before, uncounted, so that files are in the cache and bytecode is compiled.
    """
    if warm:
        a()
        b()
    left, right = [], []
    for number in range(pairs):
        if number % 2 == 0:
            left.append(a())
            right.append(b())
        else:
            right.append(b())
            left.append(a())
    return Pairs(tuple(left), tuple(right))


def environment(**more: str) -> dict[str, str]:
    """The environment of every measured process: this interpreter first on PATH, nothing of reenact's own.

    Byte code is kept, as it is where a package is installed: compiling on every start would measure the compiler.
    """
    left = ("REENACT_", "PYTHONDONTWRITEBYTECODE")
    env = {key: value for key, value in os.environ.items() if not key.startswith(left)}
    env["PATH"] = f"{BIN}{os.pathsep}{env.get('PATH', '')}"
    env.update(more)
    return env


def run(argv: Sequence[str], cwd: Path, env: dict[str, str] | None = None) -> tuple[float, str]:
    """Runs a process to its end; (wall seconds, stdout).

    Raises:
        SystemExit: it failed; a number from a failed run is worth nothing.
    """
    began = time.perf_counter()
    done = subprocess.run(
        list(argv), cwd=cwd, env=env or environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    wall = time.perf_counter() - began
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return wall, done.stdout


def timer(argv: Sequence[str], cwd: Path, env: dict[str, str] | None = None) -> Callable[[], float]:
    """A function that runs a process and returns its wall seconds."""
    return lambda: run(argv, cwd, env)[0]


def reenact(*words: str) -> list[str]:
    """The command line of the reenact that is installed beside this interpreter."""
    script = BIN / "reenact"
    if not script.exists():
        raise SystemExit(f"there is no reenact beside {sys.executable}: install it there (pip install -e .)")
    return [str(script), *words]


def reported(stdout: str) -> dict:
    """What a workload says of itself: the JSON after ``REPORT`` on its last such line."""
    for line in reversed(stdout.splitlines()):
        if line.startswith("REPORT "):
            found: dict = json.loads(line[7:])
            return found
    raise SystemExit("the workload did not report:\n" + stdout[-2000:])


@contextmanager
def project() -> Iterator[Path]:
    """An empty project folder with a store in it, deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="reenact-bench-") as folder:
        path = Path(folder).resolve()
        (path / ".reenact").mkdir()
        yield path


def table(rows: Sequence[Row]) -> str:
    """The rows as text: name, measured, budget, ok or over, note."""
    head = ("benchmark", "measured", "budget", "", "note")
    cells = [head] + [(r.name, r.measured, _budget(r), r.verdict, r.note) for r in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(4)]
    return "\n".join("  ".join([*(c.ljust(w) for c, w in zip(line, widths)), line[4]]).rstrip() for line in cells)


def _budget(row: Row) -> str:
    if row.budget is None:
        return "-"
    if row.unit == "x":
        return f"{row.budget:g}x"
    return f"{row.budget:,.0f} {row.unit}" if row.budget >= 10 else f"{row.budget:.3g} {row.unit}"
