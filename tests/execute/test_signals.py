"""Signals reach the command as they would bare, where there is no terminal."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

READY = "import os, sys, time; os.write(1, b'ready\\n')\n"
COUNT = (
    "import os, signal, sys, time\n"
    "got = []\n"
    "def note(n, f):\n"
    "    got.append(n); os.write(1, b'got %d\\n' % n)\n"
    "    if n == signal.SIGTERM: sys.exit(len(got))\n"
    "for n in (1, 2, 3, 10, 12, 15, 18): signal.signal(n, note)\n"
    "os.write(1, b'ready\\n')\n"
    "while 1: time.sleep(0.02)\n"
)
CATCHABLE = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2]


def finish(child):
    out, err = child.communicate(timeout=30)
    return child.returncode, out, err


def ready(child):
    assert child.stdout.readline() == b"ready\n"


@pytest.mark.parametrize("number", CATCHABLE)
def test_default_action(recorder, number):
    child = recorder.start(recorder.recorded(["sh", "-c", "ulimit -c 0; echo ready; exec sleep 60"]))
    ready(child)
    child.send_signal(number)
    assert finish(child)[0] == 128 + number
    assert json.loads((recorder.run_dir / "end.json").read_bytes())["signal"] == number
    assert recorder.told["received"] == [number]


def test_keyboard_interrupt_has_bares_traceback_once(recorder):
    code = "import os, threading, time; threading.Timer(0.1, os.write, (1, b'ready\\n')).start()\ntime.sleep(60)"
    results = []
    for argv in (recorder.argv(code), recorder.recorded(code)):
        child = recorder.start(argv)
        ready(child)
        child.send_signal(signal.SIGINT)
        results.append(finish(child))
    bare, ours = results
    assert ours[2] == bare[2]
    assert ours[2].count(b"KeyboardInterrupt") == 1
    assert (bare[0], ours[0]) == (-signal.SIGINT, 128 + signal.SIGINT)


@pytest.mark.parametrize("whole_group", [False, True])
def test_each_signal_comes_once_and_none_is_lost(recorder, whole_group):
    child = recorder.start(recorder.recorded(COUNT))
    ready(child)
    for number in (2, 1, 2, 10, 12, 3, 18, 15):
        os.killpg(child.pid, number) if whole_group else child.send_signal(number)
        assert child.stdout.readline() == b"got %d\n" % number
    assert finish(child) == (8, b"", b"")
    assert recorder.told["received"] == [2, 1, 2, 10, 12, 3, 18, 15]


def test_handler_that_cleans_up(recorder):
    code = (
        "import os, sys, time\n"
        "try: os.write(1, b'ready\\n'); [time.sleep(0.02) for _ in range(2000)]\n"
        "except KeyboardInterrupt: time.sleep(0.05); print('saved'); sys.exit(5)"
    )
    child = recorder.start(recorder.recorded(code))
    ready(child)
    child.send_signal(signal.SIGINT)
    assert finish(child) == (5, b"saved\n", b"")


def test_abort(recorder):
    bare, ours = recorder.both("import os, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.abort()")
    assert (bare.returncode, ours.returncode) == (-6, 134)


def test_kill_9_of_the_command(recorder):
    child = recorder.start(recorder.recorded(READY + "time.sleep(60)"))
    ready(child)
    os.kill(json.loads((recorder.run_dir / "process.json").read_bytes())["pid"], signal.SIGKILL)
    assert finish(child)[0] == 137


def test_kill_9_of_the_supervisor_leaves_the_command(recorder):
    code = READY + "sys.stdin.readline(); open('alive', 'w').close()"
    child = recorder.start(recorder.recorded(code), stdin=subprocess.PIPE)
    ready(child)
    child.kill()
    child.wait()
    assert not (recorder.run_dir / "end.json").exists()
    child.stdin.write(b"go\n")
    child.stdin.close()
    deadline = time.monotonic() + 20
    while not (recorder.folder / "alive").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
@pytest.mark.parametrize("ignored", ["", "HUP", "INT", "PIPE", "XFSZ USR1 CHLD"])
def test_dispositions_and_mask_are_those_of_bare(recorder, ignored):
    show = ["grep", "-E", "^(Sig(Blk|Ign)|ShdPnd)", "/proc/self/status"]
    trap = f"trap '' {ignored}; " if ignored else ""
    # The shell stays: it is the parent that hands its settings on.
    found = [
        recorder.run(["sh", "-c", trap + '"$@"; exit $?', "sh", *argv]).stdout
        for argv in (show, recorder.recorded(show))
    ]
    assert found[0] == found[1]
    assert found[0].count(b"\n") == 3


def test_sigpipe_is_default_under_a_python_parent(recorder):
    child = recorder.start(recorder.recorded(["sh", "-c", "while :; do echo y; done"]))
    assert child.stdout.read(2) == b"y\n"
    child.stdout.close()
    assert child.wait(30) == 141


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
def test_stop_and_continue(recorder):
    child = recorder.start(recorder.recorded(["sh", "-c", "echo ready; sleep 0.2; echo done"]))
    ready(child)
    pid = json.loads((recorder.run_dir / "process.json").read_bytes())["pid"]

    def states():
        return [open(f"/proc/{p}/stat").read().rpartition(")")[2].split()[0] for p in (child.pid, pid)]

    child.send_signal(signal.SIGTSTP)
    deadline = time.monotonic() + 20
    while states() != ["T", "T"]:
        assert time.monotonic() < deadline, states()
        time.sleep(0.01)
    child.send_signal(signal.SIGCONT)
    assert finish(child) == (0, b"done\n", b"")


def test_handlers_are_put_back(tmp_path):
    from reenact.execute.base import RunSpec
    from reenact.execute.local import LocalExecutor

    numbers = sorted(signal.valid_signals())
    before = [signal.getsignal(n) for n in numbers], signal.pthread_sigmask(signal.SIG_BLOCK, ())
    spec = RunSpec((sys.executable, "-c", ""), str(tmp_path), dict(os.environ), tmp_path, stdin="null", echo=False)
    fds = len(os.listdir("/dev/fd"))
    assert LocalExecutor().start(spec).wait().exit_code == 0
    assert ([signal.getsignal(n) for n in numbers], signal.pthread_sigmask(signal.SIG_BLOCK, ())) == before
    assert len(os.listdir("/dev/fd")) == fds


def test_works_outside_the_main_thread(tmp_path):
    import threading

    from reenact.execute.base import RunSpec
    from reenact.execute.local import LocalExecutor

    spec = RunSpec(
        (sys.executable, "-c", "exit(3)"), str(tmp_path), dict(os.environ), tmp_path, stdin="null", echo=False
    )
    found = []
    thread = threading.Thread(target=lambda: found.append(LocalExecutor().start(spec).wait().exit_code))
    thread.start()
    thread.join(30)
    assert found == [3]
