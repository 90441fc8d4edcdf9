"""What every executor offers: a RunSpec goes in, a Job comes out, an Exit ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

OnTick = Callable[[], None]


@dataclass(frozen=True)
class RunSpec:
    """One command to execute, and how it is connected to the world.

    Attributes:
        argv: the command, program first. A program without ``/`` is looked up in the PATH of ``env``.
        cwd: absolute folder that the command starts in.
        env: the complete environment of the command.
        run_dir: existing folder that gets ``process.json``, ``end.json`` and the log.
        log_path: file that the command's bytes are appended to; ``run_dir/log.txt`` when None.
        pre_exec: called in the child, after everything else and just before exec. It must not start threads; what it
            raises is reported as a ReenactError and the command does not start.
        tty: ``auto`` gives the command a pseudo-terminal for each of stdout and stderr that is a terminal here;
            ``never`` gives it pipes.
        stdin: ``inherit`` hands on stdin as it is, ``null`` gives ``/dev/null``.
        echo: forward the command's bytes to stdout and stderr; False keeps them in the log only.
        merge_streams: one pipe for stdout and stderr, so that their interleaving is exact. None: when both are the same
            file here, or when ``echo`` is False.
        forward_signals: pass on the signals that arrive here while the command runs (main thread only).
        deliver: called with the number of each signal that the command is to get, where it is not the process that is started
            here itself; that one then hears nothing of the terminal.
    """

    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    run_dir: Path
    log_path: Path | None = None
    pre_exec: Callable[[], None] | None = None
    tty: Literal["auto", "never"] = "auto"
    stdin: Literal["inherit", "null"] = "inherit"
    echo: bool = True
    merge_streams: bool | None = None
    forward_signals: bool = True
    deliver: Callable[[int], None] | None = None

    @property
    def log(self) -> Path:
        """Where the command's bytes are kept."""
        return self.log_path if self.log_path is not None else self.run_dir / "log.txt"


@dataclass(frozen=True)
class Exit:
    """How a command ended.

    Attributes:
        exit_code: as a shell shows it: the command's own, or 128+n when signal n ended it.
        signal: the signal that ended it, or None.
        wall: seconds from start to end on a monotonic clock.
        user, system: CPU seconds of the command and of the descendants that were waited for.
        peak_rss: bytes; the largest resident size of any one process of the command (not their sum). Linux counts what
            the child occupied between fork and exec, so it is never below the supervisor's own size.
        ended: UTC, ISO 8601 with milliseconds and ``Z``.
        problems: what of ``Job.problems`` was known by then and is worth telling whoever seals the record.
    """

    exit_code: int
    signal: int | None
    wall: float
    user: float
    system: float
    peak_rss: int
    ended: str
    problems: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The content of ``end.json``."""
        return {
            "exit_code": self.exit_code,
            "signal": self.signal,
            "wall": round(self.wall, 6),
            "user": round(self.user, 6),
            "system": round(self.system, 6),
            "peak_rss": self.peak_rss,
            "ended": self.ended,
            "problems": list(self.problems),
        }


@runtime_checkable
class Job(Protocol):
    """One command that was started.

    Attributes:
        pid: process id of the command.
        problems: what went wrong on our side without hurting the command (a full disk under the log, a raising
            ``on_tick``), as sentences; at most one of each kind.
        received: signals that arrived here while it ran, in order.
        within_line: those of our descriptors 1 and 2 to which it has written the beginning of a line and no end.
    """

    pid: int
    problems: list[str]
    received: list[int]
    within_line: frozenset[int]

    def poll(self) -> Exit | None:
        """Relay what is waiting, without blocking; the Exit once the command has ended and its bytes are through."""

    def wait(self, on_tick: OnTick | None = None, interval: float = 0.25) -> Exit:
        """Relay until the command has ended; call ``on_tick`` about every ``interval`` seconds.

        ``on_tick`` runs between two relayed chunks, so it should take milliseconds; a slow one is called less often. If
        it raises, that is remembered in ``problems`` and it is called again the next time. It may call ``stop``.
        """

    def signal(self, number: int) -> None:
        """Send a signal to the command (not to its descendants); nothing happens when it has ended."""

    def stop(self, grace: float = 5.0) -> Exit:
        """SIGTERM, then SIGKILL after ``grace`` seconds; descendants that are left are killed too."""


@runtime_checkable
class Executor(Protocol):
    """A place where commands execute."""

    name: str

    def start(self, spec: RunSpec) -> Job:
        """Start the command. When this returns, it executes and ``process.json`` tells its pid.

        Raises:
            ReenactError: it cannot be executed (exit code 127 not found, 126 not executable, 2 no such folder, 4 the
                run folder cannot be written). Nothing has been started then and there is no ``process.json``.
        """
