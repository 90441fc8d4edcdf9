"""Bytes, exit codes and descriptors are those of the bare command."""

import hashlib
import json
import os
import subprocess
import sys
import time

import pytest

NOISE = """
import hashlib, os, threading
def noise(fd, seed):
    block = b"".join(hashlib.sha256(b"%d %d" % (seed, i)).digest() for i in range(2048))
    for i in range(80):
        data = bytes([i]) + block[:-1]
        while data:
            data = data[os.write(fd, data):]
threads = [threading.Thread(target=noise, args=(fd, fd)) for fd in (1, 2)]
[t.start() for t in threads]; [t.join() for t in threads]
"""


def test_five_megabytes_of_binary_on_both_streams(recorder):
    bare, ours = recorder.both(NOISE)
    assert len(bare.stdout) == len(bare.stderr) == 80 * 65536
    assert hashlib.sha256(ours.stdout).digest() == hashlib.sha256(bare.stdout).digest()
    assert hashlib.sha256(ours.stderr).digest() == hashlib.sha256(bare.stderr).digest()
    assert len(recorder.log) == 2 * 80 * 65536


def test_into_files(recorder):
    paths = [recorder.folder / name for name in ("bare.out", "bare.err", "ours.out", "ours.err")]
    for argv, (out, err) in ((recorder.argv(NOISE), paths[:2]), (recorder.recorded(NOISE), paths[2:])):
        with out.open("wb") as stdout, err.open("wb") as stderr:
            assert recorder.run(argv, stdout=stdout, stderr=stderr).returncode == 0
    assert paths[0].read_bytes() == paths[2].read_bytes()
    assert paths[1].read_bytes() == paths[3].read_bytes()


def test_interleaving_is_exact_when_both_go_to_one_place(recorder):
    code = "import os\nfor i in range(5000): os.write(1 + (i * 7 % 3 == 0), b'%d\\n' % i)"
    ours = recorder.run(recorder.recorded(code), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert ours.stdout == b"".join(b"%d\n" % i for i in range(5000)) == recorder.log


@pytest.mark.parametrize(
    "code",
    [
        "pass",
        "raise SystemExit(1)",
        "raise SystemExit(3)",
        "raise SystemExit(255)",
        "raise SystemExit('a message')",
        "def f(): raise ValueError('ünexpected')\nprint('before'); f()",
        "import os; print('lost'); os._exit(4)",
        "import sys; sys.stdout.write('no newline')",
        ["sh", "-c", "echo out; echo err >&2; exit 6"],
    ],
)
def test_same_as_bare(recorder, code):
    bare, ours = recorder.both(code)
    assert (ours.returncode, ours.stdout, ours.stderr) == (bare.returncode, bare.stdout, bare.stderr)
    assert json.loads((recorder.run_dir / "end.json").read_bytes())["exit_code"] == bare.returncode
    assert recorder.told["problems"] == []


def test_not_found_says_so(recorder):
    ours = recorder.run(recorder.recorded(["no-such-program"]))
    assert ours.returncode == 127
    assert b"command not found on PATH: no-such-program" in ours.stderr
    assert list(recorder.run_dir.iterdir()) == []


def test_stdin_is_the_users(recorder):
    code = "import sys, os, stat; print(sys.stdin.read()[::-1], stat.S_ISFIFO(os.fstat(0).st_mode))"
    argv = recorder.recorded(code)
    ours = subprocess.run(argv, input=b"abc" * 50000, capture_output=True, start_new_session=True, timeout=60)
    assert ours.stdout == b"cba" * 50000 + b" True\n"


def test_no_stream_is_a_terminal_when_ours_are_not(recorder):
    code = "import os; print([os.isatty(i) for i in range(3)])"
    bare, ours = recorder.both(code)
    assert ours.stdout == bare.stdout == b"[False, False, False]\n"


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_descriptors_are_those_of_bare(recorder):
    code = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd')))"
    read_end, write_end = os.pipe()
    try:
        bare, ours = recorder.both(code, pass_fds=(read_end, write_end))
    finally:
        os.close(read_end)
        os.close(write_end)
    assert ours.stdout == bare.stdout
    assert str(read_end).encode() in bare.stdout


@pytest.mark.parametrize("closed", ["0", "1", "2"])
def test_a_closed_descriptor_stays_closed(recorder, closed):
    code = (
        "import os\n"
        "def state(fd):\n"
        "    try: os.fstat(fd); return 'open'\n"
        "    except OSError: return 'closed'\n"
        "states = [state(i) for i in range(3)]\n"
        "open('state', 'w').write(repr(states))"
    )
    (recorder.folder / "code.py").write_text(code)
    found = []
    for argv in ([sys.executable, "code.py"], recorder.recorded([sys.executable, "code.py"])):
        recorder.run(["sh", "-c", f'exec "$@" {closed}>&-', "sh", *argv])
        found.append((recorder.folder / "state").read_text())
    assert found[0] == found[1]
    assert "closed" in found[1]


def test_a_reader_that_leaves_ends_a_writer(recorder):
    yes = [sys.executable, "-c", "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)\nwhile 1: print('y')"]
    child = recorder.start(recorder.recorded(yes))
    assert child.stdout.read(4) == b"y\ny\n"
    child.stdout.close()
    assert child.wait(30) == 141
    assert child.stderr.read() == b""


def test_the_first_write_after_the_reader_has_left_fails(recorder):
    code = (
        "import os, sys, time\n"
        "os.write(1, b'first\\n'); sys.stdin.read()\n"
        "end = time.monotonic() + 20\n"
        "while time.monotonic() < end:\n"
        "    import select; p = select.poll(); p.register(1, 0)\n"
        "    if p.poll(10): break\n"
        "try: os.write(1, b'second\\n')\n"
        "except BrokenPipeError: os.write(2, b'broken pipe')\n"
    )
    child = recorder.start(recorder.recorded(code), stdin=subprocess.PIPE)
    assert child.stdout.read(6) == b"first\n"
    child.stdout.close()
    child.stdin.close()
    assert child.wait(30) == 0
    assert child.stderr.read() == b"broken pipe"
    assert recorder.log == b"first\nbroken pipe"


def test_a_slow_reader_loses_nothing(recorder):
    code = "import sys; sys.stdout.write('0123456789' * 30000)"
    child = recorder.start(recorder.recorded(code))
    deadline = time.monotonic() + 30
    while not (recorder.run_dir / "end.json").exists():  # then the command has ended; most bytes are under way
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.3)
    assert child.communicate(timeout=30)[0] == b"0123456789" * 30000 == recorder.log
    assert child.returncode == 0


full_disk = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no /dev/full, a disk that is always full")


@full_disk
def test_full_disk_behind_stdout(recorder):
    code = "import os\nfor i in range(100000): os.write(1, b'x' * 100)"
    with open("/dev/full", "wb") as full:
        ours = recorder.run(recorder.recorded(code), stdout=full, stderr=subprocess.PIPE)
    assert b"BrokenPipeError" in ours.stderr
    assert "No space left" in recorder.told["problems"][0]


@full_disk
def test_full_disk_under_the_log_does_not_hurt_the_command(recorder):
    (recorder.run_dir / "log.txt").symlink_to("/dev/full")
    ours = recorder.run(recorder.recorded("print('x' * 100)"))
    assert (ours.returncode, ours.stdout) == (0, b"x" * 100 + b"\n")
    assert "log.txt is not complete: No space left" in recorder.told["problems"][0]
