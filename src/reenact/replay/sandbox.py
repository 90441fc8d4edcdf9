"""A private mount namespace for a replayed process: same paths, but writes land elsewhere. Linux only.

What happens between fork and exec is prepared beforehand as plain bytes and numbers: after a fork in a process with
threads, only little may be done safely.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import struct
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["mount", "user"]

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_NOATIME, MS_NODIRATIME, MS_BIND = 32, 1024, 2048, 4096
MS_REC, MS_SLAVE, MS_RELATIME = 16384, 1 << 19, 1 << 21
ST_RELATIME = 4096
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
SYS_MOUNT_SETATTR = 442  # the same number on every architecture; Linux 5.12
READ_ONLY_ATTR = struct.pack("=QQQQ", 1, 0, 0, 0)


@dataclass(frozen=True)
class Mount:
    """Show ``source`` at ``dest`` (both absolute, both existing when it is done), with everything mounted below it."""

    source: str
    dest: str
    readonly: bool


@dataclass(frozen=True)
class Overlay:
    """Show ``lower`` writable at its own place, with writes kept in ``folder/upper``.

    ``folder`` holds ``lower`` (a symlink), ``upper``, ``work`` and ``merged``.
    """

    lower: str
    folder: str


class MountFailed(OSError):
    """A step of the plan failed; ``step`` is the Mount or Overlay, or None for the namespace itself."""

    def __init__(self, number: int, what: str, step: Mount | Overlay | None = None) -> None:
        super().__init__(number, os.strerror(number), what)
        self.step = step


class Sandbox:
    """A plan of mounts, and the callable that carries it out in a forked child.

    Args:
        kind: ``mount`` for a process that may mount, ``user`` to go through a user namespace.
        inner: done first, in order, while every path still means what it means outside.
        overlays: mounted aside, then shown at their lower folder's place.
        outer: done last, outermost destination first; sources are taken before any destination is covered.
        cwd: where the child is to be afterwards.
    """

    def __init__(
        self, kind: Kind, inner: Sequence[Mount], overlays: Sequence[Overlay], outer: Sequence[Mount], cwd: str
    ) -> None:
        self.kind = kind
        self.steps: tuple[Mount | Overlay, ...] = (*inner, *overlays, *outer)
        uid, gid = os.geteuid(), os.getegid()
        self._maps = (
            (b"/proc/self/setgroups", b"deny"),
            (b"/proc/self/uid_map", b"%d %d 1" % (uid, uid)),
            (b"/proc/self/gid_map", b"%d %d 1" % (gid, gid)),
        )
        self._flags = CLONE_NEWNS | (CLONE_NEWUSER if kind == "user" else 0)
        options = b"lowerdir=lower,upperdir=upper,workdir=work"
        self._options = options + (b",userxattr" if kind == "user" else b"")
        self._inner = [(i, *_encode(mount)) for i, mount in enumerate(inner)]
        first = len(inner)
        self._overlays = [(first + i, os.fsencode(overlay.folder)) for i, overlay in enumerate(overlays)]
        outers = [
            (first + i, os.fsencode(overlay.folder) + b"/merged", os.fsencode(overlay.lower), False, 0)
            for i, overlay in enumerate(overlays)
        ]
        first += len(overlays)
        outers += [(first + i, *_encode(mount)) for i, mount in enumerate(outer)]
        self._outer = sorted(outers, key=lambda step: step[2].rstrip(b"/").count(b"/"))
        self._cwd = os.fsencode(cwd)
        self._libc = _libc()

    def enter(self) -> None:
        """Carry out the plan in this process and change into the working directory.

        Only for a freshly forked child with one thread, before exec.

        Raises:
            MountFailed: naming the step; the child must then exit.
        """
        if self._libc.unshare(self._flags) != 0:
            raise MountFailed(ctypes.get_errno(), "unshare")
        if self.kind == "user":
            for path, text in self._maps:
                descriptor = os.open(path, os.O_WRONLY)
                os.write(descriptor, text)
                os.close(descriptor)
        # Slave, not private: file systems that the host mounts on demand still appear; nothing goes back to the host.
        if self._libc.mount(b"none", b"/", None, MS_REC | MS_SLAVE, None) != 0:
            raise MountFailed(ctypes.get_errno(), "/")
        for step, source, dest, readonly, flags in self._inner:
            self._bind(step, source, dest, readonly, flags)
        for step, folder in self._overlays:
            os.chdir(folder)  # relative names, because a comma or colon in a path would split the options
            if self._libc.mount(b"overlay", b"merged", b"overlay", 0, self._options) != 0:
                raise MountFailed(ctypes.get_errno(), os.fsdecode(folder), self.steps[step])
        sources = []
        for step, source, _, _, _ in self._outer:
            try:
                sources.append(os.open(source, os.O_PATH | os.O_CLOEXEC))
            except OSError as error:
                raise MountFailed(error.errno or errno.EIO, os.fsdecode(source), self.steps[step]) from None
        for descriptor, (step, _, dest, readonly, flags) in zip(sources, self._outer):
            self._bind(step, b"/proc/self/fd/%d" % descriptor, dest, readonly, flags)
        for descriptor in sources:
            os.close(descriptor)
        # The directory that this process is in still belongs to what was covered.
        os.chdir(self._cwd)

    def _bind(self, step: int, source: bytes, dest: bytes, readonly: bool, flags: int) -> None:
        if self._libc.mount(source, dest, None, MS_BIND | MS_REC, None) != 0:
            raise MountFailed(ctypes.get_errno(), os.fsdecode(dest), self.steps[step])
        if not readonly:
            return
        attributes = self._libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, dest, AT_RECURSIVE, READ_ONLY_ATTR, 32)
        if attributes != 0 and self._libc.mount(b"none", dest, None, MS_REMOUNT | MS_BIND | flags, None) != 0:
            raise MountFailed(ctypes.get_errno(), os.fsdecode(dest), self.steps[step])

    def rehearse(self) -> MountFailed | None:
        """Carry out the plan in a child that then exits; what failed, or None when all of it works."""
        reader, writer = os.pipe()
        pid = _fork()
        if pid == 0:
            answer = b""
            try:
                self.enter()
            except MountFailed as error:
                step = self.steps.index(error.step) if error.step is not None else -1
                answer = struct.pack("=ii", error.errno or errno.EIO, step)
            except BaseException as error:
                answer = struct.pack("=ii", getattr(error, "errno", None) or errno.EIO, -1)
            finally:
                os.write(writer, answer or b"ok")
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as stream:
            answer = stream.read()
        os.waitpid(pid, 0)
        if answer == b"ok":
            return None
        number, step = struct.unpack("=ii", answer) if len(answer) == 8 else (errno.EIO, -1)
        failed = self.steps[step] if step >= 0 else None
        what = failed.dest if isinstance(failed, Mount) else failed.lower if failed else "mount namespace"
        return MountFailed(number, what, failed)


@functools.lru_cache(maxsize=1)
def available() -> Kind | None:
    """Which kind of mount namespace this process can make: tried out in a forked child, once.

    None where there is none: another system than Linux, a container or a policy that forbids it.
    """
    if not sys.platform.startswith("linux"):
        return None
    with tempfile.TemporaryDirectory(prefix="reenact-") as folder:
        over = os.path.join(folder, "over")
        os.mkdir(over)
        kinds: tuple[Kind, ...] = ("mount", "user")
        for kind in kinds:
            try:
                plan = Sandbox(kind, [Mount(folder, over, True)], [], [], "/")
                if plan.rehearse() is None:
                    return kind
            except (OSError, AttributeError):  # no fork left, or a C library without these calls
                return None
    return None


def mount_points() -> tuple[str, ...]:
    """Where file systems are mounted for this process, as absolute paths; empty where /proc cannot tell."""
    try:
        with open("/proc/self/mountinfo", "rb") as stream:
            fields = [line.split(b" ")[4] for line in stream if line.count(b" ") > 4]
    except OSError:
        return ()
    for octal in (b"040", b"011", b"012", b"134"):  # the backslash last
        fields = [field.replace(b"\\" + octal, bytes([int(octal, 8)])) for field in fields]
    return tuple(os.fsdecode(field) for field in fields)


def _fork() -> int:
    with warnings.catch_warnings():
        # Python 3.12 warns of forking with threads; the child makes system calls only and leaves by _exit.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _encode(mount: Mount) -> tuple[bytes, bytes, bool, int]:
    return os.fsencode(mount.source), os.fsencode(mount.dest), mount.readonly, _remount_flags(mount)


def _remount_flags(mount: Mount) -> int:
    """For kernels without mount_setattr: read-only, plus the flags that the source has (they may be locked)."""
    if not mount.readonly:
        return 0
    try:
        has = os.statvfs(mount.source).f_flag
    except OSError:
        return MS_RDONLY
    kept = has & (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME)
    return MS_RDONLY | kept | (MS_RELATIME if has & ST_RELATIME else 0)


@functools.lru_cache(maxsize=1)
def _libc() -> Any:
    # PyDLL keeps the interpreter lock, so nothing has to be taken back in the forked child.
    libc = ctypes.PyDLL(None, use_errno=True)
    libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]
    libc.unshare.argtypes = [ctypes.c_int]
    libc.syscall.restype = ctypes.c_long
    libc.syscall.argtypes = [
        ctypes.c_long,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_uint,
        ctypes.c_char_p,
        ctypes.c_size_t,
    ]
    return libc
