"""Listing many runs: `reenact ls` and the index, against MLflow's `search_runs` on SQLite that holds the same runs.

    python benchmarks/listing_scale.py                    5,000 runs
    python benchmarks/listing_scale.py --runs 100000      the goal: 20 times as quick (some 8 GB of disk, ten minutes)

The runs come from `manyruns.py`. MLflow's tables are made by MLflow, and filled with rows of its own SQLAlchemy models, many at a time:
logging 100,000 runs through its client would take hours. `lr` is there a metric too, as params are text in MLflow and cannot be compared with
`<`. Both sides answer in this process, with their database open; reenact's side looks at every run folder before it answers
(`Index.refresh`), and once more without, as `reenact ui` asks. The command is timed with its start.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import manyruns
from measuring import Row, environment, reenact, run, table

WHERE = "lr<0.01 and val/acc>0.9"
GOAL = 20.0
_MANY = 5_000
"""Rows that are put into MLflow's tables at once."""


def rows(quick: bool = False, runs: int | None = None, folder: str | None = None) -> list[Row]:
    """The rows of this benchmark."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    count = runs or (5_000 if quick else 20_000)
    place = Path(folder or tempfile.mkdtemp(prefix="reenact-listing-", dir="/var/tmp"))
    try:
        store = manyruns.Store(place) if (place / ".reenact").is_dir() else manyruns.make(place, count)
        return [*_built(store, count), *_compared(store, count, place), *_commands(store)]
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)


def _built(store: Any, count: int) -> list[Row]:
    from reenact.store.index import Index

    for name in ("index.sqlite", "index.sqlite-journal"):
        (store.folder / name).unlink(missing_ok=True)
    began = time.perf_counter()
    with Index(store) as index:
        took = time.perf_counter() - began
        checked = _best(index.refresh)
        token = index.changed_since(None).token
        polled = _best(lambda: index.changed_since(token))
    size = store.index_path.stat().st_size
    return [
        Row("index from nothing", f"{took:.1f} s", took, unit="s", note=f"{count:,} runs, {size / 1e6:.0f} MB"),
        Row("look at every run folder", f"{checked * 1e3:.0f} ms", checked, unit="s", note="nothing changed"),
        Row("poll for changes", f"{polled * 1e3:.0f} ms", polled, unit="s", note="changed_since, nothing changed"),
    ]


def _compared(store: Any, count: int, place: Path) -> list[Row]:
    from reenact.store.index import Index

    try:
        client, ids = _mlflow(count, place / "mlflow.sqlite")
    except ImportError as problem:
        print(f"listing: MLflow is left out: {problem}", file=sys.stderr)
        return []
    from mlflow.entities import ViewType

    def theirs(text: str, order: list[str], limit: int) -> Callable[[], Any]:
        return lambda: client.search_runs(ids, text, ViewType.ACTIVE_ONLY, limit, order)

    def every() -> int:
        token, found = None, 0
        while True:
            page = client.search_runs(ids, "", ViewType.ACTIVE_ONLY, 50_000, page_token=token)
            found, token = found + len(page), page.token
            if not token:
                return found

    acc = "metrics.`val/acc`"
    with Index(store) as index:
        cases: list[tuple[str, Callable[[], Any], Callable[[], Any], int]] = [
            (
                "newest 20",
                lambda: index.rows(limit=20, include_replays=True),
                theirs("", ["attributes.start_time DESC"], 20),
                5,
            ),
            (
                "filter, sort, 50",
                lambda: index.rows(WHERE, sort="-val/acc", limit=50, include_replays=True),
                theirs(f"metrics.lr < 0.01 and {acc} > 0.9", [f"{acc} DESC"], 50),
                3,
            ),
            (
                "param and tag, sort, 50",
                lambda: index.rows("optimizer=adam and tag=keep", sort="val/loss", limit=50, include_replays=True),
                theirs(
                    "params.optimizer = 'adam' and tags.keep = 'true'",
                    ["metrics.`val/loss` ASC"],
                    50,
                ),
                3,
            ),
            (
                "sort by a metric, 50",
                lambda: index.rows(sort="-val/acc", limit=50, include_replays=True),
                theirs("", [f"{acc} DESC"], 50),
                3,
            ),
            ("all of them", lambda: index.rows(include_replays=True), every, 1),
        ]
        found = []
        for name, ours, other, times in cases:
            our = _times(ours, times + 2)
            looked = _times(lambda ours=ours: (index.refresh(), ours()), times)  # type: ignore[misc]
            their = _times(other, times)
            a, b, c = (statistics.median(one) for one in (our, looked, their))
            found.append(
                Row(
                    f"list: {name}",
                    f"1/{c / b:.0f}",
                    b / c,
                    1 / GOAL,
                    note=f"MLflow {_ms(c)}, reenact {_ms(b)}, of which the query {_ms(a)}",
                )
            )
    return found


def _commands(store: Any) -> list[Row]:
    cases = {
        "ls --limit 20": ("ls", "--limit", "20"),
        "ls, filter, sort, 50": ("ls", "--where", WHERE, "--sort", "-val/acc", "--limit", "50"),
        "ls --best": ("ls", "--best", "val/acc", "--limit", "20"),
        "ls --group-by": ("ls", "--group-by", "optimizer"),
        "path last": ("path", "last"),
        "path, beginning of an id": ("path", manyruns.run_id(7)[:15]),
        "ls, all of it": ("ls",),
    }
    found = []
    for name, words in cases.items():
        times = [run(reenact(*words), store.root)[0] for _ in range(3)]
        took = statistics.median(times)
        found.append(Row(f"reenact {name}", f"{took:.2f} s", took, unit="s"))
    began = time.perf_counter()
    with subprocess.Popen(reenact("ls"), cwd=store.root, env=environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        first = time.perf_counter() - began
        process.stdout.read()
    found.append(Row("reenact ls, first line", f"{first:.2f} s", first, unit="s"))
    return found


def _mlflow(count: int, path: Path) -> tuple[Any, list[str]]:
    """A client of a database with these runs, and the ids of its experiments."""
    import sqlalchemy
    from mlflow import MlflowClient
    from mlflow.store.tracking.dbmodels import models

    fresh = not path.exists()
    client = MlflowClient(f"sqlite:///{path}")
    names = [name or "none" for name in manyruns.EXPERIMENTS]
    if not fresh:
        return client, [client.get_experiment_by_name(name).experiment_id for name in names]
    ids = [client.create_experiment(name) for name in names]
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    tables: dict[Any, list[dict[str, Any]]] = {}
    for number in range(count):
        for model, row in _mlflow_rows(models, ids, manyruns.described(number)):
            tables.setdefault(model, []).append(row)
        if number % _MANY == _MANY - 1 or number == count - 1:
            with engine.begin() as connection:
                for model, many in sorted(tables.items(), key=lambda pair: pair[0] is not models.SqlRun):
                    connection.execute(sqlalchemy.insert(model), many)
            tables = {}
    engine.dispose()
    return client, ids


def _mlflow_rows(models: Any, ids: list[str], made: manyruns.Made) -> Iterator[tuple[Any, dict[str, Any]]]:
    run_uuid = f"{made.number:032x}"
    start = int(made.started.timestamp() * 1000)
    yield (
        models.SqlRun,
        {
            "run_uuid": run_uuid,
            "name": made.name or made.id,
            "source_type": "LOCAL",
            "source_name": "train.py",
            "entry_point_name": "",
            "user_id": "ada",
            "status": "FAILED" if made.exit_code else "FINISHED",
            "start_time": start,
            "end_time": start + 60_000,
            "source_version": "",
            "lifecycle_stage": "active",
            "artifact_uri": f"artifacts/{run_uuid}",
            "experiment_id": int(ids[manyruns.EXPERIMENTS.index(made.experiment)]),
        },
    )
    for key, value in made.params.items():
        yield models.SqlParam, {"key": key, "value": str(value), "run_uuid": run_uuid}
    for key in ("mlflow.user", "mlflow.runName", "mlflow.source.name", *made.tags):
        yield models.SqlTag, {"key": key, "value": "true" if key in made.tags else "x", "run_uuid": run_uuid}
    for key, values in {**made.points, "lr": [made.params["lr"]]}.items():
        for step, value in enumerate(values):
            nan = value != value
            row = {"key": key, "value": 0.0 if nan else value, "timestamp": start + step, "step": step, "is_nan": nan}
            yield models.SqlMetric, {**row, "run_uuid": run_uuid}
            if step == len(values) - 1:
                yield models.SqlLatestMetric, {**row, "run_uuid": run_uuid}


def _times(side: Callable[[], Any], times: int) -> list[float]:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        side()
        found.append(time.perf_counter() - began)
    return found


def _best(side: Callable[[], Any]) -> float:
    return min(_times(side, 5))


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 9.95 else f"{seconds:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5_000)
    parser.add_argument("--folder", help="a store that `manyruns.py` made of so many runs; made and deleted when none")
    args = parser.parse_args()
    print(table(rows(runs=args.runs, folder=args.folder)))


if __name__ == "__main__":
    main()
