"""Files read and written, seen through audit events and through wrappers of the readers that raise none.

What the parent can do later (hashing, deciding what is an input) is left to it. Here only what must be done at the moment
itself: the state of a file before it is opened, a copy of what is about to be overwritten and was read or is appended to,
and the order in which a folder was listed.
"""

from __future__ import annotations

import os
import stat
import sys
from _thread import get_ident
from typing import Any

from .audit import listen
from .journal import complain
from .state import Probe

_WRITING = os.O_WRONLY | os.O_RDWR
_QUIET = ("/proc/", "/sys/", "/dev/")
LISTING = 10_000
"""Entries of a folder that are written down; of a larger one only that it was listed."""


class FileWatch:
    """Turns audit events into journal events, each file once per kind of use."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._pid = probe.pid
        # Hashes of paths, not paths: a data set may have millions of files.
        self._read: set[int] = set()
        self._written: set[str] = set()
        self._claimed: set[str] = set()
        self._listed: set[str] = set()
        self._busy: set[int] = set()
        self._copies = 0
        self._skip = tuple(
            {os.path.join(p, "") for p in (sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.__file__))}
            | {
                os.path.join(folder, "")
                for folder in (os.path.realpath(probe.run_dir), probe.run_dir, probe.replay_dir)
                if folder
            }
            | {os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")}
        )
        self._handlers: dict[str, Any] = {
            "open": self._opened,
            "os.listdir": self._folder,
            "os.scandir": self._folder,
            "os.rename": self._renamed,
            "os.remove": self._removed,
            "os.mkdir": self._made,
            "os.link": self._linked,
            "os.symlink": self._linked,
            "os.truncate": self._truncated,
            "cpython.run_file": self._run_file,
            "os.exec": self._exec,
            "os.posix_spawn": self._spawned,
        }

    def listen(self) -> None:
        """Starts listening to audit events."""
        for event, handler in self._handlers.items():
            listen(event, self._guarded(event, handler))

    def _guarded(self, event: str, handler: Any) -> Any:
        def heard(args: tuple[Any, ...]) -> None:
            busy = self._busy
            thread = get_ident()
            if thread in busy:
                return
            busy.add(thread)
            try:
                handler(*args)
            except Exception as problem:
                complain(event, problem)
            finally:
                busy.discard(thread)

        return heard

    def after_fork(self, probe: Probe) -> None:
        """A forked child notes its own uses, also of files that its parent used."""
        self._busy = set()

    def anew(self) -> None:
        """Each use of a file is noted once more: a job of a sweep begins or has ended."""
        self._read, self._listed, self._claimed = set(), set(), set()

    def _absolute(self, path: Any, dir_fd: Any = -1) -> str | None:
        if isinstance(path, int) or path is None:
            return None
        text = os.fsdecode(path)
        if not text or "\0" in text:
            return None
        full = text
        if not os.path.isabs(text):
            folder = _folder_of(dir_fd) if isinstance(dir_fd, int) and dir_fd >= 0 else os.getcwd()
            if folder is None:
                return None
            full = os.path.join(folder, text)
        if full.startswith(_QUIET) or full.startswith(self._skip):
            return None
        return os.path.normpath(full)

    def _opened(self, path: Any, mode: Any, flags: Any) -> None:
        if type(path) is str and path.startswith(self._skip):
            return
        flags = flags if isinstance(flags, int) else 0
        # A relative name is another file after a change of the working directory.
        if not flags & _WRITING and isinstance(path, str) and hash(path) in self._read and os.path.isabs(path):
            return
        full = self._absolute(path)
        if full is None:
            return
        if (
            isinstance(mode, str)
            and not flags & _WRITING
            and ("w" in mode or "a" in mode or "+" in mode or "x" in mode)
        ):
            flags |= os.O_RDWR
        raw = os.fsdecode(path)
        if not flags & _WRITING:
            if os.path.isabs(raw):
                self._read.add(hash(raw))
            elif hash(full) in self._read:
                return
            self.reading(full, "audit", raw)
        elif flags & os.O_APPEND:
            self.writing(full, "a", "audit", raw)
        elif flags & (os.O_TRUNC | os.O_EXCL):
            self.writing(full, "w", "audit", raw)
        else:
            self.writing(full, "u", "audit", raw)

    def reading(self, full: str, via: str, raw: str | None = None) -> None:
        """Notes that a file is about to be read.

        Args:
            full: absolute path.
            via: who saw it: ``audit``, or the name of the wrapped reader.
            raw: the path as the program gave it.
        """
        if full in self._written:
            return
        self._read.add(hash(full))
        state = _state(full)
        if state is not None:
            self._note("r", full, state, via, raw)

    def writing(self, full: str, op: str, via: str, raw: str | None = None) -> None:
        """Notes that a file is about to be written (op ``w``), appended to (``a``) or changed in place (``u``)."""
        if full in self._claimed:
            return
        state = _state(full)
        fields = {}
        if state is not None and (op != "w" or hash(full) in self._read):
            fields["pre"] = self._keep(full)
        if not os.path.exists(full) or state is not None:
            self._written.add(full)
            self._claimed.add(full)
            self._note(op, full, state, via, raw, **fields)

    def _keep(self, full: str) -> str:
        """Copies a file that is about to change, and that the run depends on, to ``pre/`` in the run folder."""
        import shutil

        folder = os.path.join(self._probe.run_dir, "pre")
        os.makedirs(folder, exist_ok=True)
        self._copies += 1
        name = f"{self._probe.process}-{self._copies}"
        shutil.copyfile(full, os.path.join(folder, name))
        return name

    def _note(self, op: str, full: str, state: Any, via: str, raw: str | None, **fields: Any) -> None:
        if raw is not None and raw != full:
            fields["raw"] = raw
        self._probe.journal.write("file", op=op, path=full, st=state, via=via, **fields)

    def _folder(self, path: Any = None, *_: Any) -> None:
        full = self._absolute("." if path is None else path)
        if full is None or full in self._listed or _by_import(sys._getframe(3)):
            return
        self._listed.add(full)
        entries = os.listdir(full)
        if len(entries) > LISTING:
            self._probe.journal.gap("listing", f"{full} has {len(entries)} entries; their order was not kept", True)
            return
        self._probe.journal.write("file", op="list", path=full, st=None, via="audit", entries=entries)

    def _renamed(self, source: Any, target: Any, source_fd: Any = -1, target_fd: Any = -1) -> None:
        a, b = self._absolute(source, source_fd), self._absolute(target, target_fd)
        if a is None or b is None:
            return
        pre = {"pre": self._keep(b)} if hash(b) in self._read and _state(b) is not None else {}
        self._written.add(b)
        self._claimed.add(b)
        self._probe.journal.write("file", op="rename", path=a, to=b, st=_state(a), via="audit", **pre)

    def _removed(self, path: Any, dir_fd: Any = -1) -> None:
        full = self._absolute(path, dir_fd)
        if full is not None:
            pre = {"pre": self._keep(full)} if hash(full) in self._read and _state(full) is not None else {}
            self._written.discard(full)
            self._claimed.discard(full)
            self._probe.journal.write("file", op="remove", path=full, st=_state(full), via="audit", **pre)

    def _made(self, path: Any, mode: Any = None, dir_fd: Any = -1) -> None:
        full = self._absolute(path, dir_fd)
        if full is not None:
            self._probe.journal.write("file", op="mkdir", path=full, st=None, via="audit")

    def _linked(self, source: Any, target: Any, *fds: Any) -> None:
        # os.link tells two descriptors, os.symlink one: the target's is the last.
        full = self._absolute(target, fds[-1] if fds else -1)
        if full is not None:
            self._written.add(full)
            self._claimed.add(full)
            self._note("w", full, None, "link", None)

    def _truncated(self, path: Any, *_: Any) -> None:
        full = self._absolute(path)
        if full is not None:
            self.writing(full, "u", "audit")

    def _run_file(self, path: Any) -> None:
        full = self._absolute(path)
        if full is not None:
            self.reading(full, "main")

    def _exec(self, path: Any, args: Any, env: Any) -> None:
        if env is not None and "REENACT_PROBE" not in env and b"REENACT_PROBE" not in env:
            self._probe.journal.gap("exec", f"{os.fsdecode(path)} replaced the program with an environment of its own")

    def _spawned(self, path: Any, argv: Any, env: Any) -> None:
        if env is not None and "REENACT_PROBE" not in env and b"REENACT_PROBE" not in env:
            self._probe.journal.gap("spawn", f"{os.fsdecode(path)} was started with an environment of its own")


def _state(full: str) -> list[int] | None:
    """[inode, size, mtime in ns] of a regular file, or None."""
    try:
        found = os.stat(full)
    except OSError:
        return None
    return [found.st_ino, found.st_size, found.st_mtime_ns] if stat.S_ISREG(found.st_mode) else None


def _folder_of(fd: int) -> str | None:
    """The folder that a descriptor is open on, where the system tells."""
    try:
        if sys.platform == "darwin":
            import fcntl

            return os.fsdecode(fcntl.fcntl(fd, fcntl.F_GETPATH, b"\0" * 1024).split(b"\0", 1)[0]) or None
        folder = os.readlink(f"/proc/self/fd/{fd}")
    except (OSError, AttributeError):
        return None
    return folder if os.path.isabs(folder) and not folder.endswith(" (deleted)") else None


def _by_import(frame: Any) -> bool:
    """True when Python's own import machinery lists a folder, not the program."""
    name = frame.f_code.co_filename
    return name.startswith("<frozen importlib") or f"{os.sep}importlib{os.sep}" in name or name.endswith("pkgutil.py")


watch: FileWatch | None = None
"""This process's watch, for the wrappers of readers that raise no audit event."""


def install(probe: Probe) -> None:
    """Starts listening for audit events; on replay gives folders back in the order that the baseline saw."""
    global watch
    watch = FileWatch(probe)
    probe.on_fork.append(watch.after_fork)
    watch.listen()
    if probe.given is not None:
        _give_order(probe)


def _give_order(probe: Probe) -> None:
    """Lists a folder in the recorded order where its entries are the recorded ones: the order is entropy too."""
    listdir, scandir = os.listdir, os.scandir

    def order_of(path: Any) -> dict[str, int] | None:
        listings = probe.given.listings
        if not listings or isinstance(path, (int, bytes)):
            return None
        names = listings.get(os.path.normpath(os.path.join(os.getcwd(), os.fspath(path))))
        return None if names is None else {name: i for i, name in enumerate(names)}

    def ordered_listdir(path: Any = ".") -> Any:
        names = listdir(path)
        order = order_of("." if path is None else path)
        if order is not None:
            names.sort(key=lambda name: order.get(name, len(order)))
        return names

    class OrderedScan:
        """What os.scandir returns, in the recorded order."""

        def __init__(self, entries: list[Any]) -> None:
            self._entries = iter(entries)

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> Any:
            return next(self._entries)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: Any) -> None:
            self.close()

        def close(self) -> None:
            self._entries = iter(())

    def ordered_scandir(path: Any = ".") -> Any:
        order = order_of("." if path is None else path)
        if order is None:
            return scandir(path)
        with scandir(path) as found:
            entries = sorted(found, key=lambda entry: order.get(entry.name, len(order)))
        return OrderedScan(entries)

    os.listdir, os.scandir = ordered_listdir, ordered_scandir
