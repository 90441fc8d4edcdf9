"""The command in a real terminal session behaves as bare."""

import json
import os
import shutil
import signal
import sys
import termios
import time
from pathlib import Path

import pytest

DRIVER = [sys.executable, str(Path(__file__).with_name("driver.py"))]
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="needs a shell with job control")


@pytest.fixture
def run_dir(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def python(code):
    return [sys.executable, "-c", code]


def driven(run_dir, code):
    return [*DRIVER, str(run_dir), *python(code)]


def same(terminal, run_dir, code, **options):
    """The terminal's bytes and the exit code, bare and recorded, after checking that they are equal."""
    bare, ours = terminal(python(code), **options), terminal(driven(run_dir, code), **options)
    codes = bare.finish(), ours.finish()
    assert codes[0] == codes[1]
    assert bare.output == ours.output
    return ours.output


LOOK = (
    "import os, sys, shutil; print([os.isatty(i) for i in range(3)], shutil.get_terminal_size(), "
    "[os.get_terminal_size(i) for i in range(3)], sys.stdout.line_buffering)"
)


def test_terminals_and_their_size(terminal, run_dir):
    output = same(terminal, run_dir, LOOK)
    assert b"[True, True, True]" in output and output.count(b"columns=97, lines=31") == 4


def test_bytes_are_those_of_bare_and_the_log_has_what_was_written(terminal, run_dir):
    code = (
        "import os\nfor i in range(2000): os.write(1 + i % 2, b'\\r%d%%\\x1b[K\\t\\xff' % i + b'\\n' * (i % 5 == 0))"
        "\nprint('end', end='')"
    )
    output = same(terminal, run_dir, code)
    assert output.endswith(b"end") and b"\r\n" in output
    log = (run_dir / "log.txt").read_bytes()
    assert log.replace(b"\n", b"\r\n") == output


def test_exit_code_and_traceback(terminal, run_dir):
    assert b"ValueError" in same(terminal, run_dir, "print(1); raise ValueError('x')")


@pytest.mark.parametrize("redirection", [">out", "2>out", ">out 2>&1", "<out", ">out 2>err", "</dev/null >out"])
def test_only_some_are_terminals(terminal, run_dir, redirection):
    code = "import os; os.write(2, b'%r' % [os.isatty(i) for i in range(3)]); os.write(1, b'x\\n')"
    found = []
    for argv in (python(code), driven(run_dir, code)):
        (run_dir.parent / "out").write_text("")
        session = terminal(["sh", "-c", f'"$@" {redirection}', "sh", *argv])
        assert session.finish() == 0
        found.append((session.output, (run_dir.parent / "out").read_bytes()))
    assert found[0] == found[1]


def test_window_size_changes(terminal, run_dir):
    code = (
        "import os, signal, time\n"
        "def changed(*a):\n"
        "    size = os.get_terminal_size(1); print(size.lines, size.columns, flush=True)\n"
        "signal.signal(signal.SIGWINCH, changed); print('ready', flush=True)\n"
        "while os.get_terminal_size(1).columns != 55: time.sleep(0.01)\n"
        "time.sleep(0.05)"
    )
    session = terminal(driven(run_dir, code))
    session.expect(b"ready")
    session.resize(20, 55)
    session.expect(b"20 55")
    assert session.finish() == 0


def test_typed_lines_and_end_of_file(terminal, run_dir):
    code = "name = input('name? '); import sys; print('hello', name); print('rest', repr(sys.stdin.read()))"
    outputs = []
    for argv in (python(code), driven(run_dir, code)):
        session = terminal(argv)
        session.expect(b"name? ")
        session.send(b"Ada\n")
        session.expect(b"hello Ada\r\n")
        session.send(b"more\n\x04")
        session.expect(b"rest 'more\\n'")
        assert session.finish() == 0
        outputs.append(session.output)
    assert outputs[0] == outputs[1]
    assert b"Ada" not in (run_dir / "log.txt").read_bytes().split(b"hello")[0]  # what was typed is not output


def test_password_prompt(terminal, run_dir):
    session = terminal(driven(run_dir, "import getpass; print(len(getpass.getpass('secret: ')))"))
    session.expect(b"secret: ")
    session.send(b"swordfish\n")
    session.expect(b"9\r\n")
    assert session.finish() == 0
    assert b"swordfish" not in session.output


@pytest.mark.parametrize(("key", "number"), [(b"\x03", signal.SIGINT), (b"\x1c", signal.SIGQUIT)])
def test_keys_that_end_it(terminal, run_dir, key, number):
    session = terminal(
        ["sh", "-c", 'ulimit -c 0; exec "$@"', "sh", *DRIVER, str(run_dir), "sh", "-c", "echo up; exec sleep 60"]
    )
    session.expect(b"up")
    session.send(key)
    assert session.finish() == 128 + number
    assert number in json.loads((run_dir / "driver.json").read_bytes())["received"]


def test_ctrl_c_comes_once_each_time(terminal, run_dir):
    code = (
        "import os, signal, sys, time\ngot = []\n"
        "def note(*a):\n    got.append(1); os.write(1, b'got %d' % len(got))\n    if len(got) == 3: sys.exit(7)\n"
        "signal.signal(signal.SIGINT, note); print('ready', flush=True)\nwhile 1: time.sleep(0.02)"
    )
    session = terminal(driven(run_dir, code))
    session.expect(b"ready")
    for count in (b"got 1", b"got 2", b"got 3"):
        session.send(b"\x03")
        session.expect(count)
    assert session.finish() == 7
    assert session.output.count(b"got") == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_us_alone_is_passed_on(terminal, run_dir, number):
    if number != signal.SIGTERM and not hasattr(signal, "sigtimedwait"):
        pytest.skip("without sigtimedwait (macOS) a signal to us alone cannot be told from the terminal's")
    session = terminal(driven(run_dir, "import time; print('ready', flush=True); time.sleep(60)"))
    session.expect(b"ready")
    os.kill(session.pid, number)
    assert session.finish() == 128 + number


@needs_bash
def test_suspend_and_resume(terminal, run_dir):
    code = (
        "import os, time; print('ready', flush=True)\n"
        "while not os.path.exists('resumed'): time.sleep(0.01)\n"
        "print('line', input())"
    )
    shell = terminal(["bash", "--norc", "--noprofile", "-i"], env={"PS1": "@$ ", "TERM": "dumb"})
    shell.expect(b"@$ ")
    shell.send(" ".join(map(_quoted, driven(run_dir, code))).encode() + b"\n")
    shell.expect(b"ready\r\n")
    shell.send(b"\x1a")
    shell.expect(b"Stopped")
    shell.expect(b"@$ ")
    pid = json.loads((run_dir / "process.json").read_bytes())["pid"]
    if os.path.isdir("/proc/self"):
        deadline = time.monotonic() + 20
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline
            time.sleep(0.01)
    shell.send(b"touch resumed; echo touch''ed\n")
    shell.expect(b"touched")
    shell.send(b"fg\n")
    shell.expect(b"resumed")
    shell.send(b"typed\n")
    shell.expect(b"line typed")
    shell.expect(b"@$ ")
    shell.send(b"exit 4\n")
    assert shell.finish() == 4


@needs_bash
def test_background_job_prints_and_the_shell_lives(terminal, run_dir):
    shell = terminal(["bash", "--norc", "--noprofile", "-i"], env={"PS1": "@$ ", "TERM": "dumb"})
    shell.expect(b"@$ ")
    shell.send(
        " ".join(map(_quoted, driven(run_dir, "print('from', 'background')"))).encode() + b" & wait; echo st''ill\n"
    )
    shell.expect(b"from background")
    shell.expect(b"still")
    shell.send(b"exit\n")
    assert shell.finish() == 0


def test_modes_are_never_changed_by_us(terminal, run_dir):
    session = terminal(driven(run_dir, "import sys, time; print('ready', flush=True); sys.stdin.readline()"))
    before = termios.tcgetattr(session.master)
    session.expect(b"ready")
    assert termios.tcgetattr(session.master) == before
    os.kill(session.pid, signal.SIGKILL)
    assert session.finish() == 137
    assert termios.tcgetattr(session.master) == before


def test_modes_set_on_stdout_act_on_the_terminal(terminal, run_dir):
    code = (
        "import sys, termios, tty\n"
        "old = termios.tcgetattr(1); tty.setcbreak(1); print('ready', flush=True)\n"
        "key = sys.stdin.read(1); termios.tcsetattr(1, termios.TCSADRAIN, old); print('key', key)"
    )
    session = terminal(driven(run_dir, code))
    before = termios.tcgetattr(session.master)
    session.expect(b"ready")
    session.send(b"k")  # no newline
    session.expect(b"key k")
    assert termios.tcgetattr(session.master) == before
    assert session.finish() == 0
    assert b"kkey" not in session.output.replace(b"\r\n", b"")  # no echo


@pytest.mark.parametrize("leads", [False, True])
def test_hang_up_comes_once_and_output_lives_on_in_the_log(terminal, run_dir, leads):
    code = (
        "import os, signal, time\nsignal.signal(signal.SIGHUP, lambda *a: open('hup', 'a').write('x'))\n"
        "print('ready', flush=True)\nwhile not os.path.exists('hup'): time.sleep(0.01)\n"
        "time.sleep(0.1); print('after', flush=True)\nopen('end', 'w').close()"
    )
    session = terminal(driven(run_dir, code), leads=leads)
    session.expect(b"ready")
    session.hang_up()
    deadline = time.monotonic() + 20
    while not (run_dir / "end.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert (run_dir.parent / "end").exists()
    assert (run_dir.parent / "hup").read_text() == "x"
    assert (run_dir / "log.txt").read_bytes() == b"ready\nafter\n"


def _quoted(word):
    return "'" + word.replace("'", "'\\''") + "'"
