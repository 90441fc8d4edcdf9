from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runfolder import RunFolder

from reenact.record.atomic import host_tag, tmp_name
from reenact.record.collect import Collector
from reenact.record.digests import referenced
from reenact.store.gc import gc
from reenact.store.project import Store


def _age(store: Store) -> None:
    """Everything that was stored so far is old."""
    for digest in store.blobs.digests():
        os.utime(store.blobs.path(digest), (1_000_000, 1_000_000))


def _dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


_CONTENTS = st.binary(min_size=1, max_size=3)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    runs=st.lists(st.tuples(_CONTENTS, st.booleans()), min_size=1, max_size=4),
    loose=st.lists(_CONTENTS, max_size=4),
)
def test_gc_never_removes_what_a_run_needs(
    store: Store, make_run: Any, runs: list[tuple[bytes, bool]], loose: list[bytes]
) -> None:
    # One store for all examples: what earlier ones left must survive the later ones too.
    for content, removed in runs:
        run_id, _ = make_run(output=content)
        if removed:
            store.remove_run(run_id)
    for content in loose:
        store.blobs.put_bytes(b"loose " + content)
    _age(store)
    dry = gc(store, dry_run=True)
    report = gc(store)
    assert set(dry.blobs) <= set(report.blobs)
    needed = set[str]().union(*(referenced(store.manifest(run_id)) for run_id in store.runs()))
    for digest in needed:
        if digest != "sha256:" + "1" * 64:
            store.blobs.verify(digest)
    assert gc(store).blobs == []
    images = 2 * len(store.runs())  # each has a config and an image manifest
    assert len(set(store.blobs.digests()) - needed) <= images


def test_gc_empties_a_store_whose_runs_are_gone(store: Store, make_run: Any) -> None:
    run_id, manifest = make_run(output=b"weights")
    store.remove_run(run_id)
    _age(store)
    report = gc(store, dry_run=True)
    assert manifest.outputs[0].digest in report.blobs and store.blobs.has(manifest.outputs[0].digest)
    gc(store)
    assert list(store.blobs.digests()) == []


def test_new_blobs_stay_while_a_run_is_not_sealed(store: Store) -> None:
    old, kept = store.blobs.put_bytes(b"old"), store.blobs.put_bytes(b"taken by the run")
    _age(store)
    run = RunFolder(store.new_run_dir(), store.root)
    run.alive()
    past = time.time() - 100
    os.utime(run.folder / "start.json", (past, past))
    path = store.root / "data"
    path.write_bytes(b"an input")
    run.journal(run.use("r", path), end=False)
    Collector(run.folder, store.root, store.blobs, store.hasher).poll()
    (run.folder / "source.json").write_text(json.dumps({"patch": kept}))
    new = store.blobs.put_bytes(b"new")
    assert gc(store).blobs == [old]
    assert store.blobs.has(new) and store.blobs.has(kept)
    # Even when its blobs look old, what a running run has taken is known.
    _age(store)
    report = gc(store)
    assert report.blobs == [new] and report.kept_blobs == 3  # the script, the input, the patch


def test_a_corrupt_manifest_stops_gc_unless_its_image_tells(store: Store, make_run: Any) -> None:
    run_id, manifest = make_run(output=b"weights")
    (store.run_dir(run_id) / "manifest.json").write_text("{")
    loose = store.blobs.put_bytes(b"loose")
    _age(store)
    image = json.loads((store.folder / "index.json").read_bytes())["manifests"][0]["digest"]
    report = gc(store)
    assert report.blocked == [] and report.blobs == [loose]
    assert store.blobs.has(manifest.outputs[0].digest)
    store.blobs.delete(image)
    loose = store.blobs.put_bytes(b"loose")
    _age(store)
    report = gc(store)
    assert report.blocked == [run_id] and report.blobs == [] and store.blobs.has(loose)


def test_rubbish_of_dead_processes_goes_and_that_of_living_ones_stays(store: Store, make_run: Any) -> None:
    run_id, _ = make_run()
    folder = store.run_dir(run_id)
    dead = f".x.{host_tag()}.{_dead_pid()}.00000000.tmp"
    foreign = ".x.elsewhere.1.00000000.tmp"
    stale = ".y.elsewhere.1.00000000.tmp"
    alive = tmp_name("x")
    for place in (store.tmp_folder, store.folder, folder):
        for name in (dead, foreign, stale, alive):
            (place / name).write_text("")
        os.utime(place / stale, (1_000_000, 1_000_000))
    (folder / "end.json.17.tmp").write_text("")
    (folder / "pre").mkdir()
    abandoned = store.runs_folder / "20260101-000000-aaaa"
    abandoned.mkdir()
    (abandoned / dead.replace(".x.", ".new.")).write_text("")
    starting = store.new_run_dir()
    dry = gc(store, dry_run=True)
    assert (folder / "pre").exists() and (store.tmp_folder / dead).exists()
    report = gc(store)
    assert sorted(report.files) == sorted(dry.files)
    for place in (store.tmp_folder, store.folder, folder):
        assert {name for name in os.listdir(place) if name.endswith(".tmp")} == {foreign, alive}
    assert not abandoned.exists() and starting.exists() and not (folder / "pre").exists()


def test_gc_of_nothing(tmp_path: Path) -> None:
    assert gc(Store(tmp_path)).blobs == []
    assert os.listdir(tmp_path) == []
