"""From file events to code, inputs, outputs: with real files, as a probe would tell of them."""

from __future__ import annotations

import os
import py_compile
from pathlib import Path

import pytest
from runfolder import RunFolder, stat_of

from reenact.record.canonical import digest_bytes
from reenact.record.collect import Collected, Collector
from reenact.record.contents import SMALL
from reenact.record.scan import scan_tree
from reenact.store.project import Store

HOSTILE = ["plain.csv", "with space.csv", 'quote".csv', "ümläut.csv", "new\nline.csv", os.fsdecode(b"caf\xe9.csv")]


def _collector(store: Store, run: RunFolder) -> Collector:
    return Collector(run.folder, store.root, store.blobs, store.hasher)


def _finish(store: Store, run: RunFolder) -> Collected:
    return _collector(store, run).finish()


@pytest.mark.parametrize("name", HOSTILE)
def test_inputs_are_hashed_and_small_ones_stored(store: Store, run: RunFolder, name: str) -> None:
    path = store.root / name
    path.write_bytes(b"1,2\n")
    run.journal(run.use("r", path), run.use("r", path))
    found = _finish(store, run)
    assert [(file.path, file.size, file.how) for file in found.inputs] == [(name, 4, "audit")]
    assert found.inputs[0].digest == digest_bytes(b"1,2\n")
    assert store.blobs.has(digest_bytes(b"1,2\n"))
    assert found.gaps == [] and found.outputs == []


def test_a_large_input_is_not_copied(store: Store, run: RunFolder) -> None:
    path = store.root / "large.bin"
    path.write_bytes(b"x" * (SMALL + 1))
    run.journal(run.use("r", path))
    found = _finish(store, run)
    assert found.inputs[0].digest == digest_bytes(path.read_bytes())
    assert not store.blobs.has(found.inputs[0].digest)


def test_code_is_the_script_and_what_it_imports_of_the_project(store: Store, run: RunFolder) -> None:
    package = store.root / "pkg"
    package.mkdir()
    source, other = package / "model.py", package / "data.py"
    source.write_text("x = 1\n")
    other.write_text("y = 1\n")
    pyc = Path(str(py_compile.compile(str(source))))
    run.journal(
        run.use("r", pyc),
        run.use("r", other),
        run.use("r", "/env/lib/python3.11/site-packages/torch/__init__.py", st=[1, 2, 3]),
        run.use("r", "/base/lib/python3.11/json/__init__.py", st=[1, 2, 3]),
        run.use("r", "/etc/hosts"),
    )
    found = _finish(store, run)
    assert [file.path for file in found.code] == ["pkg/data.py", "pkg/model.py", "train.py"]
    assert all(store.blobs.has(file.digest) for file in found.code)
    assert found.inputs == [] and found.gaps == []


def test_source_newer_than_its_bytecode_is_a_gap(store: Store, run: RunFolder) -> None:
    source = store.root / "model.py"
    source.write_text("x = 1\n")
    pyc = Path(str(py_compile.compile(str(source))))
    source.write_text("x = 12\n")
    run.journal(run.use("r", pyc))
    assert [gap.id for gap in _finish(store, run).gaps] == ["code-not-stored"]


def test_outputs_are_stored_also_when_renamed(store: Store, run: RunFolder) -> None:
    final, aside, gone = store.root / "model.pt", store.root / "model.pt.tmp", store.root / "scratch"
    aside.write_bytes(b"weights")
    event = {**run.use("w", aside), "st": None}
    os.rename(aside, final)
    run.journal(
        event,
        {"e": "file", "op": "rename", "path": str(aside), "to": str(final), "st": stat_of(final)},
        {**run.use("w", gone), "st": None},
        {"e": "file", "op": "remove", "path": str(gone), "st": None},
        {**run.use("r", final)},
    )
    found = _finish(store, run)
    assert [(file.path, file.digest) for file in found.outputs] == [("model.pt", digest_bytes(b"weights"))]
    assert store.blobs.read(found.outputs[0].digest) == b"weights"
    assert found.inputs == [] and found.outside == [] and found.removed == []


def test_a_renamed_folder_takes_its_files_along(store: Store, run: RunFolder) -> None:
    (store.root / "out").mkdir()
    (store.root / "out" / "a").write_text("a")
    run.journal(
        {**run.use("w", store.root / "part" / "a"), "st": None},
        {"e": "file", "op": "rename", "path": str(store.root / "part"), "to": str(store.root / "out"), "st": None},
    )
    assert [file.path for file in _finish(store, run).outputs] == ["out/a"]


def test_a_file_that_was_there_and_is_renamed_is_an_input(store: Store, run: RunFolder) -> None:
    old, new = store.root / "old", store.root / "new"
    old.write_text("content")
    before = stat_of(old)
    os.rename(old, new)
    run.journal({"e": "file", "op": "rename", "path": str(old), "to": str(new), "st": before})
    found = _finish(store, run)
    assert [(file.path, file.digest) for file in found.inputs] == [("old", digest_bytes(b"content"))]
    assert [file.path for file in found.outputs] == ["new"] and found.removed == ["old"]


def test_a_file_changed_in_place_is_input_and_output(store: Store, run: RunFolder) -> None:
    path = store.root / "state.bin"
    path.write_bytes(b"before")
    (run.folder / "pre").mkdir()
    (run.folder / "pre" / "rank0-1").write_bytes(b"before")
    event = run.use("u", path, pre="rank0-1")
    path.write_bytes(b"after!")
    os.utime(path, ns=(0, event["st"][2] + 1))
    run.journal(event)
    found = _finish(store, run)
    assert found.inputs[0].digest == digest_bytes(b"before") and store.blobs.has(digest_bytes(b"before"))
    assert found.outputs[0].digest == digest_bytes(b"after!") and found.outputs[0].existed
    assert found.gaps == []


def test_an_input_that_changed_meanwhile_is_a_gap(store: Store, run: RunFolder) -> None:
    path = store.root / "data.csv"
    path.write_bytes(b"before")
    event = run.use("r", path)
    path.write_bytes(b"after, longer")
    run.journal(event)
    found = _finish(store, run)
    assert [(gap.id, gap.replay) for gap in found.gaps] == [("input-changed-while-running", True)]
    assert "size 6 is now 13" in found.gaps[0].detail
    assert found.inputs[0].digest is None


def test_polling_takes_hold_before_a_change(store: Store, run: RunFolder) -> None:
    path = store.root / "data.csv"
    path.write_bytes(b"before")
    run.journal(run.use("r", path), end=False)
    collector = _collector(store, run)
    collector.poll()
    path.write_bytes(b"after, longer")
    (store.root / "train.py").write_text("edited while it ran\n")
    run.journal(begin=False)
    found = collector.finish()
    assert found.gaps == [] and found.inputs[0].digest == digest_bytes(b"before")
    assert found.code[0].digest == digest_bytes(b"print('hello')\n")
    # A collector that starts anew, after a crash, knows it still.
    assert _finish(store, run) == found


def test_reading_what_another_process_of_the_run_wrote_is_no_input(store: Store, run: RunFolder) -> None:
    path = store.root / "cache.bin"
    path.write_bytes(b"made by the run")
    event = run.use("r", path)
    run.journal({**run.use("w", path), "st": None})
    # The child's clock says that it read before its parent wrote; the file's own time says otherwise.
    start = {"e": "start", "process": "rank0.1", "time": "2026-01-02T03:04:05Z", "prefix": "/env"}
    run.journal({**start, "t": 0.0}, {**event, "t": 0.0}, process="rank0.1", begin=False)
    found = _finish(store, run)
    assert found.inputs == [] and [file.path for file in found.outputs] == ["cache.bin"]


def test_temporary_and_outside_files(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    # The project of this test must not lie below a folder for temporary files, so one is named that it is not in.
    store = Store(tmp_path / "project")
    (tmp_path / "project").mkdir()
    store.create()
    run = RunFolder(store.new_run_dir(), store.root, env={"TMPDIR": str(tmp_path / "scratch")})
    (tmp_path / "scratch").mkdir()
    temporary = tmp_path / "scratch" / "tmpa1b2c3d4"
    temporary.write_text("x")
    gone = tmp_path / "scratch" / "gone"
    run.journal(
        {**run.use("w", temporary), "st": None},
        {**run.use("w", gone), "st": None},
        {**run.use("w", "/dev/null"), "st": None},
    )
    found = _finish(store, run)
    assert found.temporary == 2 and found.outputs == [] and found.outside == []


def test_listings_folders_and_bytecode(store: Store, run: RunFolder) -> None:
    (store.root / "data").mkdir()
    (store.root / "data" / "a").write_text("a")
    (store.root / "out").mkdir()
    run.journal(
        {"e": "file", "op": "list", "path": str(store.root / "data"), "st": None, "entries": ["b", "a"]},
        run.use("r", store.root / "data" / "a"),
        {"e": "file", "op": "mkdir", "path": str(store.root / "out"), "st": None},
        {"e": "file", "op": "mkdir", "path": str(store.root / "data"), "st": None},
        {**run.use("w", store.root / "__pycache__" / "m.cpython-311.pyc"), "st": None},
        {"e": "file", "op": "w", "path": "relative", "st": None},
        {"e": "file", "op": 7},
    )
    found = _finish(store, run)
    assert [(listing.path, listing.entries) for listing in found.listings] == [("data", ["b", "a"])]
    assert found.made == ["out"] and found.outputs == []


def test_a_scan_finds_what_python_did_not_write(store: Store, run: RunFolder) -> None:
    (store.root / "old.bin").write_text("same")
    (store.root / "grown.log").write_text("1")
    before = scan_tree(store.root)
    (store.root / "made by c.bin").write_text("new")
    (store.root / "grown.log").write_text("12")
    (store.root / "venv").mkdir()
    (store.root / "venv" / "pyvenv.cfg").write_text("")
    (store.root / "venv" / "x").write_text("")
    run.journal()
    found = _collector(store, run).finish(before)
    assert [(file.path, file.how, file.existed) for file in found.outputs] == [
        ("grown.log", "scan", True),
        ("made by c.bin", "scan", False),
    ]
    cut = scan_tree(store.root, budget=1)
    assert cut.truncated and [gap.id for gap in _collector(store, run).finish(cut).gaps] == ["tree-scan-truncated"]


def test_files_seen_open_from_outside(store: Store, run: RunFolder) -> None:
    data, made = store.root / "data.parquet", store.root / "made.h5"
    data.write_bytes(b"columns")
    made.write_bytes(b"made")
    run.journal(end=False)
    collector = _collector(store, run)
    collector.saw_open([(str(data), "r"), (str(made), "w"), (str(made), "r"), ("/dev/null", "w"), ("/gone", "r")])
    found = collector.finish()
    assert [(file.path, file.how) for file in found.inputs] == [("data.parquet", "open")]
    assert [(file.path, file.how) for file in found.outputs] == [("made.h5", "open")]
