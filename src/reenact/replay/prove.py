"""The proof that a rewritten script computes what the original computes: both run, and everything is compared to the bit.

Both run in a copy of the project, under the recorder, with the libraries that draw seeded from outside with the value that the
rewrite's config holds. The original runs twice: where it differs from itself there is nothing to prove.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..environment.interpreter import find_python
from ..errors import EXIT_MISSING, ReenactError
from ..probe.traceformat import MAGIC, RECORD
from ..record import layout
from ..record.schema import Manifest
from ..store.project import Store
from .diff import diff
from .session import Request, begin

SEEDER = '''"""Seeds what the program will draw from, before it starts."""

import sys

sys.path[:] = [path for path in sys.path if path != __file__.rpartition("/")[0]]


def _seed():
    for name, seeding in {seeds!r}:
        try:
            module = __import__(name, fromlist=["seed"])
            getattr(module, seeding)({seed})
        except Exception as problem:
            sys.stderr.write(f"cannot seed {{name}}: {{problem}}\\n")


_seed()
del _seed
'''

SEEDS = {"random": ("random", "seed"), "numpy": ("numpy.random", "seed"), "torch": ("torch", "manual_seed")}

LEFT_OUT = (
    ".git",
    ".reenact",
    ".venv",
    "venv",
    "node_modules",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    "outputs",
    "multirun",
)
"""Folders that are not copied."""

LARGEST = 4 << 30
"""Bytes of a project that is still copied."""


@dataclass(frozen=True)
class Proof:
    """What was found.

    Attributes:
        verdict: ``identical``, ``diverged``, or ``not-provable``.
        reason: what differs, or why nothing can be said.
        steps: training steps compared.
        outputs: files compared.
        whole: both ran to their end, and so what they print and write was compared too.
    """

    verdict: str
    reason: str
    steps: int = 0
    outputs: int = 0
    whole: bool = True


def prove(
    script: Path,
    root: Path,
    app: str,
    files: Mapping[str, str],
    seeds: tuple[str, ...],
    seed: int = 0,
    steps: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Proof:
    """Run the original twice and the rewrite once, and compare.

    Args:
        script: the original.
        root: the project, which is copied; holds the script.
        app: source of the rewrite.
        files: path below ``conf/`` beside the script -> text.
        seeds: libraries that the rewrite seeds and the original does not.
        seed: their seed.
        steps: stop after so many training steps, and compare these.
        say: is told what is being done.

    Raises:
        ReenactError: the project is too large to copy, or nothing could be run.
    """
    _need_hydra()
    with tempfile.TemporaryDirectory(prefix="reenact-proof-") as folder:
        place = _Place(Path(folder), root, script.relative_to(root), seeds, seed, steps)
        say("running the original")
        first = place.run("original")
        if first.exit_code != 0 and first.status != "interrupted":
            return Proof("not-provable", f"the original fails (exit code {first.exit_code}): {place.complaint}")
        say("running the original again")
        again = place.run("original, again")
        differs = place.difference(first, again)
        if differs:
            return Proof("not-provable", f"the original differs from itself: {differs}", _steps(first))
        say("running the rewrite")
        second = place.run("rewrite", app, files)
        differs = place.difference(first, second)
        verdict = "diverged" if differs else "identical"
        outputs = sum(output.path != str(place.stderr) for output in first.outputs)
        return Proof(verdict, differs, min(_steps(first), _steps(second)), outputs, steps is None)


class _Place:
    """The copy of the project in which all three run, at the same path, from the same state."""

    def __init__(
        self, folder: Path, root: Path, script: Path, seeds: tuple[str, ...], seed: int, steps: int | None
    ) -> None:
        self._pristine = folder / "pristine"
        self._tree = folder / "project"
        self._root = root
        self._script = script
        self._steps = steps
        self.stderr = folder / "stderr.txt"
        _copy(root, self._pristine)
        shutil.copytree(self._pristine, self._tree, symlinks=True)
        self._store = Store(self._tree, folder / "store")
        self._store.create()
        seeder = folder / "seeder"
        seeder.mkdir()
        listed = tuple(SEEDS[name] for name in seeds)
        (seeder / "sitecustomize.py").write_text(SEEDER.format(seeds=listed, seed=seed))
        self._env = {**os.environ, "PYTHONHASHSEED": "0", "HYDRA_FULL_ERROR": "1"}
        own = self._env.get("PYTHONPATH")
        self._seeded = {**self._env, "PYTHONPATH": str(seeder) + (os.pathsep + own if own else "")}

    def run(self, name: str, app: str | None = None, files: Mapping[str, str] | None = None) -> Manifest:
        """Run the original, or the rewrite where one is given; the sealed record."""
        shutil.rmtree(self._tree)
        shutil.copytree(self._pristine, self._tree, symlinks=True)
        script = self._tree / self._script
        if app is not None:
            script.write_text(app, encoding="utf-8")
            for path, text in (files or {}).items():
                target = script.parent / "conf" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
        env = self._seeded if app is None else self._env
        # Warnings name lines, which differ, so stderr stays apart.
        quiet = ("sh", "-c", 'exec "$@" 2>"$0"', str(self.stderr))
        argv = (*quiet, find_python(env), str(self._script))
        session = begin(self._store, Request(argv, "command", str(self._tree), env, name))
        tracing = session.run_dir / layout.TRACE
        enough = None if self._steps is None else lambda: _last_step(tracing) >= (self._steps or 0)
        return session.execute(echo=False, on_tick=enough)

    def difference(self, first: Manifest, second: Manifest) -> str:
        """What differs between two runs, as a person reads it; empty where nothing does."""
        stopped = self._steps is not None
        if first.exit_code != second.exit_code and not stopped:
            return f"exit code {first.exit_code} and {second.exit_code}: {self.complaint}"
        found = diff(self._store, first.run, second.run, ignore=("outputs/**", "multirun/**"), closer=False)
        event = found["first_difference"]
        if event is not None:
            return f"step {event['step']}, {event['kind']} {event['name']}".rstrip()
        if stopped:
            return ""
        for output in found["outputs"]:
            path = str(output["path"])
            if not output["equal"] and path != str(self.stderr) and not path.startswith(("outputs/", "multirun/")):
                return f"file {path}: {output['how']}"
        logs = [(self._store.run_dir(one.run) / layout.LOG).read_bytes() for one in (first, second)]
        return "" if logs[0] == logs[1] else f"what it prints: {_first_line(*logs)}"

    @property
    def complaint(self) -> str:
        """The last line that the last run wrote to stderr."""
        lines = self.stderr.read_text(errors="replace").splitlines() if self.stderr.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _need_hydra() -> None:
    python = find_python(os.environ)
    if subprocess.run([python, "-c", "import hydra, omegaconf"], capture_output=True).returncode != 0:
        raise ReenactError(
            "no-hydra",
            f"{python} has no Hydra, so that the app cannot be run",
            fix=f"{python} -m pip install hydra-core",
            exit_code=EXIT_MISSING,
        )


def _copy(root: Path, target: Path) -> None:
    size = 0
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if name not in LEFT_OUT]
        size += sum(os.lstat(os.path.join(folder, name)).st_size for name in files)
        if size > LARGEST:
            raise ReenactError(
                "too-large",
                f"{root} holds more than {LARGEST >> 30} GB, which the proof would copy",
                fix="move the data out of the project, or extract with --no-proof",
                exit_code=1,
            )
    shutil.copytree(root, target, symlinks=True, ignore=lambda _, names: [n for n in names if n in LEFT_OUT])


def _steps(manifest: Manifest) -> int:
    return max((trace.steps for trace in manifest.traces), default=0)


def _last_step(folder: Path) -> int:
    """The step of the last event that has been written."""
    last = -1
    for path in folder.glob("*.trace"):
        whole = (path.stat().st_size - len(MAGIC)) // RECORD.size
        if whole > 0:
            with open(path, "rb") as file:
                file.seek(len(MAGIC) + (whole - 1) * RECORD.size)
                try:
                    last = max(last, RECORD.unpack(file.read(RECORD.size))[3])
                except struct.error:
                    continue
    return last


def _first_line(a: bytes, b: bytes) -> str:
    for one, other in zip([*a.splitlines(), b""], [*b.splitlines(), b""]):
        if one != other:
            return f"{one[:80]!r} and {other[:80]!r}"
    return "one goes on"
