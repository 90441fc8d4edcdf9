"""Execute a command that outlives the terminal, the login and any one of our own processes.

Between this process and the command stands a keeper, whose only work is to wait for the command and to write how it ended. The
command writes into the log by itself. If this process dies, the keeper goes on; if the keeper dies, the command becomes a child
of this process (Linux: a subreaper), which then waits for it. In a session of its own, nothing of it hears of a hang-up.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from typing import Any

from ..errors import ReenactError
from ..record.ids import iso_time
from . import procscan, spawn
from .base import Exit, OnTick, RunSpec
from .signals import Inherited
from .statefiles import END_FILE, PROCESS_FILE, remove, reserve, unreserve, write_atomic

_PR_SET_CHILD_SUBREAPER = 36
_IGNORED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
)


class DetachedExecutor:
    """Executes commands here, detached; see ``base.Executor``. Its own process has to be in a session without a terminal."""

    name = "detached"

    def start(self, spec: RunSpec) -> DetachedJob:
        """Start the command. When this returns, it executes and ``process.json`` tells its pid.

        Raises:
            ReenactError: it cannot be executed or recorded; nothing has been started then.
        """
        program = spawn.find_program(spec)
        _adopt_orphans()
        ready, told = os.pipe()
        keeper = os.fork()
        if keeper == 0:
            os.close(ready)
            _keep(program, spec, told)
        os.close(told)
        with os.fdopen(ready, "rb") as stream:
            answer = stream.read()
        if not answer:
            os.waitpid(keeper, 0)
            raise ReenactError(
                "start-failed", f"cannot start {spec.argv[0]}: the keeper ended without a word", exit_code=126
            )
        report = json.loads(answer)
        if "error" in report:
            os.waitpid(keeper, 0)
            raise ReenactError(**report["error"])
        return DetachedJob(spec, keeper, report["pid"], report["ticks"])


class DetachedJob:
    """A command that executes detached; see ``base.Job``. Made by ``DetachedExecutor.start``."""

    def __init__(self, spec: RunSpec, keeper: int, pid: int, ticks: int | None) -> None:
        self.pid = pid
        self.problems: list[str] = []
        self.received: list[int] = []
        self.within_line: frozenset[int] = frozenset()
        self._spec = spec
        self._keeper = keeper
        self._ticks = ticks
        self._started = time.monotonic()
        self._orphaned = False

    def poll(self) -> Exit | None:
        """The Exit once the command has ended."""
        path = self._spec.run_dir / END_FILE
        if path.exists():
            data: dict[str, Any] = json.loads(path.read_bytes())
            return Exit(**{**data, "problems": tuple(data["problems"])})
        if not self._orphaned:
            try:
                gone, _ = os.waitpid(self._keeper, os.WNOHANG)
            except ChildProcessError:
                gone = self._keeper
            self._orphaned = gone == self._keeper and not path.exists()
            return None
        try:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        except ChildProcessError:
            if procscan.start_ticks(self.pid) == self._ticks and self._ticks is not None:
                return None  # it goes on, as somebody else's child
            self.problems.append("how the command ended is not known: the process that waited for it was killed")
            return Exit(255, None, time.monotonic() - self._started, 0.0, 0.0, 0, iso_time())
        if pid == 0:
            return None
        write_atomic(path, _exit_of(status, usage, time.monotonic() - self._started).to_json())
        return self.poll()

    def wait(self, on_tick: OnTick | None = None, interval: float = 0.25) -> Exit:
        """Wait until the command has ended; see ``base.Job.wait``."""
        while (found := self.poll()) is None:
            if on_tick is not None:
                on_tick()
            time.sleep(min(interval, 0.2))
        return found

    def signal(self, number: int) -> None:
        """Send a signal to the command; nothing happens when it has ended."""
        if self._spec.deliver is not None:
            self._spec.deliver(number)
        elif self._ticks is None or procscan.start_ticks(self.pid) == self._ticks:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    def stop(self, grace: float = 5.0) -> Exit:
        """SIGTERM, then SIGKILL after ``grace`` seconds."""
        self.signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline:
            if (found := self.poll()) is not None:
                return found
            time.sleep(0.05)
        self.signal(signal.SIGKILL)
        return self.wait()


def _adopt_orphans() -> None:
    """Let the command become our child when its keeper dies."""
    try:
        ctypes.PyDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (OSError, AttributeError):
        pass  # not Linux: when the keeper is killed, how the command ended is not known


def _keep(program: str, spec: RunSpec, told: int) -> None:
    """The keeper's life: start the command, say so, wait, write how it ended."""
    try:
        os.setsid()
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        # Whatever the shell ignored for a job in the background, the command can be stopped.
        inherited = Inherited(frozenset(), frozenset())
        null = os.open(os.devnull, os.O_RDWR)
        log = os.open(spec.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

        def record(pid: int) -> None:
            write_atomic(spec.run_dir / PROCESS_FILE, {"pid": pid, "start_ticks": procscan.start_ticks(pid)})
            reserve(spec.run_dir / END_FILE)

        began = time.monotonic()
        pid = spawn.spawn(program, spec, {0: null, 1: log, 2: log}, True, inherited, record)
        os.write(told, json.dumps({"pid": pid, "ticks": procscan.start_ticks(pid)}).encode())
        os.close(told)
        _let_go(null)
        _, status, usage = os.wait4(pid, 0)
        write_atomic(spec.run_dir / END_FILE, _exit_of(status, usage, time.monotonic() - began).to_json())
    except ReenactError as error:
        remove(spec.run_dir / PROCESS_FILE)
        unreserve(spec.run_dir / END_FILE)
        fields = {"slug": error.slug, "what": error.what, "fix": error.fix, "exit_code": error.exit_code}
        os.write(told, json.dumps({"error": fields}).encode())
    except BaseException as error:
        fields = {
            "slug": "start-failed",
            "what": f"cannot start {spec.argv[0]}: {error}",
            "fix": None,
            "exit_code": 126,
        }
        try:
            os.write(told, json.dumps({"error": fields}).encode())
        except OSError:
            pass
    finally:
        os._exit(0)


def _let_go(null: int) -> None:
    """Hold on to nothing that somebody may wait to be closed."""
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.chdir("/")


def _exit_of(status: int, usage: Any, wall: float) -> Exit:
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    return Exit(
        exit_code=128 + number if number is not None else os.WEXITSTATUS(status),
        signal=number,
        wall=wall,
        user=usage.ru_utime,
        system=usage.ru_stime,
        peak_rss=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        ended=iso_time(),
    )
