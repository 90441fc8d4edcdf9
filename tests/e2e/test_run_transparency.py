"""Watch, don't touch, for the whole command: what `reenact run` shows and leaves is what the bare command does."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from endtoend import COMMAND, environment, manifest, record, run_folder

PYTHON = "python" if shutil.which("python", path=environment()["PATH"]) else "python3"
Shown = tuple[int, bytes, bytes]


def left_behind(project: Path) -> dict[str, bytes]:
    """Every file of the project but the store, bytecode and the scripts."""
    skip = {".reenact", "__pycache__"}
    return {
        str(path.relative_to(project)): path.read_bytes()
        for path in sorted(project.rglob("*"))
        if path.is_file() and not skip & set(path.relative_to(project).parts) and path.suffix not in (".py", ".sh")
    }


def without_ours(err: bytes) -> bytes:
    """stderr without what reenact says: of words that nothing reads before it starts, and at the end; lines of their own."""
    if err.startswith(b"reenact: warning: the script does not seem to read its command line: "):
        err = err.partition(b"\n")[2]
    before, ours, after = err.rpartition(b"reenact: recorded ")
    assert ours and after.count(b"\n") == 1, err
    return before


def execute(argv: list[str], project: Path, stdin: bytes = b"", env: dict[str, str | None] | None = None) -> Shown:
    done = subprocess.run(
        argv, cwd=project, env=environment(env), input=stdin, capture_output=True, timeout=60, start_new_session=True
    )
    return done.returncode, done.stdout, done.stderr


def both(
    project: Path, *words: str, stdin: bytes = b"", env: dict[str, str | None] | None = None
) -> tuple[Shown, Shown, dict[str, bytes]]:
    """(bare, recorded, files): the same command twice in the same folder, which is cleared in between."""
    bare_argv = [PYTHON, *words] if words[0].endswith(".py") else [word for word in words if word != "--"]
    bare = execute(bare_argv, project, stdin, env)
    files = left_behind(project)
    for name in files:
        (project / name).unlink()
    code, out, err = execute([*COMMAND, "run", *words], project, stdin, env)
    assert left_behind(project) == files
    # As a shell tells it: a command that died of a signal n has the exit code 128+n.
    shown = bare[0] if bare[0] >= 0 else 128 - bare[0]
    err = without_ours(err)
    if bare[2] and not bare[2].endswith(b"\n"):
        assert err.endswith(b"\n")
        err = err[:-1]  # reenact's own words began a line of their own
    return (shown, *bare[1:]), (code, out, err), files


SCRIPTS = {
    "bytes": "import os, sys\nos.write(1, bytes(range(256)) * 300)\nos.write(2, b'\\xff\\x00\\r')\nopen('o.bin', 'wb').write(b'\\0\\n' * 9)\n",
    "exit code": "import sys\nprint('x')\nsys.exit(3)\n",
    "exit message": "raise SystemExit('a message')\n",
    "exception": "def f(x):\n    return 1 / x\n\nopen('o.txt', 'w').write('y')\nf(0)\n",
    "os._exit": "import os\nos.write(1, b'x')\nos._exit(4)\n",
    "dies of a signal": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n",
    "is killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
    "chdir": "import os\nos.makedirs('d', exist_ok=True)\nos.chdir('d')\nopen('o', 'w').write(os.getcwd())\nprint(os.getcwd())\n",
    "stdin": "import sys\ndata = sys.stdin.buffer.read()\nprint(len(data), data[:4], sys.stdin.isatty())\n",
    "itself": """
import os, sys
print(sys.argv, sys.path, sys.flags, __file__, __name__, sys.executable)
print(sorted(os.environ.items()))
print(sorted(m for m in sys.modules if 'reenact' in m and not m.startswith('_reenact')))
""",
    "multiprocessing": """
import multiprocessing as mp
def work(n): return n * n
if __name__ == '__main__':
    for how in ('fork', 'spawn'):
        with mp.get_context(how).Pool(1) as pool: print(how, pool.map(work, range(3)))
""",
    "streams in order": "import sys\nfor n in range(5): print('o', n, flush=True); print('e', n, file=sys.stderr)\n",
    "hash seed": "import os\nprint(hash('a'), os.environ['PYTHONHASHSEED'])\n",
    "syntax error": "print('a'\n",
    "pickled main class": "import pickle\nclass P: pass\np = P()\np.x = 1\npickle.dump(p, open('p.pkl', 'wb'))\nprint(type(pickle.load(open('p.pkl', 'rb'))))\n",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_is_shown_as_bare(project: Path, name: str) -> None:
    (project / "script é.py").write_text(SCRIPTS[name])
    stdin = b"\0\xff\r\n" * 50_000 if name == "stdin" else b""
    bare, ours, _ = both(project, "script é.py", "--a=b c", "☃", stdin=stdin, env={"PYTHONHASHSEED": "5"})
    assert ours == bare


def test_module_is_shown_as_bare(project: Path) -> None:
    (project / "pkg").mkdir()
    (project / "pkg" / "__init__.py").touch()
    (project / "pkg" / "mod.py").write_text(
        "import sys\nprint(sys.argv, __name__, sys.path[0])\nopen('o', 'w').write('1')\n"
    )
    bare, ours, files = both(project, PYTHON, "-m", "pkg.mod", "x", env={"PYTHONHASHSEED": "5"})
    assert ours == bare
    assert files == {"o": b"1"}


def test_own_sitecustomize_and_pythonpath(project: Path) -> None:
    (project / "lib").mkdir()
    # reenact's own Python runs it as well, as every Python does that is started with this PYTHONPATH.
    (project / "lib" / "sitecustomize.py").write_text(
        "import sys\nsys.from_site = 'yes'\nif 'script.py' == sys.orig_argv[1]: print('site', __file__)\n"
    )
    (project / "script.py").write_text("import os, sys\nprint(sys.from_site, os.environ['PYTHONPATH'], sys.path)\n")
    bare, ours, _ = both(project, "script.py", env={"PYTHONPATH": str(project / "lib"), "PYTHONHASHSEED": "5"})
    assert ours == bare
    assert b"yes" in ours[1]


def test_without_a_hash_seed_the_program_sees_none(project: Path) -> None:
    (project / "script.py").write_text("import os, sys\nprint('PYTHONHASHSEED' in os.environ, len(sys.argv))\n")
    bare, ours, _ = both(project, "script.py", env={"PYTHONHASHSEED": None})
    assert ours == bare


def test_shell_command(project: Path) -> None:
    line = "printf 'a\\000b'; echo oops >&2; echo made > made.txt; exit 7"
    bare, ours, files = both(project, "--", "sh", "-c", line)
    assert ours == bare == (7, b"a\0b", b"oops\n")
    assert files == {"made.txt": b"made\n"}
    run = next(iter((project / ".reenact" / "runs").iterdir())).name
    assert [one["path"] for one in manifest(project, run)["outputs"]] == ["made.txt"]


def test_shell_script_that_starts_python(project: Path) -> None:
    (project / "train.sh").write_text(f'#!/bin/sh\n{PYTHON} inner.py "$1" && echo done\n')
    (project / "train.sh").chmod(0o755)
    (project / "inner.py").write_text("import sys\nprint(sys.argv)\nopen('made.txt', 'w').write('x')\n")
    bare, ours, _ = both(project, "./train.sh", "a b")
    assert ours == bare
    run = next(iter((project / ".reenact" / "runs").iterdir())).name
    found = manifest(project, run)
    assert "inner.py" in [one["path"] for one in found["code"]["files"]]
    assert [one["path"] for one in found["outputs"]] == ["made.txt"]


COUNTING = """
import os, signal, sys, time
got = []
def note(number, frame):
    got.append(int(number))
for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, note)
os.write(1, b'ready\\n')
while not got: time.sleep(0.01)
time.sleep(0.3)
print(got)
sys.exit(5)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_comes_once(project: Path, number: int) -> None:
    (project / "script.py").write_text(COUNTING)
    code, out, err = _signalled([*COMMAND, "run", "script.py"], project, number)
    assert (code, out, without_ours(err)) == (5, b"[%d]\n" % number, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_as_bare(project: Path, number: int) -> None:
    (project / "script.py").write_text(
        "import os, threading, time\nthreading.Timer(0.2, os.write, (1, b'ready\\n')).start()\ntime.sleep(30)\n"
    )
    bare = _signalled([PYTHON, "script.py"], project, number)
    ours = _signalled([*COMMAND, "run", "script.py"], project, number)
    assert bare[0] == -number
    assert (ours[0], ours[1]) == (128 + number, bare[1])
    assert without_ours(ours[2]) == bare[2]
    run = next(iter((project / ".reenact" / "runs").iterdir())).name
    found = manifest(project, run)
    assert (found["status"], found["signal"]) == ("interrupted", number)


def _signalled(argv: list[str], project: Path, number: int) -> Shown:
    child = subprocess.Popen(
        argv,
        cwd=project,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    child.send_signal(number)
    out, err = child.communicate(timeout=30)
    return child.returncode, out, err


def test_terminal_is_seen_as_bare(project: Path) -> None:
    (project / "script.py").write_text(
        "import os, sys\nprint([os.isatty(n) for n in range(3)], os.get_terminal_size())\n"
        "sys.stdout.write('50%\\r100%\\n')\nprint('error', file=sys.stderr)\nprint(input()[::-1])\n"
    )
    bare = _on_a_terminal([PYTHON, "script.py"], project)
    code, ours = _on_a_terminal([*COMMAND, "run", "script.py"], project)
    assert b"[True, True, True]" in bare[1]
    assert b"cba" in bare[1]
    assert code == bare[0] == 0
    kept = b"".join(line for line in ours.splitlines(keepends=True) if not line.startswith(b"reenact: "))
    assert kept == bare[1]


def _on_a_terminal(argv: list[str], project: Path) -> tuple[int, bytes]:
    master, slave = pty.openpty()
    os.write(master, b"abc\n")
    child = subprocess.Popen(
        argv, cwd=project, env=environment(), stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    shown = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 0.1)[0]:
            continue
        try:
            piece = os.read(master, 65536)
        except OSError:  # EIO: nobody holds the other end any more
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    return child.wait(timeout=30), shown


def test_log_holds_what_was_shown(project: Path) -> None:
    (project / "script.py").write_text("import os\nos.write(1, b'a\\xff\\0')\nos.write(2, b'b\\r\\n')\n")
    run = record("script.py", cwd=project)
    assert sorted((run_folder(project, run) / "log.txt").read_bytes()) == sorted(b"a\xff\0b\r\n")


SECRETS = {
    "API_TOKEN": "s3cr3t-of-the-api-0001",
    "WANDB_API_KEY": "s3cr3t-of-wandb-0002",
    "DB_URL": "postgres://me:s3cr3t-of-the-db-0003@host/db",
    "INNOCENT": "ghp_s3cr3tofgithub0004aaaaaaaaaaaaaaaaaaaa",
}


def test_secrets_are_in_no_file_of_the_store(project: Path) -> None:
    (project / "script.py").write_text(
        "import os, subprocess, sys\nassert os.environ['API_TOKEN'] and os.environ.get('INNOCENT')\n"
        "if len(sys.argv) > 3:\n"
        "    assert 's3cr3t-argument-0005' in sys.argv[1]\n"
        "    subprocess.run([sys.executable, __file__, '--token', 's3cr3t-argument-0006'], check=True)\n"
    )
    words = ["script.py", "--password=s3cr3t-argument-0005", "--api-key", "s3cr3t-argument-0007", "lr=1"]
    words += ["https://me:s3cr3t-in-a-url-0008@host/x"]
    record(*words, cwd=project, env=SECRETS)
    written = project / "script.py"
    kept = [path for path in (project / ".reenact").rglob("*") if path.is_file()]
    spoilt = [
        str(path.relative_to(project))
        for path in kept
        if b"s3cr3t" in path.read_bytes() and path.read_bytes() != written.read_bytes()
    ]
    assert len(kept) > 10
    assert not spoilt


def test_json_is_a_line_of_its_own(project: Path) -> None:
    (project / "script.py").write_text("import os\nos.write(1, b'no end of line')\n")
    _, out, err = execute([*COMMAND, "run", "--json", "script.py"], project)
    assert out.startswith(b"no end of line\n{")
    assert json.loads(out.splitlines()[-1])["status"] == "finished"
    assert err.startswith(b"reenact: recorded ")
