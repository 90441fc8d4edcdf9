"""``show``, ``logs`` and ``path``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from storemaker import Project, alive

from reenact.record.schema import End, ProcessInfo, write_struct
from reenact.record.status import start_ticks
from reenact.record.verdicts import Verdict, write_verdict

A, B, C = "20260101-000001-aaaa", "20260101-000002-abbb", "20260101-000003-cccc"


def test_show_has_every_section(three: Project) -> None:
    write_verdict(
        three.folder(A),
        Verdict(
            **{"verdict": "diverged", "baseline": A, "candidate": C, "who": "ada", "when": "2026-01-03T00:00:00Z"},
            **{"machine": {"host": "box"}, "steps_compared": 12, "first_difference": {"step": 12, "kind": "grad"}},
        ),
    )
    result = three.cli("show", "base")
    assert (result.code, result.err) == (0, "")
    for title in ("params", "metrics", "outputs", "environment", "entropy", "trace", "verdicts"):
        assert f"\n{title}" in result.out
    for told in (A, "base", "train.py --lr 0.1", "finished, exit code 0", "took 1m02s", "5.0 MB", "tags", "good"):
        assert told in result.out
    assert "torch.manual_seed(7) at train.py:3" in result.out
    assert "✗ diverged" in result.out and "first at step 12 in grad" in result.out and "ada on box" in result.out
    assert "model-aaaa.pt" in result.out and "torch 2.13.0" in result.out


def test_show_json_is_the_manifest(three: Project) -> None:
    result = three.cli("show", "--json", C)
    assert result.out.rstrip("\n").encode() == (three.folder(C) / "manifest.json").read_bytes().rstrip(b"\n")
    assert result.json["metrics"]["loss"]["last"] == "nan"


def test_show_tells_labels_as_they_are_now(three: Project) -> None:
    three.cli("tag", "base", "later")
    assert "good, later" in three.cli("show", "base").out


def test_show_seals_an_interrupted_run(project: Project) -> None:
    project.begin(A, b"some")
    assert "interrupted" in project.cli("show", A).out
    assert project.cli("show", A, "--json").json["status"] == "interrupted"


def test_show_of_a_running_run(project: Project) -> None:
    project.add(A, seal=False, supervisor=alive())
    (project.folder(A) / "end.json").unlink()
    result = project.cli("show", A)
    assert result.code == 0
    assert "● running" in result.out and "2 steps" in result.out
    known = project.cli("show", A, "--json").json
    assert (known["run"], known["status"], known["complete"], known["recipe"]) == (A, "running", False, None)
    assert known["command"]["cwd"] == "."


def test_long_lists_are_shortened_and_said_to_be(project: Project) -> None:
    argv = ["python", "train.py", *(word for n in range(30) for word in (f"--p{n}", str(n)))]
    project.add(A, argv=argv)
    assert "more (--all shows them)" in project.cli("show", "last").out
    whole = project.cli("show", "--all", "last").out
    assert "more (--all" not in whole and "\n  p29 " in whole


def test_show_of_a_corrupt_manifest(three: Project) -> None:
    (three.folder(B) / "manifest.json").write_bytes(b"\x00\xff")
    for words in (["show", B], ["show", B, "--json"]):
        result = three.cli(*words)
        assert result.code == 3 and result.out == ""
        assert "manifest.json" in result.err and "fix:" in result.err
    assert three.cli("show", A).code == 0


@pytest.mark.parametrize("verb", ["show", "logs", "path", "tag", "note", "rm", "du"])
def test_unknown_run_names_near_ones(three: Project, verb: str) -> None:
    result = three.cli(verb, "bose", *(["x"] if verb == "tag" else []))
    assert result.code == 2 and result.out == ""
    assert "bose" in result.err and "base" in result.err


def test_ambiguous_prefix_names_the_runs(three: Project) -> None:
    result = three.cli("show", "20260101")
    assert result.code == 2
    assert all(run in result.err for run in (A, B, C))


def test_logs_are_the_bytes_unchanged(project: Project) -> None:
    log = bytes(range(256)) * 300 + b"\r\n\x1b[31mred"
    project.add(A, log=log)
    out, err = project.process("logs", "last").communicate()
    assert (out, err) == (log, b"")


def test_logs_arrive_whole_where_stdout_is_unbuffered(project: Project) -> None:
    log = os.urandom(3_000_000)
    project.add(A, log=log)
    out, _ = project.process("logs", "last", env={**os.environ, "PYTHONUNBUFFERED": "1"}).communicate()
    assert out == log


def test_logs_of_a_run_without_a_log(project: Project) -> None:
    project.add(A)
    (project.folder(A) / "log.txt").unlink()
    result = project.cli("logs", "last")
    assert (result.code, result.out) == (0, "") and "no log" in result.err


def test_following_goes_on_until_the_run_ends(project: Project) -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        info = ProcessInfo(supervisor.pid, start_ticks(supervisor.pid))
        folder = project.begin(A, b"one\n", supervisor=info)
        follower = project.process("logs", "-f", "last")
        assert follower.stdout is not None
        assert follower.stdout.readline() == b"one\n"
        with open(folder / "log.txt", "ab", buffering=0) as log:
            log.write(b"two\n")
            assert follower.stdout.readline() == b"two\n"
            time.sleep(0.3)
            assert follower.poll() is None
            log.write(b"three")
    finally:
        write_struct(folder / "end.json", End(exit_code=0, ended="2026-01-01T00:00:05.000Z"))
        supervisor.kill()
        supervisor.wait()
        supervisor.communicate()
    rest, err = follower.communicate(timeout=30)
    assert (follower.returncode, rest, err) == (0, b"three", b"")


def test_path_of_a_run_and_of_its_files(three: Project) -> None:
    assert three.cli("path", "base").out == f"{three.folder(A)}\n"
    assert three.cli("path", "base", "log.txt").out == f"{three.folder(A) / 'log.txt'}\n"
    assert three.cli("path", "base", "trace/rank0.trace").out == f"{three.folder(A) / 'trace' / 'rank0.trace'}\n"
    assert Path(three.cli("path", "base", "model-aaaa.pt").out.rstrip("\n")).read_bytes() == b"weights"


@pytest.mark.parametrize("name", ["nothing.txt", "../20260101-000002-abbb/log.txt", "/etc/passwd", ".", ""])
def test_path_of_what_is_not_in_the_run(three: Project, name: str) -> None:
    result = three.cli("path", "base", name)
    assert (result.code, result.out) == (2, "")
    assert "log.txt" in result.err


def test_path_of_content_that_is_gone(three: Project) -> None:
    stored = Path(three.cli("path", "base", "model-aaaa.pt").out.rstrip("\n"))
    stored.unlink()
    result = three.cli("path", "base", "model-aaaa.pt")
    assert result.code == 2 and "not in the store" in result.err and "sha256:" in result.err
