"""The command's stdin, stdout and stderr, and the channels that carry its bytes to the log and to ours."""

from __future__ import annotations

import array
import fcntl
import os
import select
import stat
import termios
from pathlib import Path

from .base import RunSpec
from .statefiles import write_all
from .terminal import OutputTerminal

_READ = 65536
_PIPE_SIZE = 262144  # a slow on_tick must not make the command wait


class Log:
    """Append-only file of the command's bytes. A failure to write is remembered in ``error`` and never raised."""

    def __init__(self, path: Path) -> None:
        """Raises OSError when the file cannot be opened."""
        self.path = path
        self.error: OSError | None = None
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def write(self, data: bytes) -> None:
        """Append all of it, before it is forwarded."""
        try:
            write_all(self._fd, data)
        except OSError as error:
            self.error = self.error or error

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Channel:
    """One way from the command to the log and to one of our descriptors.

    Attributes:
        source: what we read, non-blocking; -1 when at its end.
        target: our stdout or stderr; None when nothing is forwarded (any more).
        pending: bytes that are logged and wait for ``target``; while there are any, ``source`` is not read, so that a
            slow reader holds the command back as it would bare.
        owed: bytes that the command had written and we had not read when it ended.
        within_line: the last byte was no end of a line.
        child_end: what becomes the command's stdout or stderr.
        error: why ``target`` takes nothing any more, if it was an error of writing.
    """

    def __init__(self, source: int, target: int | None, terminal: OutputTerminal | None, child_end: int) -> None:
        os.set_blocking(source, False)
        self.source = source
        self.target = target
        self.terminal = terminal
        self.child_end = child_end
        self.pending = memoryview(b"")
        self.owed = 0
        self.within_line = False
        self.error: OSError | None = None
        self._chunk = _chunk(target)

    @property
    def open(self) -> bool:
        """True while something may come, or waits to go out."""
        return self.source >= 0 or bool(self.pending)

    @property
    def blocks(self) -> bool:
        """True when ``target`` may keep us waiting and has to be asked first."""
        return self._chunk > 0

    def started(self) -> None:
        """The command has its end: close ours (a pair's slave stays open until the command has ended)."""
        if self.terminal is None:
            os.close(self.child_end)

    def ended(self) -> None:
        """The command has ended: note what it left to be read, and let the channel come to an end."""
        if self.source < 0:
            return
        if self.terminal is not None:
            self.terminal.follow()
            self.terminal.release_slave()
        count = array.array("i", [0])
        try:
            fcntl.ioctl(self.source, termios.FIONREAD, count)
        except OSError:
            pass
        self.owed = count[0]

    def fill(self, log: Log) -> int:
        """Read once; returns how many bytes came."""
        try:
            data = os.read(self.source, _READ)
        except BlockingIOError:
            return 0
        except OSError:  # EIO: nobody holds the slave any more
            data = b""
        if not data:
            self.close_source()
            return 0
        log.write(data)
        self.within_line = not data.endswith(b"\n")
        self.owed -= len(data)
        if self.target is not None:
            self.pending = memoryview(data)
            if not self.blocks:
                self.flush(log)
        return len(data)

    def flush(self, log: Log) -> None:
        """Write what ``target`` takes without blocking."""
        try:
            chunk = self.pending[: self._chunk] if self.blocks else self.pending
            self.pending = self.pending[os.write(self.target, chunk) :]  # type: ignore[arg-type]
        except BlockingIOError:
            self._chunk = self._chunk or select.PIPE_BUF
        except OSError as error:
            self.hang_up(log, error)

    def hang_up(self, log: Log, error: OSError | None = None) -> None:
        """``target`` takes nothing any more. The command gets EPIPE or SIGPIPE when it writes the next time, as bare;
        under a pseudo-terminal its bytes go to the log only."""
        self.error = self.error or error
        self.pending = memoryview(b"")
        self.target = None
        if self.terminal is None:
            left = _PIPE_SIZE  # what was under way; a command that never pauses has no end
            while left > 0 and self.source >= 0 and (count := self.fill(log)):
                left -= count
            self.close_source()

    def close_source(self) -> None:
        """Stop reading; safe to call twice."""
        if self.terminal is not None:
            self.terminal.release_slave()
        if self.source >= 0:
            os.close(self.source)
            self.source = -1


def open_streams(spec: RunSpec) -> tuple[list[Channel], dict[int, int | None]]:
    """Make the channels for a command.

    Returns:
        The channels, and what the command's descriptors 0 to 2 become: a descriptor of ours, None for closed; one that
        is missing is inherited as it is.
    """
    stdio: dict[int, int | None] = {}
    if spec.stdin == "null":
        stdio[0] = _above_stdio(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    elif not _was_inherited(0):
        stdio[0] = None
    merge = spec.merge_streams
    if merge is None:
        merge = not spec.echo or _same_file(1, 2)
    channels: list[Channel] = []
    for fd in (1, 2):
        if spec.echo and not _was_inherited(fd):
            stdio[fd] = None
        elif fd == 2 and merge and stdio.get(1) is not None:
            stdio[2] = stdio[1]
        else:
            channel = _open_channel(fd if spec.echo else None, spec.tty == "auto")
            channels.append(channel)
            stdio[fd] = channel.child_end
    return channels, stdio


def _open_channel(target: int | None, terminal_allowed: bool) -> Channel:
    if target is not None and terminal_allowed and os.isatty(target):
        terminal = OutputTerminal(target)
        terminal.slave = _above_stdio(terminal.slave)
        return Channel(terminal.master, target, terminal, terminal.slave)
    read_end, write_end = os.pipe()
    try:
        fcntl.fcntl(read_end, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)  # type: ignore[attr-defined,unused-ignore]
    except (OSError, AttributeError):
        pass
    return Channel(read_end, target, None, _above_stdio(write_end))


def _chunk(target: int | None) -> int:
    """Bytes that a writable target takes without blocking; 0 for one that never blocks."""
    if target is None:
        return 0
    mode = os.fstat(target).st_mode
    if stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not os.isatty(target)):
        return 0
    return 1024 if stat.S_ISCHR(mode) else select.PIPE_BUF


def _was_inherited(fd: int) -> bool:
    """False when the descriptor is closed, or was closed at start and is now one of Python's own (close-on-exec)."""
    try:
        return os.get_inheritable(fd)
    except OSError:
        return False


def _same_file(a: int, b: int) -> bool:
    try:
        return os.path.samestat(os.fstat(a), os.fstat(b))
    except OSError:
        return False


def _above_stdio(fd: int, floor: int = 3) -> int:
    """The descriptor, moved out of the way of 0 to 2."""
    if fd >= floor:
        return fd
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, floor)
    os.close(fd)
    return moved
