"""Detached runs: they outlive the terminal, the login, and any one process of ours, and how they ended is known."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from endtoend import COMMAND, environment, last_json, manifest, reenact, run_folder

SCRIPT = """\
import random, sys, time

print("begun", flush=True)
while not __import__("os").path.exists("../go"):
    time.sleep(0.02)
open("out.txt", "w").write(str(random.random()))
print("done", flush=True)
sys.exit(7)
"""


@pytest.fixture
def started(project: Path) -> tuple[Path, str]:
    """A project, and its detached run, which goes on until there is a file ``go`` beside the project."""
    (project / "train.py").write_text(SCRIPT)
    done = reenact("run", "-d", "train.py", cwd=project)
    assert done.returncode == 0, done.stderr
    return project, done.stdout.strip()


def _pid(project: Path, run: str) -> int:
    return int(json.loads((run_folder(project, run) / "process.json").read_bytes())["pid"])


def _parent(pid: int) -> int:
    text = Path(f"/proc/{pid}/stat").read_text()
    return int(text.rpartition(")")[2].split()[1])


def _ended(project: Path, run: str, code: int = 7) -> None:
    """Lets it go on; it ends well, by itself, and its exit code is known."""
    (project.parent / "go").touch()
    done = reenact("wait", run, cwd=project)
    assert done.returncode == code, done.stderr
    found = manifest(project, run)
    assert (found["exit_code"], found["status"]) == (code, "failed")
    assert [output["path"] for output in found["outputs"]] == ["out.txt"]
    assert reenact("logs", run, cwd=project).stdout == "begun\ndone\n"


def test_it_returns_at_once_and_is_listed(started: tuple[Path, str]) -> None:
    project, run = started
    (listed,) = json.loads(reenact("ps", "--json", cwd=project).stdout)
    assert (listed["id"], listed["pid"]) == (run, _pid(project, run))
    assert "running" in reenact("ls", cwd=project).stdout
    _ended(project, run)
    assert "no run is going on" in reenact("ps", cwd=project).stderr
    assert manifest(project, run)["complete"]


def test_its_record_is_that_of_any_run(started: tuple[Path, str]) -> None:
    project, run = started
    _ended(project, run)
    assert last_json(reenact("verify", run, "--json", cwd=project).stdout)["verdict"] == "identical"


def test_the_terminal_closes_and_the_session_hangs_up(project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(project)
        env = environment()
        # A shell that leads the session, as a login has it.
        command = " ".join([*COMMAND, "run", "-d", "train.py", "> ../id.txt; echo ready; sleep 60"])
        os.execve("/bin/sh", ["/bin/sh", "-c", command], env)
    seen = b""
    while b"ready" not in seen:
        seen += os.read(master, 1024)
    os.kill(pid, signal.SIGHUP)
    os.close(master)
    os.waitpid(pid, 0)
    run = (project.parent / "id.txt").read_text().strip()
    os.kill(_pid(project, run), 0)
    _ended(project, run)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody else can wait for the command then")
@pytest.mark.parametrize("victim", ["supervisor", "keeper"])
def test_one_of_our_processes_is_killed(started: tuple[Path, str], victim: str) -> None:
    project, run = started
    start = json.loads((run_folder(project, run) / "start.json").read_bytes())
    keeper = _parent(_pid(project, run))
    assert keeper != start["supervisor"]["pid"] and _parent(keeper) == start["supervisor"]["pid"]
    os.kill(keeper if victim == "keeper" else start["supervisor"]["pid"], signal.SIGKILL)
    time.sleep(0.5)
    os.kill(_pid(project, run), 0)
    _ended(project, run)
    gaps = {gap["id"] for gap in manifest(project, run)["gaps"]}
    assert "end-not-seen" not in gaps


def test_stop_and_what_does_not_end_by_itself(project: Path) -> None:
    (project / "train.py").write_text(
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "open('child', 'w').write(str(child.pid))\n"
        "print('deaf', flush=True)\ntime.sleep(60)\n"
    )
    run = reenact("run", "-d", "train.py", cwd=project).stdout.strip()
    while not reenact("logs", run, cwd=project).stdout:
        time.sleep(0.05)
    slow = reenact("stop", "--grace", "0.5", run, cwd=project)
    assert slow.returncode == 1 and f"reenact stop --kill {run}" in slow.stderr
    done = reenact("stop", "--kill", run, cwd=project)
    assert done.returncode == 0 and "interrupted, exit code 137" in done.stderr
    child = int((project / "child").read_text())
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(child, 0)
            time.sleep(0.05)
    again = reenact("stop", run, cwd=project)
    assert again.returncode == 2 and "is not running: interrupted" in again.stderr


def test_a_program_that_ends_on_sigterm(started: tuple[Path, str]) -> None:
    project, run = started
    done = reenact("stop", run, cwd=project)
    assert done.returncode == 0 and "interrupted, exit code 143" in done.stderr
    assert manifest(project, run)["signal"] == signal.SIGTERM


def test_attach_prints_what_comes_and_ctrl_c_leaves(started: tuple[Path, str]) -> None:
    project, run = started
    process = subprocess.Popen(
        [*COMMAND, "attach", run],
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 0 and f"left; {run} goes on" in told
    (project.parent / "go").touch()
    done = reenact("attach", run, cwd=project)
    assert (done.returncode, done.stdout) == (7, "begun\ndone\n")


def test_what_cannot_be_started_is_told_at_once(project: Path) -> None:
    (project / "tool").write_text("#!/no/such/interpreter\n")
    (project / "tool").chmod(0o755)
    done = reenact("run", "-d", "--", "./tool", cwd=project)
    assert done.returncode == 126 and "the interpreter in its first line does not exist" in done.stderr
    assert os.listdir(project / ".reenact" / "runs") == []
    told = last_json(reenact("run", "-d", "--json", "--", "true", cwd=project).stdout)
    assert reenact("wait", told["run"], cwd=project).returncode == 0
