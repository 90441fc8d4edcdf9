"""`reenact doctor` on machines that lack something: real programs, sockets and folders; engines may be scripts."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reenact.doctor.checks import compiled, logout
from reenact.doctor.checks.logout import kill_user_processes
from reenact.doctor.examine import CHECKS, examine
from reenact.doctor.row import Context

COMMAND = [sys.executable, "-m", "reenact", "doctor"]
STATUSES = {"ok", "warning", "missing", "not checked"}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Nothing but a home folder, and a PATH with Python on it."""
    (tmp_path / "home").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    return {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin")}


def program(env: dict[str, str], name: str, text: str) -> None:
    """Put a shell script on PATH."""
    path = Path(env["PATH"]) / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def doctor(env: dict[str, str], cwd: Path, code: int = 0, **options: Any) -> dict[str, list[dict[str, str]]]:
    """Rows by what they are about."""
    done = subprocess.run(
        [*COMMAND, "--json"], cwd=cwd, env=env, capture_output=True, text=True, timeout=120, **options
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr == ""
    rows: dict[str, list[dict[str, str]]] = {}
    for row in json.loads(done.stdout):
        assert set(row) == {"check", "status", "seen", "fix"} and row["status"] in STATUSES and row["seen"]
        assert row["fix"] or row["status"] in ("ok", "not checked"), row
        rows.setdefault(row["check"], []).append(row)
    return rows


def test_here(tmp_path: Path) -> None:
    env = {**os.environ, "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]}
    before = sorted(os.listdir(tmp_path))
    rows = doctor(env, tmp_path)
    assert sorted(os.listdir(tmp_path)) == before
    assert rows["python"][0]["status"] == rows["store"][0]["status"] == "ok"
    assert sys.executable in rows["python"][0]["seen"]
    text = subprocess.run(COMMAND, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout
    assert all(name in text for name in rows) and "✓" in text and text.splitlines()[-1].split()[1].startswith("ok")


def test_no_engine(env: dict[str, str], tmp_path: Path) -> None:
    rows = doctor(env, tmp_path)
    (engine,) = rows["engine"]
    assert engine["status"] == "warning" and "neither docker nor podman" in engine["seen"] and engine["fix"]
    assert {rows[name][0]["status"] for name in ("builder", "network", "gpu in container")} == {"not checked"}
    assert rows["git"][0]["status"] == "warning" and "install git" in rows["git"][0]["fix"]


def test_nearly_nothing_on_path(env: dict[str, str], tmp_path: Path) -> None:
    rows = doctor({**env, "PATH": str(tmp_path / "nothing")}, tmp_path, code=4)
    assert rows["python"][0]["status"] == "missing" and rows["python"][0]["fix"]
    missing = [row["check"] for found in rows.values() for row in found if row["status"] == "missing"]
    assert missing == ["python"]


def test_no_variable_at_all(tmp_path: Path) -> None:
    # Which Python the system's default path leads to is the machine's own.
    done = subprocess.run([*COMMAND, "--json"], cwd=tmp_path, env={}, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) in ((0, ""), (4, ""))
    assert {row["check"] for row in json.loads(done.stdout)} >= {"python", "store", "engine", "clock"}


@pytest.mark.skipif(shutil.which("docker") is None, reason="docker is not installed")
def test_a_dead_socket(env: dict[str, str], tmp_path: Path) -> None:
    at = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(at))
    found = shutil.which("docker")
    assert found is not None
    (Path(env["PATH"]) / "docker").symlink_to(found)
    (row,) = doctor({**env, "DOCKER_HOST": f"unix://{at}"}, tmp_path)["engine"]
    assert row["status"] == "warning" and "does not run" in row["seen"] and "dockerd" in row["fix"]


def test_an_engine_that_hangs_is_given_up(env: dict[str, str], tmp_path: Path) -> None:
    program(env, "docker", "exec /bin/sleep 600\n")
    (row,) = doctor(env, tmp_path)["engine"]
    assert row["status"] == "warning" and "has not answered within" in row["seen"]


def test_another_engine_answers(env: dict[str, str], tmp_path: Path) -> None:
    program(env, "docker", "echo 'Cannot connect to the Docker daemon. Is the docker daemon running?' >&2; exit 1\n")
    program(env, "podman", 'case "$1" in info) echo "{}";; --version) echo podman version 4.3.1;; network) echo other;; esac\n')  # fmt: skip
    rows = doctor(env, tmp_path)
    first, second = rows["engine"]
    assert (first["status"], second["status"]) == ("ok", "not checked") and "podman 4.3.1 is used" in first["seen"]
    assert "buildah" in rows["builder"][0]["seen"]


@pytest.mark.parametrize("answer", ["", "not JSON", "[]", '{"ServerErrors": ["connection refused"]}'])
def test_an_engine_that_answers_something_else(env: dict[str, str], tmp_path: Path, answer: str) -> None:
    program(env, "docker", f"echo '{answer}'\n")
    (row,) = doctor(env, tmp_path)["engine"]
    assert row["status"] == "warning" and row["fix"]


def test_an_old_builder_and_no_bridge(env: dict[str, str], tmp_path: Path) -> None:
    program(
        env,
        "docker",
        'case "$1 $2" in "info "*) echo "{}";; "--version "*) echo Docker version 28.2.2;; "network ls") echo host;;\n'
        '"context inspect") echo unix:///x;; *) exit 1;; esac\n',
    )
    rows = doctor(env, tmp_path)
    assert rows["engine"][0]["status"] == "ok"
    assert rows["builder"][0]["status"] == "warning" and "buildx" in rows["builder"][0]["fix"]
    assert rows["network"][0]["status"] == "warning" and "--network host" in rows["network"][0]["seen"]


def test_an_engine_that_is_not_there_is_named(env: dict[str, str], tmp_path: Path) -> None:
    (row,) = doctor({**env, "REENACT_ENGINE": "nonsense"}, tmp_path)["engine"]
    assert row["status"] == "warning" and "nonsense" in row["seen"] and "docker" in row["fix"]


@pytest.mark.parametrize(
    "content", [None, "{", "[]", '{"credsStore": "nowhere"}'], ids=["a folder", "torn", "list", "helper"]
)
def test_settings_of_docker_that_do_not_work(env: dict[str, str], tmp_path: Path, content: str | None) -> None:
    config = tmp_path / "home" / ".docker" / "config.json"
    config.parent.mkdir()
    config.mkdir() if content is None else config.write_text(content)
    (row,) = doctor(env, tmp_path)["docker settings"]
    assert row["status"] == "warning" and str(config) in row["seen"]
    if content:
        config.write_text("{}")
        assert doctor(env, tmp_path)["docker settings"][0]["status"] == "ok"


def ordinary_user() -> None:
    """For a child that is root: be nobody, who can still read what this test reads."""
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)


def seen_by_nobody(env: dict[str, str], cwd: Path) -> list[dict[str, str]]:
    """The rows that a user without rights gets; from a fork, since our own files may not be readable for that user."""
    reader, writer = os.pipe()
    list(examine(Context(env, cwd)))  # imports what is needed
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                ordinary_user()
            rows = [vars(row) for row in examine(Context(env, cwd))]
            os.write(writer, json.dumps(rows).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    found: list[dict[str, str]] = json.loads(text)
    return found


def test_what_a_user_may_not_read_and_write(env: dict[str, str]) -> None:
    folder = Path("/var/tmp") / f"reenact-test-{os.getpid()}"
    (folder / ".docker").mkdir(parents=True)
    try:
        (folder / ".docker" / "config.json").write_text("{}")
        (folder / ".docker" / "config.json").chmod(0)
        (folder / ".reenact" / "runs").mkdir(parents=True)
        for path in (folder, folder / ".reenact", folder / ".reenact" / "runs"):
            path.chmod(0o555)
        rows = {row["check"]: row for row in seen_by_nobody({**env, "HOME": str(folder)}, folder)}
        assert rows["store"]["status"] == "missing" and "REENACT_STORE" in rows["store"]["fix"]
        assert rows["docker settings"]["status"] == "warning" and "chown" in rows["docker settings"]["fix"]
    finally:
        folder.chmod(0o755)
        (folder / ".reenact").chmod(0o755)
        shutil.rmtree(folder)


def test_a_clock_that_is_behind_a_run(env: dict[str, str], tmp_path: Path) -> None:
    run = tmp_path / ".reenact" / "runs" / "20990101-000000-aaaa"
    run.mkdir(parents=True)
    (run / "start.json").write_text("{}")
    os.utime(run, (time.time() + 86400,) * 2)
    (row,) = doctor(env, tmp_path)["clock"]
    assert row["status"] == "warning" and "20990101-000000-aaaa" in row["seen"] and row["fix"]


@pytest.mark.parametrize(
    ("files", "kills"),
    [
        ({}, False),
        ({"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=yes\n"}, False),
        ({"etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n"}, True),
        ({"usr/lib/systemd/logind.conf": "KillUserProcesses=yes\n", "etc/systemd/logind.conf": "[Login]\n"}, False),
        (
            {
                "etc/systemd/logind.conf": "KillUserProcesses=yes\n",
                "run/systemd/logind.conf.d/z.conf": "KillUserProcesses = no\n",
            },
            False,
        ),
        (
            {"usr/lib/systemd/logind.conf.d/a.conf": "KillUserProcesses=1\n", "etc/systemd/logind.conf.d/b.conf": "\n"},
            True,
        ),
        (
            {"usr/lib/systemd/logind.conf.d/a.conf": "KillUserProcesses=1\n", "etc/systemd/logind.conf.d/a.conf": "\n"},
            False,
        ),
    ],
)
def test_what_systemd_ends(tmp_path: Path, files: dict[str, str], kills: bool) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert kill_user_processes(tmp_path) is kills


@pytest.mark.parametrize("linger", ["yes", "no"])
def test_linger_is_asked_for_where_it_is_needed(
    env: dict[str, str], tmp_path: Path, linger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(env, "loginctl", f"echo {linger}\n")
    (tmp_path / "etc" / "systemd").mkdir(parents=True)
    (tmp_path / "etc" / "systemd" / "logind.conf").write_text("[Login]\nKillUserProcesses=yes\n")
    context = Context(env, tmp_path, etc=tmp_path / "etc")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)  # logind spares root
    (row,) = logout.check(context, running=tmp_path)
    assert row.status == "warning" and ("enable-linger" in row.fix) == (linger == "no")
    assert "systemd-run --user --scope" in row.fix
    (row,) = logout.check(Context(env, tmp_path, etc=tmp_path / "other" / "etc"), running=tmp_path)
    assert row.status == "ok"
    (row,) = logout.check(context, running=tmp_path / "nowhere")
    assert row.status == "not checked"


def test_compiled_parts_that_are_not_there(tmp_path: Path) -> None:
    """A copy of the package without them, as where there was no compiler."""
    package = Path(compiled.reenact.__file__).parent
    shutil.copytree(package, tmp_path / "reenact", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    (row,) = doctor(env, tmp_path)["compiled parts"]
    assert row["status"] == "warning" and "_w64.so" in row["seen"] and "compiler" in row["fix"]


def test_a_check_that_fails_is_a_row(env: dict[str, str], tmp_path: Path) -> None:
    """A folder that is gone makes several of them fail."""
    gone = tmp_path / "gone"
    rows = list(examine(Context({**env, "PATH": "\0"}, gone)))
    assert len(rows) >= len(CHECKS)
    assert any("could not be looked at" in row.seen for row in rows)
    assert all(row.status in STATUSES for row in rows)


def test_a_small_disk(env: dict[str, str], tmp_path: Path) -> None:
    """A file system of a few megabytes, in a mount namespace of its own."""
    small = tmp_path / "small"
    small.mkdir()
    unshare = shutil.which("unshare")
    mount = f"mount -t tmpfs -o size=4m none '{small}' && cd '{small}' && exec \"$@\""
    if unshare is None or subprocess.run([unshare, "-m", "true"], capture_output=True).returncode != 0:
        pytest.skip("no mount namespace can be made here")
    command = [unshare, "-m", "sh", "-c", mount, "-", *COMMAND, "--json"]
    done = subprocess.run(command, env={**os.environ}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 4, done.stderr
    rows = [row for row in json.loads(done.stdout) if row["check"] == "disk"]
    assert rows[0]["status"] == "missing" and str(small) in rows[0]["seen"] and "reenact gc" in rows[0]["fix"]
