"""The index of many runs: what it looks at, pages, changes, several processes at once, kills."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reenact.record.labels import Labels, write_labels
from reenact.record.verdicts import Verdict, write_verdict
from reenact.store import index as index_module
from reenact.store import indexing, partialrows
from reenact.store.index import Index, RunRow
from reenact.store.partialrows import PartialRow
from reenact.store.project import Store
from reenact.store.refs import resolve

LONG_AGO = 1_700_000_000


def settle(store: Store) -> None:
    """As if all were written long ago."""
    for folder in [*store.runs_folder.iterdir(), store.runs_folder]:
        os.utime(folder, (LONG_AGO, LONG_AGO))


@pytest.fixture
def many(store: Store, make_run: Any) -> Store:
    """300 runs: copies of three, one a minute."""
    made = [
        make_run("20250101-000000-aaaa", losses=(1.0, 0.2), lr="0.1", experiment="e", tags=["x"])[0],
        make_run("20250101-000001-bbbb", losses=(1.0, 0.4), lr="1e-3", name="b")[0],
        make_run("20250101-000002-cccc", losses=(2.0, float("nan")), lr="adam", exit_code=3)[0],
    ]
    for number in range(297):
        target = store.run_dir(f"20260101-{number // 60:02d}{number % 60:02d}00-zzzz")
        shutil.copytree(store.run_dir(made[number % 3]), target)
    settle(store)
    return store


@pytest.fixture
def seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """All folders are looked at when the index is made, and then no more: as in a store of so many runs that it takes long."""
    monkeypatch.setattr(indexing, "_QUICK", -1.0)
    monkeypatch.setattr(indexing, "_SELDOM", 1e12)
    monkeypatch.setattr(indexing, "_LONGEST", 1e12)


def listed(store: Store) -> str:
    with Index(store) as index:
        return repr(index.rows(include_replays=True))  # as text: NaN is not equal to itself


def anew(store: Store) -> str:
    store.index_path.unlink(missing_ok=True)
    return listed(store)


def process(store: Store, code: str) -> subprocess.Popen[str]:
    head = f"from reenact.store import indexing\nfrom reenact.store.index import Index\nfrom reenact.store.project import Store\nstore = Store({str(store.root)!r})\n"
    return subprocess.Popen([sys.executable, "-c", head + code], stdout=subprocess.PIPE, text=True)


def test_pages(many: Store) -> None:
    with Index(many) as index:
        everything = [row.id for row in index.rows()]
        page = index.page(offset=40, limit=7)
        assert ([row.id for row in page.rows], page.total) == (everything[40:47], 300)
        assert index.page(offset=296, limit=7).total == 300 and index.page(offset=500, limit=7) == ([], 300)
        best = [row.id for row in index.rows("loss<0.3", sort="-loss.max", limit=1000)]
        page = index.page("loss<0.3", "-loss.max", 90, 20)
        assert ([row.id for row in page.rows], page.total, len(best)) == (best[90:110], 100, 100)
        # Runs without the metric come last, on whichever page.
        assert [row.id for row in index.page(sort="loss", offset=195, limit=10).rows] == [
            row.id for row in index.rows(sort="loss")
        ][195:205]
        asked = [everything[5], "none", everything[2]]
        assert [row.id for row in index.rows(ids=asked)] == [everything[5], everything[2]]
        assert index.count("status=failed") == 100
        assert index.counts("experiment") == [(None, 200), ("e", 100)]
        assert index.counts("tag", "not status=failed") == [("x", 100), (None, 100)]
        assert index.counts("status", tags=["x"]) == [("finished", 100)]


@pytest.mark.parametrize("sort", ["loss", "-loss", "loss.max", "-lr", "lr", "duration", "-name", "nothing"])
@pytest.mark.parametrize("limit", [1, 99, 250])
def test_a_limit_cuts_the_same_order(many: Store, sort: str, limit: int) -> None:
    with Index(many) as index:
        whole = [row.id for row in index.rows(sort=sort)]
        assert [row.id for row in index.rows(sort=sort, limit=limit)] == whole[:limit]
        assert len(whole) == 300


VALUES = [
    "[1]",
    [1],
    None,
    "null",
    True,
    "true",
    1,
    1.0,
    1e22,
    10**18,
    -0.0,
    "a\\b",
    "ü",
    {"a": {"b": [None]}},
    "",
    "1",
    "inf",
]


def test_rows_with_some_params_and_metrics(many: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """They say what the whole rows say of these, whichever types the values have; few as well as many."""
    for number, run in enumerate(sorted(path for path in many.runs_folder.iterdir() if path.name[:4] == "2026")):
        manifest = json.loads((run / "manifest.json").read_bytes())
        manifest["params"].update({"odd": VALUES[number % len(VALUES)], 'a."b': number})
        (run / "manifest.json").write_text(json.dumps(manifest))

    def said(rows: Sequence[RunRow | PartialRow], only: set[str]) -> list[Any]:
        return [
            (
                *(row.id, row.name, row.experiment, row.status, row.sweep, list(row.tags)),
                repr({name: value for name, value in row.params.items() if name in only}),
                # NaN and nothing are not told apart.
                sorted(
                    (name, *sorted((part, None if value != value else value) for part, value in metric.items()))
                    for name, metric in row.metrics.items()
                    if name in only
                ),
            )
            for row in rows
        ]

    with Index(many) as index:
        for only in ({"odd"}, {"loss"}, {'a."b', "loss", "none"}, set[str]()):
            for asked in ({}, {"where": "loss<0.3", "sort": "-loss", "limit": 40}, {"tags": ["x"]}):
                rows = index.partial(only, **asked)  # type: ignore[arg-type]
                assert said(rows, only) == said(index.rows(**asked), only) and len(rows) >= 40  # type: ignore[arg-type]
                assert {name for row in rows for name in (*row.params, *row.metrics)} <= only
        for few in (500, 10):
            monkeypatch.setattr(partialrows, "_FEW", few)
            assert said(index.partial(["odd"]), {"odd"}) == said(index.rows(), {"odd"})


def test_changes_since(many: Store, make_run: Any) -> None:
    with Index(many) as index:
        first = index.changed_since(None)
        assert first.everything and first.ids == []
        assert index.changed_since(first.token) == (first.token, [], [], False)
        new, _ = make_run("20260201-000000-dddd")
        old = many.run_dir("20260101-000000-zzzz")
        write_labels(old, Labels("renamed"))
        many.remove_run("20260101-000100-zzzz")
        second = index.changed_since(first.token)
        assert (set(second.ids), second.gone) == ({new, old.name}, ["20260101-000100-zzzz"])
        # It is read again while it may change unseen, and says the same.
        third = index.changed_since(second.token)
        assert (third.ids, third.gone) == ([], [])
        assert index.changed_since("other.3").everything


def test_a_poll_comes_to_every_folder(many: Store, seldom: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "_SLICE", 50)
    with Index(many) as index:
        token = index.changed_since(None).token
        labels = many.run_dir("20260101-000000-zzzz") / "labels.json"
        labels.write_text('{"name": "by hand", "tags": [], "note": null}')
        seen: list[str] = []
        for _ in range(8):
            seen += index.changed_since(token).ids
        assert set(seen) == {"20260101-000000-zzzz"}


def test_what_reenact_changes_is_seen_without_a_look_at_all(many: Store, seldom: None, make_run: Any) -> None:
    Index(many).close()
    named, judged, removed = (many.run_dir(f"20260101-00{n:02d}00-zzzz") for n in range(3))
    write_labels(named, Labels("renamed", ["t"]))
    verdict = {"baseline": judged.name, "candidate": "c", "who": None, "when": "2026", "machine": {}}
    write_verdict(judged, Verdict(verdict="identical", steps_compared=2, **verdict))
    many.remove_run(removed.name)
    begun = many.new_run_dir("20260301-000000-eeee")
    with Index(many) as index:
        assert index.row(named.name).name == "renamed"  # type: ignore[union-attr]
        assert index.row(judged.name).verdicts[0]["verdict"] == "identical"  # type: ignore[union-attr]
        assert index.row(removed.name) is None and index.row(begun.name) is None
    # A run begins in a folder that was there: the time of runs/ tells nothing of it.
    os.utime(many.runs_folder, (LONG_AGO + 5, LONG_AGO + 5))
    Index(many).close()
    shutil.copy(named / "manifest.json", begun / "manifest.json")
    with Index(many) as index:
        assert index.row(begun.name) is not None
    assert listed(many) == anew(many)


def test_what_others_change_is_seen_at_the_next_look_at_all(
    many: Store, seldom: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    Index(many).close()
    run = many.run_dir("20260101-000000-zzzz")
    (run / "labels.json").write_text('{"name": "by hand", "tags": [], "note": null}')
    with Index(many) as index:
        assert index.row(run.name).name is None  # type: ignore[union-attr]
        index.refresh(every=True)
        assert index.row(run.name).name == "by hand"  # type: ignore[union-attr]
    (run / "labels.json").unlink()
    monkeypatch.setattr(indexing, "_QUICK", 1e12)  # few runs: all are looked at each time
    with Index(many) as index:
        assert index.row(run.name).name is None  # type: ignore[union-attr]


def test_notes_that_begin_anew(many: Store, seldom: None) -> None:
    run = many.run_dir("20260101-000000-zzzz")
    write_labels(run, Labels("one"))
    Index(many).close()
    (many.folder / "cache" / "changes").unlink()
    write_labels(run, Labels("two"))
    with Index(many) as index:
        assert index.row(run.name).name == "two"  # type: ignore[union-attr]


def test_a_kill_while_it_is_made(many: Store) -> None:
    expected = listed(many)
    many.index_path.unlink()
    code = "indexing._BATCH, indexing._TOLD = 20, 1\nIndex(store, progress=lambda done, total: print(done, total, flush=True))"
    child = process(many, code)
    assert child.stdout is not None and child.stdout.readline() == "20 300\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    with sqlite3.connect(many.index_path) as db:
        assert db.execute("select count(*) from runs").fetchone()[0] >= 20
    db.close()
    assert listed(many) == expected


def test_several_make_it_at_once(many: Store) -> None:
    expected = listed(many)
    many.index_path.unlink()
    code = "indexing._BATCH = 10\nprint(hash(repr(Index(store).rows())) and len(Index(store).rows()))"
    children = [process(many, code) for _ in range(4)]
    assert [child.communicate()[0] for child in children] == ["300\n"] * 4
    with sqlite3.connect(many.index_path) as db:
        assert db.execute("select count(*), count(distinct id) from runs").fetchone() == (300, 300)
        assert db.execute("select count(*) from metrics").fetchone()[0] == 300
        assert db.execute("pragma integrity_check").fetchone()[0] == "ok"
    db.close()
    assert listed(many) == expected


def test_one_that_is_locked(many: Store, monkeypatch: pytest.MonkeyPatch, make_run: Any) -> None:
    monkeypatch.setattr(index_module, "_WAIT", 0.05)
    Index(many).close()
    new, _ = make_run("20260201-000000-dddd")
    other = sqlite3.connect(many.index_path, isolation_level=None)
    for how in ("begin immediate", "begin exclusive"):
        other.execute(how)
        with Index(many) as index:
            assert index.rows(limit=1)[0].id == new and index.count() == 301
        other.execute("rollback")
    other.close()
    assert listed(many) == anew(many)


def test_references_ask_for_what_they_need(many: Store) -> None:
    with Index(many) as index:
        assert resolve(many, "last", index) == "20260101-045600-zzzz"
        assert resolve(many, "last~299", index) == "20250101-000000-aaaa"
        assert resolve(many, "20250101-000001", index) == resolve(many, "20250101-000001-b", index)


def test_ten_processes_write_while_others_list(store: Store, tmp_path: Path) -> None:
    (store.root / "train.py").write_text(
        "import sys, reenact\nfor n in range(5): reenact.log(acc=n / 10, step=n)\nlr = float(sys.argv[1])\n"
    )
    command = [sys.executable, "-c", "from reenact.cli.main import entry; entry()"]
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    writers = [
        subprocess.Popen(
            [
                "sh",
                "-c",
                'for n in 1 2; do "$@" 0.$n; done',
                "sh",
                *command,
                "run",
                "--quiet",
                "--tag",
                f"w{n}",
                "train.py",
            ],
            cwd=store.root,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for n in range(10)
    ]
    counts = []
    while any(writer.poll() is None for writer in writers):
        with Index(store) as index:
            counts.append(len(index.rows()))
    problems = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 10, problems
    assert counts == sorted(counts)
    with Index(store) as index:
        rows = index.rows()
        assert len(rows) == 20 and {row.status for row in rows} == {"finished"}
        assert all(row.metrics["acc"]["count"] == 5 for row in rows)
    assert listed(store) == anew(store)
