"""Leaving the terminal: a process that goes on when the shell, the login and the terminal are gone."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable


def leave(work: Callable[[Callable[[str], None]], None]) -> str:
    """Call ``work`` in a process of its own, in a session without a terminal; come back with the first that it says.

    Args:
        work: gets a function that it calls once, with a line for whoever is waiting here; it may go on for days after that.

    Returns:
        The line; empty where ``work`` ended without one.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ready)
        _become_daemon(work, told)
    os.close(told)
    os.waitpid(child, 0)
    with os.fdopen(ready, "rb") as stream:
        # A line, not up to the end: processes forked meanwhile hold the other end, for days.
        return stream.readline().decode()


def _become_daemon(work: Callable[[Callable[[str], None]], None], told: int) -> None:
    try:
        os.setsid()
        # Forked again, it leads no session, and so never gets a terminal by opening one.
        if os.fork() != 0:
            os._exit(0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)

        def tell(text: str) -> None:
            os.write(told, text.encode() + b"\n")
            os.close(told)

        work(tell)
    finally:
        os._exit(0)
