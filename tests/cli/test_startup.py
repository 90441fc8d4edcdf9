"""How the command starts, and how every failure ends."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from storemaker import CLI, Project, alive

from reenact import __version__
from reenact.cli.group import VERBS

HEAVY = ("click", "rich", "msgspec", "sqlite3", "json", "typing", "pathlib")


def imported(*words: str) -> set[str]:
    """Top-level modules that a command imports beyond those of a bare interpreter."""

    def seen(*command: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", *command], capture_output=True, text=True, check=True
        )
        return {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}

    return seen(*CLI[1:], *words) - seen("-c", "pass")


def test_version_imports_nothing_heavy() -> None:
    assert not imported("--version") & set(HEAVY)


def test_the_import_test_can_fail() -> None:
    assert {"click", "typing"} <= imported("--help")


def test_listing_does_not_import_the_replay(three: Project) -> None:
    done = three.process("ls", env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    _, err = done.communicate()
    assert done.returncode == 0
    assert b"reenact.store.index" in err
    assert b"reenact.replay" not in err and b"torch" not in err


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_version(project: Project, word: str) -> None:
    assert project.cli(word).out == f"reenact {__version__}\n"


def test_version_after_another_option(project: Project) -> None:
    assert project.cli("-C", ".", "--version").out == f"reenact {__version__}\n"


def test_alone_it_prints_help(project: Project) -> None:
    result = project.cli()
    assert result.code == 0
    for verb in VERBS:
        assert f"\n  {verb} " in result.out


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_verb_has_help(project: Project, verb: str, option: str) -> None:
    result = project.cli(verb, option)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"Usage: reenact {verb}")


@pytest.mark.parametrize(
    ("word", "near"), [("lss", "reenact ls"), ("verfy", "reenact verify"), ("train.py", "run train.py")]
)
def test_unknown_verb_names_the_near_ones(project: Project, word: str, near: str) -> None:
    result = project.cli(word)
    assert result.code == 2
    assert near in result.err and "verify" in result.err
    assert result.out == ""


def test_usage_error_names_the_help(project: Project) -> None:
    result = project.cli("ls", "--bogus")
    assert result.code == 2
    assert "--bogus" in result.err and "reenact ls --help" in result.err


def test_folder_option_works_as_if_started_there(three: Project, tmp_path: Path) -> None:
    before = os.getcwd(), os.environ.get("PWD")
    result = three.cli("-C", str(three.root.parent), "-C", three.root.name, "ls", cwd=Path("/"))
    assert "20260101-000001-aaaa" in result.out
    assert (os.getcwd(), os.environ.get("PWD")) == before


def test_folder_option_with_a_folder_that_is_not_there(project: Project) -> None:
    result = project.cli("-C", "nowhere", "ls")
    assert result.code == 2 and "nowhere" in result.err


def test_no_store_here(project: Project, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = project.cli("ls", cwd=tmp_path / "empty")
    assert result.code == 2
    assert "reenact run" in result.err and result.out == ""


def test_the_current_folder_is_gone(project: Project, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd '{gone}' && rmdir '{gone}' && exec \"$@\""
    done = subprocess.run(["bash", "-c", command, "-", *CLI, "ls"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "no longer exists" in done.stderr and "Traceback" not in done.stderr


@pytest.fixture
def broken(three: Project) -> Project:
    """A store with something in it that no code of ours expects."""
    (three.folder("20260101-000001-aaaa") / "labels.json").mkdir()
    return three


def test_internal_error_is_one_clear_message(broken: Project) -> None:
    result = broken.cli("tag", "base", "x")
    assert result.code == 70
    assert result.err.startswith("internal error: ") and "report it" in result.err
    assert "Traceback" not in result.err


def test_debug_shows_the_traceback(broken: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REENACT_DEBUG", "1")
    assert "Traceback" in broken.cli("tag", "base", "x").err
    assert "unknown-run" not in (shown := broken.cli("show", "nope").err) and "Traceback" in shown


def test_streams_without_bytes(three: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from reenact.cli.main import main

    monkeypatch.chdir(three.root)
    out, err = io.StringIO(), io.StringIO()
    assert main(["logs", "base"], out, err) == 0
    assert main(["ls"], out, err) == 0
    assert out.getvalue().startswith("hello\n") and "aaaa" in out.getvalue()


def test_ctrl_c_exits_with_130(project: Project) -> None:
    project.begin("20260101-000001-aaaa", b"first\n", supervisor=alive())
    process = project.process("logs", "-f", "last")
    assert process.stdout is not None
    assert process.stdout.readline() == b"first\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in err


def test_a_closed_pipe_is_quiet(project: Project) -> None:
    project.add("20260101-000001-aaaa", log=b"x" * 1_000_000)
    process = project.process("logs", "last")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=30) == 141
    assert err == b""


def test_a_stream_that_is_ascii_only(three: Project) -> None:
    process = three.process("ls", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert b"+ finished" in out and b"x failed" in out


def test_an_option_of_python_is_not_one_of_run(project: Project) -> None:
    result = project.cli("run", "--quiet", "-m", "pkg.mod", "lr=1")
    assert result.code == 2
    assert "reenact run python -m pkg.mod lr=1" in result.err
