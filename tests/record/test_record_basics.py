"""Ids, canonical JSON, atomic writing, status, labels."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from runfolder import GONE, RunFolder

from reenact.errors import ReenactError
from reenact.record import atomic
from reenact.record.canonical import canonical_json, digest_bytes, digest_json
from reenact.record.ids import RUN_ID, iso_time, new_run_id
from reenact.record.labels import Labels, read_labels, write_labels
from reenact.record.schema import Config, Schedule, TrialOf, load_manifest
from reenact.record.status import process_alive, run_status, start_ticks
from reenact.record.trials import command_of
from reenact.store.project import Store

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_run_id_is_in_utc_and_random() -> None:
    when = datetime(2026, 11, 21, 7, 40, 12, tzinfo=timezone.utc)
    ids = {new_run_id(when) for _ in range(50)}
    assert len(ids) > 45
    assert all(run_id.startswith("20261121-074012-") and RUN_ID.fullmatch(run_id) for run_id in ids)


@given(_JSON)
def test_canonical_json_round_trips_and_does_not_depend_on_order(value: object) -> None:
    data = canonical_json(value)
    assert json.loads(data) == value
    if isinstance(value, dict):
        assert canonical_json(dict(reversed(value.items()))) == data


def test_canonical_json_of_what_json_lacks() -> None:
    assert canonical_json({"b": math.nan, "a": [math.inf, -math.inf, 1.0, -0.0, 1e-300]}) == (
        b'{"a":["inf","-inf",1.0,-0.0,1e-300],"b":"nan"}'
    )
    name = os.fsdecode(b"caf\xe9")
    assert json.loads(canonical_json(name)) == name
    assert canonical_json(Schedule(16, 4)) == b'{"from":16,"stride":4}'
    assert digest_json({"a": 1}) == digest_bytes(b'{"a":1}')


def test_write_atomic_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "a file"
    atomic.write_atomic(path, b"one")
    atomic.write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a file"]
    owner = atomic.tmp_owner(atomic.tmp_name("a.b.json"))
    assert owner == (atomic.host_tag(), os.getpid())
    assert atomic.tmp_owner("model.tmp") is None


def test_no_space_is_told_and_the_old_content_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "manifest.json"
    atomic.write_atomic(path, b"old")

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReenactError) as caught:
        atomic.write_atomic(path, b"new")
    assert caught.value.slug == "no-space" and str(path) in caught.value.what
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["manifest.json"]


def test_process_alive_tells_a_process_from_a_later_one() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    ticks = start_ticks(child.pid)
    assert process_alive(child.pid, ticks) and process_alive(child.pid, None)
    if ticks is not None:
        assert not process_alive(child.pid, ticks + 1)
    child.kill()
    if ticks is not None:
        while process_alive(child.pid, ticks):  # a zombie counts as gone
            pass
    child.communicate()
    assert not process_alive(child.pid, ticks)


def test_status_running_then_ended_then_interrupted(run: RunFolder) -> None:
    assert run_status(run.folder)[:1] == ("interrupted",)
    run.alive()
    assert run_status(run.folder).status == "running"


@pytest.mark.parametrize(
    ("exit_code", "signal", "status"),
    [(0, None, "finished"), (3, None, "failed"), (139, 11, "failed"), (130, 2, "interrupted"), (137, 9, "interrupted")],
)
def test_status_of_an_end_that_was_not_sealed(run: RunFolder, exit_code: int, signal: int | None, status: str) -> None:
    run.ended(exit_code, signal)
    found = run_status(run.folder)
    assert (found.status, found.sealed) == (status, False)


def test_status_when_only_the_command_lives(run: RunFolder) -> None:
    me = os.getpid()
    (run.folder / "process.json").write_text(json.dumps({"pid": me, "start_ticks": start_ticks(me)}))
    found = run_status(run.folder)
    assert found.status == "running" and "reenact itself is gone" in found.detail


def test_status_on_another_host_and_after_a_restart(store: Store) -> None:
    there = RunFolder(store.new_run_dir("20260102-030405-aaaa"), store.root, host="elsewhere", supervisor=GONE)
    assert run_status(there.folder)[::3] == ("running", False)
    before = RunFolder(store.new_run_dir("20260102-030405-bbbb"), store.root, boot_id="another")
    before.alive()
    if Path("/proc/sys/kernel/random/boot_id").exists():
        assert run_status(before.folder).status == "interrupted"


def test_status_never_raises(run: RunFolder) -> None:
    (run.folder / "start.json").write_text("{")
    assert run_status(run.folder).status == "unreadable"
    (run.folder / "manifest.json").write_text("[]")
    assert run_status(run.folder).status == "unreadable"


def test_labels_start_from_the_start_and_change(store: Store) -> None:
    run = RunFolder(store.new_run_dir(), store.root, name="first", tags=["a"], note="n")
    assert read_labels(run.folder) == Labels("first", ["a"], "n")
    write_labels(run.folder, Labels("second", ["a", "b", "a"], None))
    assert read_labels(run.folder) == Labels("second", ["a", "b"], None)
    (run.folder / "labels.json").write_text("not json")
    assert read_labels(run.folder).name == "first"


def test_times_within_one_second_sort_as_they_came() -> None:
    moment = datetime(2026, 11, 21, 7, 40, 12, 5_000, timezone.utc)
    times = [iso_time(moment + timedelta(milliseconds=later)) for later in (0, 10, 400)]
    assert times[0] == "2026-11-21T07:40:12.005Z" and sorted(times) == times and len(set(times)) == 3


@pytest.mark.parametrize(
    ("kind", "argv", "words"),
    [
        ("script", "python a.py -m lr=1,2 -cn big seed=3", "python a.py -cn big lr=2"),
        ("module", "python -m pkg.train --multirun lr=1,2 hydra/launcher=joblib", "python -m pkg.train lr=2"),
        ("command", "train -m --config-dir=conf lr=1,2", "train --config-dir=conf lr=2"),
    ],
)
def test_a_trial_is_told_by_the_words_that_would_start_it_alone(kind: str, argv: str, words: str) -> None:
    samples = Path(__file__).parent / "samples"
    manifest = load_manifest(next(samples.rglob("manifest*.json")))
    job = Config(kind="job", process="job1", number=0, path="config/0.yaml", digest="", overrides=["lr=2"])
    command = structs.replace(manifest.command, kind=kind, argv=argv.split())
    sweep = structs.replace(manifest, command=command, configs=[job])
    assert command_of(sweep) == argv.split()
    assert command_of(structs.replace(sweep, trial_of=TrialOf("x", 1))) == words.split()
