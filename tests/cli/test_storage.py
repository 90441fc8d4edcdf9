"""``rm``, ``gc`` and ``du``."""

from __future__ import annotations

import os
import pty

import pytest
from storemaker import Project, alive

A, B, C = "20260101-000001-aaaa", "20260101-000002-abbb", "20260101-000003-cccc"


def test_rm_without_a_terminal_needs_yes(three: Project) -> None:
    out, err = (process := three.process("rm", "base")).communicate()
    assert process.returncode == 2 and b"-y" in err and out == b""
    assert three.folder(A).exists()


def test_rm_removes_and_gc_frees_only_what_nobody_needs(project: Project) -> None:
    project.add(A, output=b"only mine")
    project.add(B, output=b"shared")
    project.add(C, output=b"shared")
    stored = {run: project.cli("path", run, f"model-{run[-4:]}.pt").out.strip() for run in (A, B, C)}
    result = project.cli("rm", "-y", A, B, A)
    assert result.code == 0 and result.out == ""
    assert A in result.err and "removed 2 runs" in result.err and "reenact gc" in result.err
    assert not project.folder(A).exists() and project.folder(C).exists()
    assert os.path.exists(stored[A])
    dry = project.cli("gc", "--dry-run", "--json").json
    assert dry["dry_run"] is True and os.path.exists(stored[A])
    real = project.cli("gc", "--json").json
    assert sorted(real["blobs"]) == sorted(dry["blobs"]) and real["blob_bytes"] == dry["blob_bytes"] > 0
    assert not os.path.exists(stored[A]) and os.path.exists(stored[C])
    assert project.cli("gc").out.startswith("removed 0 blobs")


def test_rm_refuses_a_running_run_and_removes_nothing(three: Project) -> None:
    three.begin("20260101-000009-zzzz", supervisor=alive())
    result = three.cli("rm", "-y", "base", "20260101-000009-zzzz")
    assert result.code == 2 and "still running" in result.err
    assert three.folder(A).exists()


def test_rm_of_those_that_match(project: Project) -> None:
    for run, name in ((A, "keep"), (B, "drop"), (C, "drop")):
        project.add(run, name=name)
    for words, told in (
        (("--where", "nme=drop"), "no run here has 'nme'"),
        ((), "--where"),
        ((A, "--where", "name=drop"), "one of"),
    ):
        refused = project.cli("rm", "-y", *words)
        assert refused.code == 2 and told in refused.err
    assert project.cli("rm", "-y", "--where", "name=other").code == 1
    assert project.folder(B).exists() and project.folder(C).exists()
    assert "removed 2 runs" in project.cli("rm", "-y", "--where", "name=drop").err
    assert project.folder(A).exists() and not project.folder(B).exists() and not project.folder(C).exists()


def test_rm_of_an_unreadable_run(three: Project) -> None:
    (three.folder(A) / "manifest.json").write_text("{")
    assert three.cli("rm", "-y", A).code == 0
    assert not three.folder(A).exists()


def test_rm_tells_of_replays_that_stay(three: Project) -> None:
    three.add("20260101-000009-zzzz", replay_of=A)
    assert "20260101-000009-zzzz" in three.cli("rm", "-y", A).err


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_rm_asks_at_a_terminal(three: Project, answer: str, code: int) -> None:
    keyboard, terminal = pty.openpty()
    try:
        process = three.process("rm", "base", stdin=terminal)
        os.write(keyboard, f"{answer}\n".encode())
        _, err = process.communicate(timeout=30)
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert process.returncode == code
    assert b"Remove this run? [y/N]" in err and A.encode() in err
    assert three.folder(A).exists() is (code != 0)


def test_gc_names_the_runs_that_block_it(three: Project) -> None:
    (three.store.folder / "index.json").write_text("{}")
    (three.folder(A) / "manifest.json").write_text("{")
    result = three.cli("gc")
    assert result.code == 0 and A in result.err and "no blob was removed" in result.err


def test_gc_seals_what_was_interrupted(project: Project) -> None:
    project.begin(A)
    project.cli("gc")
    assert (project.folder(A) / "manifest.json").exists()


def test_du_of_one_run_and_of_all(three: Project) -> None:
    one, everything = three.cli("du", "base", "--json").json, three.cli("du", "--json").json
    assert one["run"] == A and everything["run"] is None and everything["runs"] == 3
    assert one["record"] == sum(one["kinds"].values()) and 0 < one["record"] < everything["record"]
    told = three.cli("du", "base").out
    assert A in told and "journal" in told and "what a commit of it would add" in told
    assert "3 runs" in three.cli("du").out


def test_du_warns_of_an_unreadable_run(three: Project) -> None:
    (three.folder(B) / "manifest.json").write_text("{")
    result = three.cli("du")
    assert result.code == 0 and B in result.err


def test_what_was_kept_of_series_goes_with_its_run(project: Project) -> None:
    for run in ("20260101-000001-aaaa", "20260101-000002-abbb"):
        project.add(run)
        (project.store.series_folder / run).mkdir(parents=True)
        (project.store.series_folder / run / "rank0.jsonl.series").write_bytes(b"x")
    (project.store.series_folder / "20260101-000009-gone").mkdir()
    copies = project.store.folder / "cache" / "mlflow" / "0123456789ab"
    copies.mkdir(parents=True)
    for name in ("20260101-000001-aaaa.json", "20260101-000009-gone.json", "20260101-000009-gone.lock"):
        (copies / name).touch()
    project.cli("gc")
    assert sorted(os.listdir(project.store.series_folder)) == ["20260101-000001-aaaa", "20260101-000002-abbb"]
    assert os.listdir(copies) == ["20260101-000001-aaaa.json"]
    assert project.cli("rm", "-y", "20260101-000001-aaaa").code == 0
    assert os.listdir(project.store.series_folder) == ["20260101-000002-abbb"]
