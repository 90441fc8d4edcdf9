"""Execute a command on this machine, as a child of this process."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time

from ..errors import EXIT_MISSING, ReenactError
from ..record.ids import iso_time
from . import procscan, spawn
from .base import Exit, OnTick, RunSpec
from .poller import ready
from .signals import Inherited, SignalRelay, has_controlling_terminal
from .statefiles import END_FILE, PROCESS_FILE, remove, reserve, unreserve, write_atomic
from .streams import Channel, Log, open_streams

_QUIET = 0.1  # seconds without a byte after the command's end, when a descendant still holds its stdout
_LINGER = 1.0  # seconds after the command's end at most, when such a descendant keeps writing
_WITHOUT_SIGCHLD = 0.02  # seconds between looks at the command outside the main thread


class LocalExecutor:
    """Executes commands here; see ``base.Executor``."""

    name = "local"

    def start(self, spec: RunSpec) -> LocalJob:
        """Start the command. When this returns, it executes and ``process.json`` tells its pid.

        Raises:
            ReenactError: it cannot be executed or recorded; nothing has been started then.
        """
        program = spawn.find_program(spec)
        inherited = Inherited.current()
        shared_group = spec.deliver is None and has_controlling_terminal()
        try:
            log = Log(spec.log)
        except OSError as error:
            raise unwritable(spec, error) from None
        channels, stdio = open_streams(spec)
        relay = SignalRelay(shared_group)
        relay.open(spec.forward_signals)
        job = LocalJob(spec, log, channels, relay)
        try:
            job._begin(spawn.spawn(program, spec, stdio, not shared_group, inherited, job._record_start))
        except BaseException as error:
            for channel in channels:
                channel.started()
            job._close()
            remove(spec.run_dir / PROCESS_FILE)
            unreserve(spec.run_dir / END_FILE)
            if os.path.getsize(log.path) == 0:
                remove(log.path)
            if isinstance(error, OSError):
                raise unwritable(spec, error) from None
            raise
        finally:
            if (null := stdio.get(0)) is not None:
                os.close(null)
        return job


class LocalJob:
    """A command that executes here; see ``base.Job``. Made by ``LocalExecutor.start``."""

    def __init__(self, spec: RunSpec, log: Log, channels: list[Channel], relay: SignalRelay) -> None:
        self.pid = 0
        self.problems: list[str] = []
        self.received: list[int] = []
        self.within_line: frozenset[int] = frozenset()
        self._spec = spec
        self._log = log
        self._channels = channels
        self._relay = relay
        self._started = self._ended = self._last_bytes = 0.0
        self._exit: Exit | None = None
        self._reaped = self._closed = self._give_up = self._stop_sent = False
        self._kinds: set[str] = set()

    def poll(self) -> Exit | None:
        """Relay what is waiting, without blocking; the Exit once the command has ended and its bytes are through."""
        if not self._closed:
            self._step(0.0)
        return self._exit if self._closed else None

    def wait(self, on_tick: OnTick | None = None, interval: float = 0.25) -> Exit:
        """Relay until the command has ended; see ``base.Job.wait``."""
        due = time.monotonic() + interval
        while not self._closed:
            now = time.monotonic()
            if on_tick is not None and now >= due and not self._reaped:
                try:
                    on_tick()
                except Exception as error:
                    self._problem("on_tick", f"watching the command failed: {type(error).__name__}: {error}")
                # A slow on_tick gets a fifth of the time at most: the relay comes first.
                due = time.monotonic() + max(interval, 4 * (time.monotonic() - now))
            elif not self._closed:
                self._step(due - now if on_tick is not None else 1.0)
        assert self._exit is not None
        return self._exit

    def signal(self, number: int) -> None:
        """Send a signal to the command; nothing happens when it has ended."""
        if self._reaped:
            return
        if self._spec.deliver is not None and number != signal.SIGWINCH:
            self._spec.deliver(number)
            return
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            pass

    def stop(self, grace: float = 5.0) -> Exit:
        """SIGTERM, then SIGKILL after ``grace`` seconds; descendants that are left are killed too."""
        family = self._family()
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        deadline = time.monotonic() + grace
        while not self._reaped and (left := deadline - time.monotonic()) > 0:
            self._step(left)
        if not self._reaped:
            family |= self._family()
            self.signal(signal.SIGKILL)
            while not self._reaped:
                self._step(1.0)
        for pid, ticks in family:
            if procscan.start_ticks(pid) == ticks:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
        return self.wait()

    def _family(self) -> set[tuple[int, int | None]]:
        pids = [] if self._reaped else procscan.descendants(self.pid)
        return {(pid, ticks) for pid in pids if (ticks := procscan.start_ticks(pid)) is not None}

    def _record_start(self, pid: int) -> None:
        """Called while the child waits to exec."""
        value = {"pid": pid, "start_ticks": procscan.start_ticks(pid)}
        write_atomic(self._spec.run_dir / PROCESS_FILE, value)
        reserve(self._spec.run_dir / END_FILE)
        self._started = time.monotonic()

    def _begin(self, pid: int) -> None:
        self.pid = pid
        for channel in self._channels:
            channel.started()

    def _step(self, timeout: float) -> None:
        """One turn of the relay: wait at most ``timeout`` seconds, move bytes, pass signals on, look for the end."""
        channels = [c for c in self._channels if c.open]
        if self._reaped:
            timeout = min(timeout, _QUIET / 2)
        elif self._relay.fd is None:
            timeout = min(timeout, _WITHOUT_SIGCHLD)
        reads = [c.source for c in channels if not c.pending and c.source >= 0]
        if self._relay.fd is not None:
            reads.append(self._relay.fd)
            if self._relay.shared_group:
                timeout = min(timeout, 0.25)  # blocked signals do not wake us
        targets = [c.target for c in channels if c.target is not None and c.blocks]
        writes = [c.target for c in channels if c.target is not None and c.pending]
        readable, writable, gone = ready(reads, writes, targets, min(max(0.0, timeout), 1.0))
        self._pass_signals_on()
        for channel in channels:
            if channel.target in gone:
                channel.hang_up(self._log)
            elif channel.pending:
                if channel.target in writable:
                    channel.flush(self._log)
            elif channel.source in readable and channel.fill(self._log):
                self._last_bytes = time.monotonic()
            if channel.terminal is not None:
                channel.terminal.follow()
        if not self._reaped:
            self._reap()
        elif self._drained():
            self._close()

    def _pass_signals_on(self) -> None:
        for number, forward in self._relay.take():
            if number == signal.SIGWINCH:
                for channel in self._channels:
                    if channel.terminal is not None:
                        channel.terminal.resize()
                self.signal(signal.SIGWINCH)  # again: it may have looked at the size before we changed it
            if number in (signal.SIGWINCH, signal.SIGCHLD):
                continue
            self.received.append(number)
            if self._reaped:
                # Nobody is left to pass it to: do not wait for a reader that does not read. Right after the end it may be
                # what ended the command, though.
                late = time.monotonic() - self._ended > _LINGER
                self._give_up = self._give_up or (late and number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
            elif forward:
                self._stop_sent = self._stop_sent or number == signal.SIGTSTP
                self.signal(number)

    def _reap(self) -> None:
        flags = os.WNOHANG | (os.WUNTRACED if self._stop_sent else 0)
        try:
            pid, status, usage = os.wait4(self.pid, flags)
        except ChildProcessError:
            # Somebody else in this process waited for it: how it ended is not known.
            self._finish(Exit(255, None, time.monotonic() - self._started, 0.0, 0.0, 0, iso_time()))
            self._problem("wait", "how the command ended is not known")
            return
        if pid == 0:
            return
        if os.WIFSTOPPED(status):
            # It obeyed a SIGTSTP that was sent to us: stop as well, until a SIGCONT is sent to us.
            self._stop_sent = False
            os.kill(os.getpid(), signal.SIGSTOP)
            return
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        self._finish(
            Exit(
                exit_code=128 + number if number is not None else os.WEXITSTATUS(status),
                signal=number,
                wall=time.monotonic() - self._started,
                user=usage.ru_utime,
                system=usage.ru_stime,
                peak_rss=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
                ended=iso_time(),
            )
        )

    def _finish(self, result: Exit) -> None:
        if self._log.error is not None:
            result = dataclasses.replace(result, problems=(self._log_problem(self._log.error),))
        self._exit = result
        self._reaped = True
        self._ended = time.monotonic()
        for channel in self._channels:
            channel.ended()
        try:
            write_atomic(self._spec.run_dir / END_FILE, result.to_json())
        except OSError as error:
            self._problem("end", f"{END_FILE} cannot be written: {error.strerror}")

    def _drained(self) -> bool:
        """True when all bytes of the command itself are through and nothing more is worth waiting for."""
        if self._give_up:
            return True
        now = time.monotonic()
        quiet = now - max(self._last_bytes, self._ended) > _QUIET or now - self._ended > _LINGER
        return all(not c.open or (not c.pending and c.owed <= 0 and quiet) for c in self._channels)

    def _close(self) -> None:
        """Give back descriptors, handlers and mask."""
        self._closed = True
        self.within_line = frozenset(c.target for c in self._channels if c.within_line and c.target is not None)
        for channel in self._channels:
            channel.close_source()
            if channel.error is not None and not isinstance(channel.error, BrokenPipeError):
                self._problem("forward", f"the command's output could not be passed on: {channel.error.strerror}")
        if self._log.error is not None:
            self._problem("log", self._log_problem(self._log.error))
        self._log.close()
        self._relay.close()

    def _log_problem(self, error: OSError) -> str:
        return f"{self._log.path.name} is not complete: {error.strerror}"

    def _problem(self, kind: str, sentence: str) -> None:
        """Note the first problem of each kind."""
        if kind not in self._kinds:
            self._kinds.add(kind)
            self.problems.append(sentence)


def unwritable(spec: RunSpec, error: OSError) -> ReenactError:
    """The error for a run folder that cannot be written."""
    return ReenactError(
        "cannot-record",
        f"the run cannot be recorded in {spec.run_dir}: {error.strerror or error}",
        fix="make room or make the folder writable, then run it again",
        exit_code=EXIT_MISSING,
    )
