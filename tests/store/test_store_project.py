from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from reenact.errors import ReenactError
from reenact.record.canonical import digest_bytes
from reenact.store import oci
from reenact.store.du import du
from reenact.store.project import Store, find_root


def test_find_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    assert find_root(deep) == tmp_path
    (tmp_path / "a" / "pyproject.toml").touch()
    assert find_root(deep) == tmp_path / "a"
    (tmp_path / ".reenact").mkdir()
    assert find_root(deep) == tmp_path
    (deep / ".reenact").mkdir()
    assert find_root(deep) == deep
    monkeypatch.setenv("REENACT_STORE", str(tmp_path / "elsewhere"))
    assert find_root(deep) == tmp_path / "a"
    assert Store.open(deep, create=True).folder == tmp_path / "elsewhere"


def test_opening_a_store_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    with pytest.raises(ReenactError) as caught:
        Store.open(tmp_path)
    assert (caught.value.slug, caught.value.exit_code) == ("no-store", 2)
    store = Store.open(tmp_path, create=True)
    assert json.loads((store.folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert Store.open(tmp_path).runs() == []


def test_a_project_that_cannot_be_written(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        tmp_path.chmod(0o555)
        with pytest.raises(ReenactError) as caught:
            Store.open(tmp_path, create=True)
        tmp_path.chmod(0o755)
        assert (caught.value.slug, caught.value.exit_code) == ("store-not-writable", 2)
    # A file where the store should be stops root too.
    (tmp_path / ".reenact").write_text("")
    with pytest.raises(ReenactError) as caught:
        Store(tmp_path).create()
    assert (caught.value.slug, caught.value.exit_code) == ("store-not-writable", 2)


def test_run_folders(store: Store) -> None:
    first = store.new_run_dir("20260102-030405-abcd")
    assert store.runs() == []  # nothing has begun yet
    with pytest.raises(ReenactError) as caught:
        store.new_run_dir("20260102-030405-abcd")
    assert caught.value.slug == "run-exists"
    (first / "start.json").write_text("{}")
    (store.runs_folder / "not a run").mkdir()
    assert store.runs() == ["20260102-030405-abcd"]
    with pytest.raises(ReenactError) as caught:
        store.manifest("20260102-030405-abcd")
    assert caught.value.slug == "not-sealed"
    with pytest.raises(ReenactError) as caught:
        store.manifest("20260102-030405-zzzz")
    assert caught.value.slug == "unknown-run"


def _check_image(store: Store, run_id: str) -> dict[str, Any]:
    """The run's image, after following every descriptor as an OCI tool does."""
    index = json.loads((store.folder / "index.json").read_bytes())
    assert index["schemaVersion"] == 2
    entry = next(e for e in index["manifests"] if e["annotations"]["org.opencontainers.image.ref.name"] == run_id)
    data = store.blobs.read(entry["digest"])
    assert len(data) == entry["size"] and digest_bytes(data) == entry["digest"]
    image: dict[str, Any] = json.loads(data)
    for part in (image["config"], *image["layers"]):
        assert store.blobs.size(part["digest"]) == part["size"]
        store.blobs.verify(part["digest"])
    return image


def test_a_sealed_run_is_an_oci_image(store: Store, make_run: Any) -> None:
    run_id, manifest = make_run(output=b"weights")
    image = _check_image(store, run_id)
    assert image["artifactType"] == "application/vnd.reenact.run.v1+json"
    assert store.blobs.read(image["config"]["digest"]) == (store.run_dir(run_id) / "manifest.json").read_bytes()
    titles = {layer["annotations"]["org.opencontainers.image.title"] for layer in image["layers"]}
    assert titles == {"code/train.py", f"outputs/{run_id}.bin"}
    assert {layer["digest"] for layer in image["layers"]} == {
        f.digest for f in (*manifest.code.files, *manifest.outputs)
    }


def test_the_oci_index_can_be_built_again(store: Store, make_run: Any) -> None:
    ids = [make_run()[0] for _ in range(3)]
    before = (store.folder / "index.json").read_bytes()
    for content in (b"{", b""):
        (store.folder / "index.json").write_bytes(content)
        assert oci.rebuild_index(store.folder, store.blobs, store.runs()) == []
        assert (store.folder / "index.json").read_bytes() == before
    store.remove_run(ids[0])
    oci.rebuild_index(store.folder, store.blobs, store.runs(), only_missing=True)
    assert {entry["annotations"][oci.REF_NAME] for entry in oci.read_index(store.folder)} == set(ids[1:])


def _seal(folder: str, run_id: str) -> None:
    Store(Path(folder)).seal(run_id)


def test_runs_that_end_at_once_are_all_listed(store: Store, make_run: Any) -> None:
    ids = [make_run()[0] for _ in range(4)]
    for run_id in ids:
        (store.run_dir(run_id) / "manifest.json").unlink()
    (store.folder / "index.json").unlink()
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_seal, args=(str(store.root), run_id)) for run_id in ids]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for run_id in ids:
        _check_image(store, run_id)


def test_du_tells_shared_from_unique(store: Store, make_run: Any) -> None:
    first, _ = make_run(output=b"x" * 1000)
    make_run(output=b"y" * 2000)
    store.blobs.put_bytes(b"z" * 50)
    one, both = du(store, first), du(store)
    code = (store.root / "train.py").stat().st_size
    assert (one.blobs_unique, one.blobs_shared, one.blobs_unused) == (1000, code, 0)
    # With the image manifest and config of each run, which an OCI tool needs.
    assert both.blobs_unique > 3000 and (both.blobs_shared, both.runs) == (code, 2)
    assert both.blobs_unused == 50
    assert one.kinds["trace"] > 40 and one.kinds["journal"] > 100 and one.record == sum(one.kinds.values())
    assert both.record > one.record


def test_removing_a_run(store: Store, make_run: Any) -> None:
    run_id, _ = make_run()
    store.remove_run(run_id)
    assert store.runs() == [] and os.listdir(store.tmp_folder) == []
    with pytest.raises(ReenactError) as caught:
        store.remove_run(run_id)
    assert caught.value.slug == "unknown-run"


def test_a_run_is_added_at_the_end_without_reading_the_others(store: Store, make_run: Any) -> None:
    path = store.folder / "index.json"
    for run in ("20260102-000000-aaaa", "20260103-000000-aaaa", "20260101-000000-aaaa", "20260103-000000-bbbb"):
        make_run(run)
        written = path.read_bytes()
        oci.rebuild_index(store.folder, store.blobs, store.runs())
        assert path.read_bytes() == written
    path.write_text(json.dumps(json.loads(path.read_bytes())))  # written otherwise
    make_run("20260104-000000-aaaa")
    assert len(oci.read_index(store.folder)) == 5
    path.write_bytes(path.read_bytes()[:-9])  # corrupt
    make_run("20260105-000000-aaaa")
    assert len(oci.read_index(store.folder)) == 1
