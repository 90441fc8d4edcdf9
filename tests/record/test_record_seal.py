from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from runfolder import RunFolder

from reenact.errors import ReenactError
from reenact.record.canonical import canonical_json
from reenact.record.journal import process_order
from reenact.record.schema import Manifest, load_manifest, upgrade
from reenact.record.seal import seal
from reenact.record.status import run_status
from reenact.record.verdicts import Verdict, read_verdicts, write_verdict
from reenact.store.project import Store

SAMPLES = Path(__file__).parent / "samples"


def _seal(store: Store, run: RunFolder) -> Manifest:
    return seal(run.folder, store.root, store.blobs, store.hasher)


def _whole(run: RunFolder, lr: float = 0.1) -> None:
    """A run that trained, wrote its weights and ended well."""
    out = run.root / "model.pt"
    out.write_bytes(b"weights")
    run.journal(
        {"e": "library", "name": "torch", "version": "2.13.0", "threads": 2},
        {"e": "state", "what": "numpy", "data": "", "n": 0, "site": "train.py:1"},
        {"e": "seed", "lib": "torch", "fn": "manual_seed", "value": 0, "site": "train.py:2", "origin": "code", "n": 0},
        {"e": "hyper", "step": 0, "optimizer": 0, "name": "SGD", "values": [{"lr": lr, "momentum": 0.9}]},
        {"e": "hazard", "id": "set-order", "detail": "a set was iterated", "site": "train.py:9"},
        {"e": "draw", "n": 8, "data": "AAAAAAAAAAA=", "site": "train.py:3"},
        {**run.use("w", out), "st": None},
    )
    run.losses([1.0, 0.5, 0.25])
    (run.folder / "metrics" / "rank0.jsonl").write_text('{"n":"acc","s":0,"v":0.5}\n{"n":"acc","s":1,"v":"nan"}\n')
    (run.folder / "log.txt").write_bytes(b"epoch 1\r\n")
    run.ended()


def test_the_whole_record(store: Store, run: RunFolder) -> None:
    _whole(run)
    manifest = _seal(store, run)
    assert (manifest.status, manifest.exit_code, manifest.complete, manifest.gaps) == ("finished", 0, True, [])
    assert manifest.params == {"lr": 0.1, "momentum": 0.9}
    assert manifest.command.cwd == "." and manifest.command.interpreter == "/env/bin/python"
    assert [file.path for file in manifest.code.files] == ["train.py"]
    assert [file.path for file in manifest.outputs] == ["model.pt"]
    assert manifest.traces[0].events == 3 and manifest.traces[0].steps == 3
    loss, acc = manifest.metrics["loss"], manifest.metrics["acc"]
    assert (loss.last, loss.min, loss.max, loss.count, loss.first) == (0.25, 0.25, 1.0, 3, 1.0)
    assert (acc.count, acc.min, acc.max) == (2, 0.5, 0.5)
    assert manifest.entropy.unseeded == ["numpy"] and manifest.entropy.draws == 1
    assert manifest.environment.libraries["torch"] == {"version": "2.13.0", "threads": 2}
    assert manifest.resources.peak_rss == 4096 and manifest.ended == "2026-01-02T03:04:07.500Z"
    assert manifest.log and manifest.log.size == 9
    assert manifest.hazards[0].id == "set-order"
    # What was written is what was returned, NaN apart, which is not equal to itself.
    assert canonical_json(load_manifest(run.folder / "manifest.json")) == canonical_json(manifest)
    assert (run.folder / "manifest.json").read_bytes() == canonical_json(manifest)
    assert sorted(["rank10", "rank2", "rank0.1", "rank0"], key=process_order) == ["rank0", "rank0.1", "rank2", "rank10"]
    assert run_status(run.folder)[:3] == ("finished", "", True)


def test_sealing_again_changes_nothing(store: Store, run: RunFolder) -> None:
    _whole(run)
    _seal(store, run)
    before = (run.folder / "manifest.json").read_bytes()
    (store.root / "model.pt").write_bytes(b"other weights")
    _seal(store, run)
    assert (run.folder / "manifest.json").read_bytes() == before
    left = {path.name for path in run.folder.iterdir()}
    assert not {"pre", "collected.jsonl", "seal.lock"} & left and not [name for name in left if name.endswith(".tmp")]


def _seal_there(folder: str, root: str) -> None:
    store = Store(root)
    seal(folder, root, store.blobs, store.hasher)


def test_two_processes_seal_at_once(store: Store, run: RunFolder) -> None:
    _whole(run)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_seal_there, args=(str(run.folder), str(store.root))) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert load_manifest(run.folder / "manifest.json").status == "finished"


def test_a_run_that_was_killed(store: Store, run: RunFolder) -> None:
    run.journal(end=False)
    with open(run.folder / "journal" / "rank0.jsonl", "ab") as file:
        file.write(b'{"e":"fi')
    run.losses([1.0])
    with open(run.folder / "trace" / "rank0.trace", "ab") as file:
        file.write(b"\x06\x01")
    manifest = _seal(store, run)
    assert (manifest.status, manifest.exit_code, manifest.complete) == ("interrupted", None, False)
    assert {gap.id for gap in manifest.gaps} == {"torn-journal-line", "process-ended-abruptly", "end-not-seen"}
    assert manifest.ended is not None and manifest.metrics["loss"].count == 1


def test_a_run_of_which_only_the_start_is_left(store: Store, run: RunFolder) -> None:
    (run.folder / "environment.json").unlink()
    for name in ("journal", "trace", "metrics"):
        (run.folder / name).rmdir()
    manifest = _seal(store, run)
    assert {gap.id for gap in manifest.gaps} == {"no-probe", "end-not-seen", "no-environment"}
    assert [file.path for file in manifest.code.files] == ["train.py"]


def test_gaps_that_a_replay_needs(store: Store) -> None:
    (store.root / "train.py").write_text("")
    run = RunFolder(
        store.new_run_dir(),
        store.root,
        argv=["python", "train.py", "--api-key", "<redacted>"],
        env={"HF_TOKEN": "<redacted>"},
        redacted=["--api-key", "HF_TOKEN"],
    )
    run.environment()
    run.journal({"e": "gap", "id": "listing", "detail": "large", "replay": True})
    run.journal(process="rank0.1", end=False)
    run.ended(1)
    manifest = _seal(store, run)
    assert {(gap.id, gap.process, gap.replay) for gap in manifest.gaps} == {
        ("redacted-api-key", None, True),
        ("listing", "rank0", True),
        ("process-ended-abruptly", "rank0.1", False),
    }
    assert manifest.status == "failed" and not manifest.complete


def test_corrupt_parts_are_gaps(store: Store, run: RunFolder) -> None:
    run.journal()
    (run.folder / "end.json").write_text("{")
    (run.folder / "trace" / "rank0.trace").write_bytes(b"rubbish!")
    run.environment(distributions=7)
    manifest = _seal(store, run)
    assert {gap.id for gap in manifest.gaps} == {
        "corrupt-end",
        "corrupt-trace",
        "environment-unreadable",
        "end-not-seen",
    }


def test_a_corrupt_start_and_a_corrupt_manifest_are_named(store: Store, run: RunFolder) -> None:
    (run.folder / "start.json").write_text('{"run":')
    with pytest.raises(ReenactError) as caught:
        _seal(store, run)
    assert caught.value.slug == "corrupt-start" and "start.json" in caught.value.what
    for content in ("", "{", "[]", "{}", '{"schema": 99}', '{"schema": 1, "run": 3}'):
        (run.folder / "manifest.json").write_text(content)
        with pytest.raises(ReenactError) as caught:
            _seal(store, run)
        assert (caught.value.slug, caught.value.exit_code) == ("corrupt-manifest", 3)
        assert str(run.folder / "manifest.json") in caught.value.what


def _manifest_of(tmp_path: Path, project: str, change: Any = None, **start: Any) -> Manifest:
    """The manifest of the usual run in a project of its own, after a change to its folder."""
    root = tmp_path / project
    root.mkdir()
    (root / "train.py").write_text("print('hello')\n")
    store = Store(root)
    store.create()
    run = RunFolder(store.new_run_dir(), root, **start)
    run.environment()
    if change:
        change(run)
    _whole(run)
    return _seal(store, run)


def test_recipe_and_result_do_not_depend_on_place_time_or_drawn_entropy(tmp_path: Path) -> None:
    first = _manifest_of(tmp_path, "a")
    other = {"started": "2027-01-01T00:00:00.000Z", "hash_seed": {"value": "7", "chosen": True}}
    second = _manifest_of(
        tmp_path, "b", argv=["/other/python", str(tmp_path / "b" / "train.py"), "--lr", "0.1"], **other
    )
    third = _manifest_of(tmp_path, "c", argv=["/other/python", "train.py", "--lr", "0.1"], name="x", **other)
    assert first.recipe == third.recipe and first.result == second.result == third.result
    assert second.recipe == first.recipe


@pytest.mark.parametrize(
    ("what", "change", "start"),
    [
        ("code", lambda run: (run.root / "train.py").write_text("other"), {}),
        ("argv", None, {"argv": ["python", "train.py", "--lr", "0.2"]}),
        ("settings", None, {"options": {"deterministic": True}}),
        ("hash seed", None, {"hash_seed": {"value": "7", "chosen": False}}),
        ("variables", lambda run: run.environment(variables={"OMP_NUM_THREADS": "1"}), {}),
        ("packages", lambda run: run.environment(distributions=[]), {}),
    ],
)
def test_recipe_depends_on_what_goes_in(tmp_path: Path, what: str, change: Any, start: dict[str, Any]) -> None:
    assert _manifest_of(tmp_path, "a").recipe != _manifest_of(tmp_path, "b", change, **start).recipe


def test_the_sample_of_every_old_schema_can_be_read() -> None:
    samples = sorted(SAMPLES.glob("manifest-*.json"))
    assert samples
    for sample in samples:
        manifest = load_manifest(sample)
        assert manifest.run == "20260102-030405-abcd"
        # A field that is renamed or dropped without a new schema number shows here.
        known = set(msgspec.to_builtins(manifest))
        assert set(json.loads(sample.read_bytes())) <= known


def test_upgrades_go_one_number_at_a_time() -> None:
    steps = {(1, 2): lambda data: {**data, "two": True}, (2, 3): lambda data: {**data, "three": data["two"]}}
    assert upgrade({"schema": 1}, 3, steps) == {"schema": 3, "two": True, "three": True}
    with pytest.raises(ValueError, match="no upgrade"):
        upgrade({"schema": 1}, 2, {})


def test_verdicts_are_attestations_of_the_baseline(store: Store, run: RunFolder) -> None:
    _whole(run)
    _seal(store, run)
    verdict = Verdict(
        verdict="diverged",
        baseline=run.folder.name,
        candidate="20260103-000000-cccc",
        who="someone",
        when="2026-01-03T00:00:00Z",
        machine={"host": "here"},
        steps_compared=7,
        first_difference={"rank": 0, "step": 7, "kind": "loss", "name": "loss"},
    )
    path = write_verdict(run.folder, verdict)
    statement = json.loads(path.read_bytes())
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert set(statement["subject"][0]["digest"]) == {"sha256"}
    assert statement["predicate"]["first_difference"]["step"] == 7
    (run.folder / "verdicts" / "other.json").write_text("{}")
    assert read_verdicts(run.folder) == [verdict]
    assert os.listdir(run.folder / "verdicts").count("20260103-000000-cccc.json") == 1


def test_metrics_of_very_many_names_are_a_gap(store: Store, run: RunFolder) -> None:
    run.journal()
    run.losses([0.5])
    with open(run.folder / "metrics" / "rank0.jsonl", "w") as file:
        for number in range(10_005):
            file.write(f'{{"n":"m{number}","s":0,"v":{number}}}\n')
    run.ended()
    manifest = _seal(store, run)
    assert len(manifest.metrics) == 10_000 and {"loss", "m0", "m9998"} <= set(manifest.metrics)
    assert [(gap.id, gap.replay) for gap in manifest.gaps] == [("metrics-left-out", False)]
    assert "10,006 metrics" in manifest.gaps[0].detail and not manifest.complete


def test_metrics_of_jobs_are_not_those_of_their_sweep(store: Store, run: RunFolder) -> None:
    run.journal()
    (run.folder / "metrics" / "job0.jsonl").write_text('{"n":"acc","s":0,"v":1}\n')
    (run.folder / "metrics" / "rank0.1.jsonl").write_text('{"n":"child","s":0,"v":1}\n')
    run.ended()
    assert set(_seal(store, run).metrics) == {"child"}
