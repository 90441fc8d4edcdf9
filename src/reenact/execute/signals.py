"""Signals: what the command inherits, and what is passed on to it while it runs.

Two situations:

- There is a controlling terminal. The command stays in our process group, so that the terminal and the shell treat it
  exactly as if it ran bare: Ctrl-C, Ctrl-\\, Ctrl-Z, ``fg``, ``bg``, ``kill %1`` and a hang-up reach it directly. Those
  are not passed on a second time; a SIGINT that somebody sent to us alone is (Linux tells the two apart by the sender;
  elsewhere it is taken for the terminal's).
- There is none (a batch job, CI, cron). The command gets a process group of its own and every signal is passed on once.

If we are killed with SIGKILL, the command goes on until it next writes to stdout or stderr; then it sees a closed pipe
(SIGPIPE/EPIPE) or, under a pseudo-terminal, EIO.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

FORWARDED = frozenset(
    (
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGCONT,
        signal.SIGTSTP,
    )
)
FROM_TERMINAL = frozenset((signal.SIGINT, signal.SIGQUIT, signal.SIGHUP))
"""With a shared group: usually sent to the whole group, by the kernel or the shell."""

_IGNORED_BY_PYTHON = frozenset(s for s in (getattr(signal, "SIGPIPE", None), getattr(signal, "SIGXFSZ", None)) if s)
_HANDS_ON = frozenset(
    ("sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "busybox", "timeout", "xargs", "setsid", "tcsh", "csh")
)


def has_controlling_terminal() -> bool:
    """True when this process belongs to a terminal session."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Inherited:
    """Signal settings that this process got from its parent, to be handed on to the command.

    Attributes:
        ignored: signals that were ignored (``nohup``, a background job of ``sh``).
        mask: signals that are blocked in the calling thread.
    """

    ignored: frozenset[int]
    mask: frozenset[int]

    @classmethod
    def current(cls) -> Inherited:
        """Read them; to be called before a SignalRelay is opened."""
        ignored = {n for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN}
        # Python ignores these two for itself; what was before can only be asked of the parent.
        ignored -= _IGNORED_BY_PYTHON
        ignored |= _IGNORED_BY_PYTHON & _ignored_by_parent()
        return cls(frozenset(map(int, ignored)), frozenset(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))))

    def restore_handlers(self) -> None:
        """In the child, with everything blocked: ignore what was ignored, default for the rest."""
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            wanted = signal.SIG_IGN if number in self.ignored else signal.SIG_DFL
            if signal.getsignal(number) is not wanted:
                try:
                    signal.signal(number, wanted)
                except (OSError, ValueError):
                    pass

    def restore_mask(self) -> None:
        """In the child, last before exec."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)


def _ignored_by_parent() -> set[int]:
    """Signals that our parent ignores, where it is a program that hands its settings on as they are.

    Other runtimes (Python, Node, Go, Rust) ignore SIGPIPE for themselves and reset it in what they start.
    """
    try:
        with open(f"/proc/{os.getppid()}/status", "rb") as stream:
            fields = dict(line.split(b":", 1) for line in stream.read().splitlines() if b":" in line)
        if fields[b"Name"].strip().decode() not in _HANDS_ON:
            return set()
        bits = int(fields[b"SigIgn"], 16)
    except (OSError, KeyError, ValueError):
        return set()
    return {n for n in _IGNORED_BY_PYTHON if bits >> (n - 1) & 1}


class SignalRelay:
    """Collects signals while a command runs, without losing any and without dying of one.

    Args:
        shared_group: the command is in our process group (see the module's text).

    ``fd`` becomes readable when ``take`` has something (signals told apart by their sender excepted). Handlers, wake-up
    descriptor and signal mask are put back by ``close``. Outside the
    main thread nothing can be installed: then ``fd`` is None and ``take`` is empty.
    """

    def __init__(self, shared_group: bool) -> None:
        self.shared_group = shared_group
        self.fd: int | None = None
        self._write_fd = -1
        self._handlers: dict[int, Any] = {}
        self._old_wakeup = -1
        self._blocked: frozenset[int] = frozenset()
        self._unblocked_before: frozenset[int] = frozenset()

    def open(self, forward: bool = True) -> None:
        """Start collecting; with ``forward`` False only SIGCHLD and SIGWINCH."""
        if threading.current_thread() is not threading.main_thread():
            return
        self.fd, self._write_fd = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write_fd, False)
        self._old_wakeup = signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        wanted: set[int] = {signal.SIGCHLD, signal.SIGWINCH}
        if forward:
            wanted |= FORWARDED
            if self.shared_group:
                wanted -= {signal.SIGTSTP, signal.SIGCONT}  # the kernel stops and continues both of us
                if hasattr(signal, "sigtimedwait"):
                    self._blocked = FROM_TERMINAL
        for number in wanted:
            # A handler that was installed outside Python cannot be put back; leave it alone.
            if signal.getsignal(number) is not None:
                self._handlers[number] = signal.signal(number, _note)
        if self._blocked:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, self._blocked)
            self._unblocked_before = self._blocked - before

    def take(self) -> list[tuple[int, bool]]:
        """Signals since the last call, in order: (number, whether it is to be passed on)."""
        taken: list[tuple[int, bool]] = []
        if self.fd is None:
            return taken
        try:
            numbers: Iterable[int] = os.read(self.fd, 4096)
        except BlockingIOError:
            numbers = b""
        for number in numbers:
            group_wide = self.shared_group and number in FROM_TERMINAL and self._reaches_group(number)
            taken.append((number, number in FORWARDED and not group_wide))
        while self._blocked and (info := signal.sigtimedwait(self._blocked, 0)) is not None:
            # si_code above 0 is the kernel (the terminal); the session leader is the shell, which signals whole jobs.
            group_wide = info.si_code > 0 or 0 < info.si_pid == os.getsid(0)
            taken.append((info.si_signo, not (group_wide and self._reaches_group(info.si_signo))))
        return taken

    @staticmethod
    def _reaches_group(number: int) -> bool:
        """A hang-up goes to the session's leader alone: to us, where a terminal was opened just for us (``ssh -t``)."""
        return number != signal.SIGHUP or os.getsid(0) != os.getpid()

    def close(self) -> None:
        """Put everything back; safe to call twice. A blocked signal that is still pending is discarded."""
        if self.fd is None:
            return
        while self._blocked and signal.sigtimedwait(self._blocked, 0) is not None:
            pass
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._unblocked_before)
        signal.set_wakeup_fd(self._old_wakeup)
        os.close(self.fd)
        os.close(self._write_fd)
        self.fd = None


def _note(number: int, frame: Any) -> None:
    """The wake-up descriptor has the number already."""
