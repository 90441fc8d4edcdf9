"""Files that appear whole or not at all: written aside, synced, renamed."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

from ..errors import EXIT_MISSING, EXIT_USAGE, ReenactError


class TmpOwner(NamedTuple):
    """The process that made a temporary file, as its name tells."""

    host: str
    pid: int


def host_tag() -> str:
    """This host's name as it appears in temporary file names (no dots)."""
    return socket.gethostname().replace(".", "-").replace("/", "-") or "host"


def tmp_name(stem: str) -> str:
    """A name for a temporary file, hidden, that carries host and pid of its owner: ``.stem.host.pid.random.tmp``."""
    return f".{stem}.{host_tag()}.{os.getpid()}.{os.urandom(4).hex()}.tmp"


def tmp_owner(name: str) -> TmpOwner | None:
    """The owner of a temporary file from its name; None when the name is not one of ours."""
    parts = name.rsplit(".", 4)
    if len(parts) != 5 or parts[4] != "tmp" or not parts[0].startswith(".") or not parts[2].isdigit():
        return None
    return TmpOwner(parts[1], int(parts[2]))


def write_atomic(path: str | os.PathLike[str], data: bytes, *, mode: int = 0o644) -> None:
    """Write ``data`` to ``path`` so that a reader, or a crash, sees the old content or the new, never a part.

    Args:
        path: the file; its folder must exist.
        data: the content.
        mode: permission bits of the new file.

    Raises:
        ReenactError: ``no-space`` when the disk or quota is full, ``store-not-writable`` when writing is not allowed.
    """
    target = Path(path)
    aside = target.parent / tmp_name(target.name)
    try:
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(aside, target)
        sync_folder(target.parent)
    except OSError as error:
        raise_clean(error, target)
    finally:
        aside.unlink(missing_ok=True)


def write_all(fd: int, data: bytes) -> None:
    """Write every byte: one ``os.write`` may write less than it was given."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make a rename in ``folder`` durable, where the file system can."""
    try:
        fd = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(fd)
    except OSError:
        pass  # some network file systems refuse to sync a folder; the rename itself has happened
    finally:
        os.close(fd)


@contextmanager
def exclusive(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold a lock on a file, which is made, so that one process at a time goes on; without locks here, go ahead all the same."""
    try:
        import fcntl

        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except (ImportError, OSError):
        yield
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
        except OSError:
            pass  # some network file systems have none
        yield
    finally:
        os.close(fd)


def raise_clean(error: OSError, path: str | os.PathLike[str]) -> NoReturn:
    """Raise ``error`` as a ReenactError where it is one that a person can act on; else as it is."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise ReenactError(
            "no-space",
            f"no space left to write {os.fspath(path)}",
            fix="free some space (`reenact gc` removes what no run needs), then try again",
            exit_code=EXIT_MISSING,
        ) from error
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        raise ReenactError(
            "store-not-writable",
            f"cannot write {os.fspath(path)}: {error.strerror}",
            fix="make the folder writable, or set REENACT_STORE to a folder that is",
            exit_code=EXIT_USAGE,
        ) from error
    raise error


def share(path: Path, blob: Path) -> None:
    """Makes a file another name of the blob that has its content; where that cannot be, both stay."""
    aside = path.parent / f".{path.name[:100]}.link"
    try:
        if path.stat().st_ino == blob.stat().st_ino:
            return
        aside.unlink(missing_ok=True)
        os.link(blob, aside)
        os.replace(aside, path)
    except OSError:
        return
