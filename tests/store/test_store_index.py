from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from runfolder import RunFolder

from reenact.errors import ReenactError
from reenact.record.labels import Labels, write_labels
from reenact.record.verdicts import Verdict, write_verdict
from reenact.store import indexing
from reenact.store.index import Index
from reenact.store.project import Store
from reenact.store.refs import resolve


@pytest.fixture
def three(store: Store, make_run: Any) -> list[str]:
    """Three runs, the first one the oldest."""
    return [
        make_run("20260101-000000-aaaa", losses=(1.0, 0.2), lr="0.1", name="first", tags=["good"], experiment="e")[0],
        make_run("20260102-000000-bbbb", losses=(1.0, 0.4), lr="1e-3", tags=["good", "new"])[0],
        make_run("20260103-000000-cccc", losses=(2.0, float("nan")), lr="adam", exit_code=3, note="broke")[0],
    ]


def _ids(index: Index, **options: Any) -> list[str]:
    return [row.id[-4:] for row in index.rows(**options)]


def test_rows(store: Store, three: list[str]) -> None:
    row = Index(store).rows()[-1]
    assert (row.id, row.name, row.experiment, row.tags, row.status) == (three[0], "first", "e", ["good"], "finished")
    assert row.params == {"lr": 0.1} and row.metrics["loss"]["min"] == 0.2 and row.duration == 2.5
    assert row.recipe == store.manifest(three[0]).recipe and row.complete and row.verdicts == []
    assert row.command == ["python", "train.py", "--lr", "0.1"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (None, ["cccc", "bbbb", "aaaa"]),
        ("loss<0.3", ["aaaa"]),
        ("loss<0.3 or lr=1e-3", ["bbbb", "aaaa"]),
        ("loss.max>=2", ["cccc"]),
        ("loss.count=2 and not loss.first=2", ["bbbb", "aaaa"]),
        ("lr=0.001", ["bbbb"]),
        ("lr=adam", ["cccc"]),
        ("lr~ADA", ["cccc"]),
        ("lr!=0.1", ["bbbb"]),
        ("not lr=0.1", ["cccc", "bbbb"]),
        ("status=failed", ["cccc"]),
        ("exit_code=3 or name=first", ["cccc", "aaaa"]),
        ("tag=new", ["bbbb"]),
        ("tag!=good", ["cccc"]),
        ("started>2026-01-02", ["cccc", "bbbb"]),
        ("complete=true and duration<3", ["cccc", "bbbb", "aaaa"]),
        ("note~bro", ["cccc"]),
        ("not note~bro", ["bbbb", "aaaa"]),
        ("experiment=e", ["aaaa"]),
        ("nothing=1", []),
        ("loss=nan", []),
    ],
)
def test_where(store: Store, three: list[str], where: str | None, found: list[str]) -> None:
    assert _ids(Index(store), where=where) == found


def test_other_filters_and_sorting(store: Store, three: list[str]) -> None:
    index = Index(store)
    assert _ids(index, tags=["good", "new"]) == ["bbbb"]
    assert _ids(index, experiment="e") == ["aaaa"]
    assert _ids(index, sort="loss") == ["aaaa", "bbbb", "cccc"]  # NaN is last either way
    assert _ids(index, sort="-loss") == ["bbbb", "aaaa", "cccc"]
    assert _ids(index, sort="loss.max", limit=2) == ["bbbb", "aaaa"]
    assert _ids(index, sort="lr") == ["bbbb", "aaaa", "cccc"]
    assert _ids(index, sort="-started", limit=1) == ["cccc"]
    assert _ids(index, sort="experiment") == ["aaaa", "cccc", "bbbb"]
    with pytest.raises(ReenactError) as caught:
        index.rows(where="exit_code=bad")
    assert "exit_code is a number" in caught.value.what


def test_changes_are_seen(store: Store, three: list[str]) -> None:
    Index(store).close()
    write_labels(store.run_dir(three[0]), Labels("renamed", ["x"], "n"))
    verdict = {"baseline": three[1], "candidate": three[2], "who": None, "when": "2026", "machine": {}}
    write_verdict(store.run_dir(three[1]), Verdict(verdict="identical", steps_compared=2, **verdict))
    store.remove_run(three[2])
    rows = Index(store).rows()
    assert [row.id for row in rows] == [three[1], three[0]]
    assert (rows[1].name, rows[1].tags, rows[1].note) == ("renamed", ["x"], "n")
    assert rows[0].verdicts == [{"verdict": "identical", "candidate": three[2], "when": "2026", "fresh_entropy": False}]


def test_an_unchanged_run_is_not_read_again(store: Store, three: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for run_id in three:
        os.utime(store.run_dir(run_id), (1_000_000, 1_000_000))
    Index(store).close()
    monkeypatch.setattr(indexing, "read_run", lambda folder, *_: pytest.fail(f"read {folder.name} again"))
    assert len(Index(store).rows()) == 3


def test_it_is_a_cache(store: Store, three: list[str]) -> None:
    expected = repr(Index(store).rows())  # as text: NaN is not equal to itself
    for damage in (b"", b"not a database " * 500):
        store.index_path.write_bytes(damage)
        assert repr(Index(store).rows()) == expected
    db = sqlite3.connect(store.index_path)
    db.execute("pragma user_version = 99")
    db.close()
    assert repr(Index(store).rows()) == expected
    db = sqlite3.connect(store.index_path)
    db.execute("drop table params")
    db.commit()
    db.close()
    assert _ids(Index(store), where="lr=0.1") == ["aaaa"]
    assert repr(Index(store).rows()) == expected


def test_interrupted_runs_are_sealed_and_running_ones_are_not(store: Store) -> None:
    gone = RunFolder(store.new_run_dir("20260101-000000-aaaa"), store.root)
    gone.journal(end=False)
    alive = RunFolder(store.new_run_dir("20260102-000000-bbbb"), store.root)
    alive.alive()
    store.new_run_dir("20260103-000000-cccc")  # no start.json yet: has not begun
    rows = Index(store).rows()
    assert [(row.id[-4:], row.status) for row in rows] == [("bbbb", "running"), ("aaaa", "interrupted")]
    assert (gone.folder / "manifest.json").exists() and not (alive.folder / "manifest.json").exists()
    alive.journal()
    alive.ended(0)
    data = json.loads((alive.folder / "start.json").read_text())
    data["supervisor"] = {"pid": 2**22 + 7, "start_ticks": 1}
    (alive.folder / "start.json").write_text(json.dumps(data))
    assert Index(store).rows()[0].status == "finished"


def test_runs_that_cannot_be_read_are_listed_as_such(store: Store, three: list[str]) -> None:
    (store.run_dir(three[0]) / "manifest.json").write_text("{")
    broken = store.new_run_dir("20260104-000000-dddd")
    (broken / "start.json").write_text("{")
    index = Index(store)
    rows = {row.id: row for row in index.rows()}
    assert rows[three[0]].status == rows[broken.name].status == "unreadable"
    assert set(index.problems) == {three[0], broken.name}
    assert rows[three[0]].started.startswith("2026-01-01T00:00:00")


def test_same_recipe(store: Store, make_run: Any) -> None:
    _, first = make_run("20260101-000000-aaaa")
    make_run("20260102-000000-bbbb", exit_code=1)
    make_run("20260103-000000-cccc")
    assert [row.id[-4:] for row in Index(store).same_recipe(first.recipe)] == ["cccc", "aaaa"]


def test_references(store: Store, three: list[str], make_run: Any) -> None:
    replay, _ = make_run("20260105-000000-eeee", replay_of=three[0], name="first")
    expected = {
        three[0]: three[0],
        "first": three[0],
        "20260102": three[1],
        "last": three[2],
        "last~0": three[2],
        "last~2": three[0],
        replay: replay,
        "20260105": replay,
    }
    assert {ref: resolve(store, ref) for ref in expected} == expected


@pytest.mark.parametrize(
    ("ref", "slug", "named"),
    [
        ("2026", "ambiguous-run", ["aaaa (first)", "bbbb", "cccc"]),
        ("frist", "unknown-run", ["aaaa (first)"]),
        ("bbbb", "unknown-run", ["bbbb"]),
        ("last~3", "unknown-run", ["last~2"]),
        ("20260101-000000-zzzz", "unknown-run", ["aaaa"]),
        ("", "unknown-run", ["cccc"]),
    ],
)
def test_wrong_references_name_what_is_near(
    store: Store, three: list[str], ref: str, slug: str, named: list[str]
) -> None:
    with pytest.raises(ReenactError) as caught:
        resolve(store, ref)
    assert (caught.value.slug, caught.value.exit_code) == (slug, 2)
    for name in named:
        assert name in str(caught.value.valid)


def test_two_runs_of_one_name_are_ambiguous(store: Store, make_run: Any) -> None:
    make_run("20260101-000000-aaaa", name="same")
    make_run("20260102-000000-bbbb", name="same")
    with pytest.raises(ReenactError) as caught:
        resolve(store, "same")
    assert caught.value.slug == "ambiguous-run" and "the name of 2 runs" in caught.value.what


def test_a_reference_in_an_empty_store(store: Store) -> None:
    with pytest.raises(ReenactError) as caught:
        resolve(store, "last")
    assert "reenact run" in str(caught.value.fix)
