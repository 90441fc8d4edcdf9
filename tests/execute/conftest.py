import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

DRIVER = [sys.executable, str(Path(__file__).with_name("driver.py"))]


@pytest.fixture(autouse=True)
def signals_as_in_the_foreground():
    """Tests that run as a background job of a script have SIGINT and SIGQUIT ignored; commands would inherit that."""
    old = [(n, signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGQUIT)]
    for number, handler in old:
        if handler is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in old:
        signal.signal(number, handler)


class Recorder:
    """Runs Python code bare, and through the executor, without a controlling terminal."""

    def __init__(self, folder):
        self.folder = folder
        self.run_dir = folder / "run"
        self.run_dir.mkdir()
        self.started = []

    @property
    def log(self):
        return (self.run_dir / "log.txt").read_bytes()

    @property
    def told(self):
        return json.loads((self.run_dir / "driver.json").read_bytes())

    def argv(self, code, *args):
        """The bare command for Python code, or for a list as it is."""
        return code if isinstance(code, list) else [sys.executable, "-c", code, *args]

    def recorded(self, code, *args):
        return [*DRIVER, str(self.run_dir), *self.argv(code, *args)]

    def run(self, argv, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        if "stdout" not in options:
            options.update(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return subprocess.run(argv, cwd=self.folder, start_new_session=True, timeout=60, check=False, **options)

    def both(self, code, **options):
        """(bare, recorded), as CompletedProcess."""
        return self.run(self.argv(code), **options), self.run(self.recorded(code), **options)

    def start(self, argv, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.update(stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.started.append(subprocess.Popen(argv, cwd=self.folder, **options))
        return self.started[-1]

    def close(self):
        """End what a failed test has left."""
        for child in self.started:
            if child.poll() is None:
                os.kill(json.loads((self.run_dir / "process.json").read_bytes())["pid"], signal.SIGKILL)
                child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream is not None:
                    stream.close()


@pytest.fixture
def recorder(tmp_path):
    made = Recorder(tmp_path)
    yield made
    made.close()


class Terminal:
    """A real terminal session, as a shell makes it: the command is a foreground job with a pseudo-terminal as stdin,
    stdout, stderr and controlling terminal; the session's leader is another process, unless ``leads``."""

    def __init__(self, argv, cwd, size=(31, 97), env=None, leads=False):
        self.output = b""
        self.seen = 0
        report_read, report_write = os.pipe()
        self.leader, self.master = pty.fork()
        if self.leader == 0:
            try:
                for number in (signal.SIGPIPE, signal.SIGXFSZ):  # ignored by Python itself
                    signal.signal(number, signal.SIG_DFL)
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
                os.chdir(cwd)
                command = os.getpid() if leads else os.fork()
                if leads or command == 0:
                    if not leads:
                        os.setpgid(0, 0)
                        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
                        os.tcsetpgrp(0, os.getpid())
                        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
                    os.write(report_write, b"%d\n" % os.getpid())
                    os.execvpe(argv[0], argv, {**os.environ, **(env or {})})
                code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
                os.write(report_write, b"%d\n" % (code if code >= 0 else 128 - code))
                signal.pause()
            finally:
                os._exit(99)
        os.close(report_write)
        self.report = os.fdopen(report_read, "rb", buffering=0)
        self.pid = int(self.report.readline())

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, data):
        os.write(self.master, data)

    def _read(self, timeout):
        """False at the end."""
        if select.select([self.master], [], [], timeout)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return False
            self.output += data
            return bool(data)
        return True

    def expect(self, text):
        """Wait for text that comes after what was expected before."""
        deadline = time.monotonic() + 30
        while (at := self.output.find(text, self.seen)) < 0:
            assert time.monotonic() < deadline, (text, self.output)
            assert self._read(0.1), (text, self.output)
        self.seen = at + len(text)

    def finish(self):
        """Read to the end; the exit code as a shell shows it."""
        deadline = time.monotonic() + 30
        while not select.select([self.report], [], [], 0)[0]:
            assert time.monotonic() < deadline, self.output
            self._read(0.02)
        code = int(self.report.readline())
        while select.select([self.master], [], [], 0.05)[0] and self._read(0):
            pass
        return code

    def hang_up(self):
        os.close(self.master)
        self.master = -1

    def close(self):
        os.kill(self.leader, signal.SIGKILL)  # the kernel hangs up on the job then
        os.waitpid(self.leader, 0)
        self.report.close()
        if self.master >= 0:
            os.close(self.master)


@pytest.fixture
def terminal(tmp_path):
    opened = []

    def open_terminal(argv, **options):
        opened.append(Terminal(argv, tmp_path, **options))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()
