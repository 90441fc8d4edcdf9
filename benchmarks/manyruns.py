"""Makes a store with many runs in it: each is written as a supervisor and a probe write it, and sealed by `record.seal`.

    python benchmarks/manyruns.py FOLDER --runs 100000

Ten params and five metrics a run, of several experiments; tags, notes, replays with verdicts, sweeps with trials, some that failed. The
same number of runs is the same store each time. Two things differ from runs that were recorded: files are not synced one by one, and
the OCI index is not written at all. Which run a trial is of is put in after sealing, with the record's own schema.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import random
import socket
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from reenact.probe.metrics import RECORD
from reenact.record import layout
from reenact.record.ids import iso_time
from reenact.record.labels import Labels, write_labels
from reenact.record.schema import (
    End,
    ProcessInfo,
    Start,
    TrialOf,
    encode_manifest,
    write_struct,
)
from reenact.record.seal import seal
from reenact.record.verdicts import Verdict, write_verdict
from reenact.store.project import Store

EXPERIMENTS = ("mnist", "cifar", "ablation", "lr-search", "transfer", None)
OPTIMIZERS = ("sgd", "adam", "adamw")
METRICS = ("loss", "val/loss", "val/acc", "train/acc", "seconds per epoch")
EPOCHS = 4
SWEEP = 20
"""Of every 100 runs the last 20 are the trials of the one before them."""

_BEGINNING = datetime(2026, 1, 1, tzinfo=timezone.utc)
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_GONE = ProcessInfo(2**22 + 7, 1)
_ENVIRONMENT: dict[str, Any] = {
    "python": {"version": "3.11.7", "implementation": "cpython", "executable": "/env/bin/python"},
    "distributions": [
        {"name": f"package-{n}", "version": f"{n % 7}.{n % 11}.0", "fingerprint": "sha256:" + f"{n:064x}"}
        for n in range(30)
    ],
    "platform": {"machine": "x86_64", "system": "Linux"},
    "cpu": {"model": "a cpu", "count": 8},
    "variables": {"OMP_NUM_THREADS": "1"},
}


class Made(NamedTuple):
    """One run as it is to be: what its record will say."""

    id: str
    number: int
    started: datetime
    experiment: str | None
    name: str | None
    tags: list[str]
    params: dict[str, Any]
    points: dict[str, list[float]]
    exit_code: int
    replay_of: str | None
    sweep: str | None


def run_id(number: int) -> str:
    """The id of the run of a number: one a minute; a trial's is that of its sweep and the number of its job."""
    place = number % 100
    if place >= 100 - SWEEP:
        return f"{run_id(number - place + 100 - SWEEP - 1)}.{place - (100 - SWEEP)}"
    when = _BEGINNING + timedelta(minutes=number)
    suffix = "".join(_LETTERS[(number * 7919 >> shift) & 31] for shift in (0, 5, 10, 15))
    return f"{when:%Y%m%d-%H%M%S}-{suffix}"


def described(number: int) -> Made:
    """What the run of a number is."""
    draw = random.Random(number)
    place = number % 100
    lr = 10 ** draw.uniform(-5, -1)
    params = {
        "lr": lr,
        "batch_size": draw.choice((16, 32, 64, 128)),
        "optimizer": draw.choice(OPTIMIZERS),
        "momentum": round(draw.uniform(0.5, 0.99), 3),
        "weight_decay": draw.choice((0.0, 1e-4, 1e-2)),
        "epochs": EPOCHS,
        "seed": number,
        "model.depth": draw.randint(2, 50),
        "model.width": draw.choice((64, 128, 256)),
        "augment": draw.random() < 0.5,
    }
    best = 0.95 - 0.1 * abs(math.log10(lr) + 3) - draw.uniform(0, 0.1)
    acc = [best * (1 - 0.5 ** (epoch + 1)) for epoch in range(EPOCHS)]
    loss = [2.3 * (1 - value) + draw.uniform(0, 0.05) for value in acc]
    if place == 17:
        loss[-1] = math.nan
    points = {
        "loss": loss,
        "val/loss": [value * 1.1 for value in loss],
        "val/acc": acc,
        "train/acc": [min(1.0, value + 0.03) for value in acc],
        "seconds per epoch": [draw.uniform(10, 20) for _ in range(EPOCHS)],
    }
    return Made(
        id=run_id(number),
        number=number,
        started=_BEGINNING + timedelta(minutes=number, seconds=1),
        experiment=EXPERIMENTS[number // 100 % len(EXPERIMENTS)],
        name=f"try-{number}" if number % 10 == 3 else None,
        tags=[tag for tag, every in (("baseline", 50), ("paper", 97), ("keep", 13)) if number % every == 0],
        params=params,
        points=points,
        exit_code=1 if number % 29 == 0 else 0,
        replay_of=run_id(number - 1) if place == 42 else None,
        sweep=run_id(number - place + 100 - SWEEP - 1) if place >= 100 - SWEEP else None,
    )


def write(store: Store, made: Made) -> None:
    """Write one run and seal it."""
    folder = store.new_run_dir(made.id)
    seconds = sum(made.points["seconds per epoch"])
    argv = ["/env/bin/python", "train.py", "--lr", repr(made.params["lr"]), "--seed", str(made.number)]
    write_struct(
        folder / layout.START,
        Start(
            run=made.id,
            name=made.name,
            experiment=made.experiment,
            tags=made.tags,
            argv=argv,
            kind="script",
            root=str(store.root),
            cwd=str(store.root),
            started=iso_time(made.started),
            host=socket.gethostname(),
            supervisor=_GONE,
            replay_of=made.replay_of,
            options={"deterministic": False},
            user="ada",
        ),
    )
    events: list[dict[str, Any]] = [
        {
            **{"e": "start", "t": 0.0, "schema": 1, "process": "rank0", "pid": 100, "main": True, "role": "main"},
            **{"argv": argv[1:], "executable": argv[0], "version": "3.11.7", "flags": {}},
        },
        {
            **{"e": "args", "t": 0.1, "parser": "argparse", "prog": "train.py"},
            "values": {
                name: {"value": value, "default": None, "origin": "argument"} for name, value in made.params.items()
            },
        },
        {"e": "end", "t": seconds, "steps": 0, "exception": None},
    ]
    lines = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    (folder / layout.JOURNAL / "rank0.jsonl").write_bytes(lines)
    (folder / layout.METRICS / "rank0.names").write_bytes(
        b"".join(json.dumps([number, name]).encode() + b"\n" for number, name in enumerate(METRICS, start=1))
    )
    (folder / layout.METRICS / "rank0.points").write_bytes(
        b"".join(
            RECORD.pack(number, epoch, made.points[name][epoch], 15.0 * epoch)
            for epoch in range(EPOCHS)
            for number, name in enumerate(METRICS, start=1)
        )
    )
    (folder / layout.ENVIRONMENT).write_text(json.dumps(_ENVIRONMENT))
    write_struct(
        folder / layout.END,
        End(
            exit_code=made.exit_code,
            wall=seconds,
            user=seconds,
            system=0.5,
            peak_rss=500_000_000,
            ended=iso_time(made.started + timedelta(seconds=seconds)),
        ),
    )
    manifest = seal(folder, store.root, store.blobs, store.hasher)
    if made.sweep is not None:
        job = int(made.id.rpartition(".")[2])
        manifest = msgspec.structs.replace(manifest, trial_of=TrialOf(made.sweep, job))
        (folder / layout.MANIFEST).write_bytes(encode_manifest(manifest))
    if made.number % 31 == 0:
        write_labels(folder, Labels(made.name, [*made.tags, "seen"], "looked at"))
    if made.number % 100 == 41:
        write_verdict(
            folder,
            Verdict(
                verdict="diverged" if made.number % 300 == 41 else "identical",
                baseline=made.id,
                candidate=run_id(made.number + 1),
                who="ada",
                when=iso_time(made.started + timedelta(hours=1)),
                machine={},
                steps_compared=0,
            ),
        )


def _part(folder: str, numbers: range) -> int:
    os.fsync = lambda fd: None  # type: ignore[assignment]  # 100,000 runs at once, of which none is precious
    store = Store(folder)
    for number in numbers:
        write(store, described(number))
        # As if it were long ago, so that nothing takes it for a run that is just being written.
        when = _BEGINNING.timestamp() + 60 * number
        os.utime(store.run_dir(run_id(number)), (when, when))
    return len(numbers)


def make(folder: str | os.PathLike[str], runs: int, processes: int | None = None, first: int = 0) -> Store:
    """The store with so many runs; the folder is made.

    Args:
        folder: the project root.
        runs: how many.
        processes: that many at once; as many as there are CPUs when None.
        first: number of the first run, of a store that has those before it.
    """
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    store = Store(root)
    store.create()
    pieces = [(str(root), range(start, min(start + 100, first + runs))) for start in range(first, first + runs, 100)]
    with multiprocessing.get_context("spawn").Pool(processes or os.cpu_count()) as pool:
        pool.starmap(_part, pieces, chunksize=1)
    return store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="a folder for the project; made")
    parser.add_argument("--runs", type=int, default=100_000)
    args = parser.parse_args()
    began = time.perf_counter()
    make(args.folder, args.runs)
    print(f"{args.runs:,} runs in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
