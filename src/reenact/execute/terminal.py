"""A pseudo-terminal for what a command writes, standing in front of the user's terminal.

Only output goes through it. The command's stdin is the user's terminal itself, which stays the controlling one: line
editing, passwords, Ctrl-C, Ctrl-Z and ``fg`` are the kernel's and the shell's business, as bare, and the user's
terminal never has to be put into a raw mode that a kill -9 would leave behind.
"""

from __future__ import annotations

import fcntl
import os
import termios
from typing import Any

_INPUT, _OUTPUT, _LOCAL, _CHARS = 0, 1, 3, 6


class OutputTerminal:
    """The pair: ``master`` is read by us, ``slave`` becomes the command's stdout or stderr.

    Args:
        user: descriptor of the user's terminal; its size and modes are taken over. Output processing is off in the
            pair, since the user's terminal does it: bytes arrive as the command wrote them.
    """

    def __init__(self, user: int) -> None:
        self.user = user
        self.master, self.slave = os.openpty()
        try:
            modes = termios.tcgetattr(user)
            modes[_OUTPUT] &= ~termios.OPOST
            termios.tcsetattr(self.slave, termios.TCSANOW, modes)
        except termios.error:
            pass
        self._seen = termios.tcgetattr(self.slave)
        self.resize()

    def resize(self) -> None:
        """Take over the user's terminal's size (rows, columns, pixels)."""
        try:
            size = fcntl.ioctl(self.user, termios.TIOCGWINSZ, b"\0" * 8)
            fcntl.ioctl(self.slave, termios.TIOCSWINSZ, size)
        except OSError:
            pass

    def follow(self) -> None:
        """Do to the user's terminal what the command did to the pair's input modes.

        A program that switches off echo or line input does so on its stdin or, as curses does, on its stdout. The first
        is the user's terminal already; the second has to be carried over, unless we are in the background.
        """
        if self.slave < 0:
            return
        try:
            now = termios.tcgetattr(self.slave)
            if now == self._seen or os.tcgetpgrp(self.user) != os.getpgrp():
                return
            modes: list[Any] = termios.tcgetattr(self.user)
            for flag in (_INPUT, _LOCAL):
                changed = now[flag] ^ self._seen[flag]
                modes[flag] = modes[flag] & ~changed | now[flag] & changed
            for index, (new, old) in enumerate(zip(now[_CHARS], self._seen[_CHARS])):
                if new != old:
                    modes[_CHARS][index] = new
            termios.tcsetattr(self.user, termios.TCSANOW, modes)
        except (OSError, termios.error):
            return
        self._seen = now

    def release_slave(self) -> None:
        """Close our handle of the slave, so that the master comes to an end once the last writer is gone."""
        if self.slave >= 0:
            os.close(self.slave)
            self.slave = -1
