"""Putting files into a folder: all of them or none, and never over one that is there."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from ..errors import EXIT_MISSING, EXIT_USAGE, ReenactError


def write_new(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder with files in it; it appears whole. Folders above it are made as well.

    Raises:
        ReenactError: ``not-writable``, ``no-space``; nothing is left then, but folders above that were made.
    """
    aside = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name[:50]}.", dir=folder.parent))
        aside.chmod(0o777 & ~_umask())
        _fill(aside, files)
        os.rename(aside, folder)
    except OSError as error:
        _clean(error, folder)
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def write_into(folder: Path, files: Mapping[str, bytes]) -> None:
    """Add files to a folder that is there. On any failure, Ctrl-C too, what was added is taken away again.

    Raises:
        ReenactError: ``not-writable``, ``no-space``; ``in-the-way`` when somebody made one of the files meanwhile.
    """
    if not files:
        return
    aside, added, made = None, [], []
    try:
        aside = Path(tempfile.mkdtemp(prefix=".reenact-init-", dir=folder))
        _fill(aside, files)
        for path in files:
            target = folder / path
            missing = [above for above in target.parents if above != folder and folder in above.parents]
            for above in reversed([above for above in missing if not above.exists()]):
                above.mkdir()
                made.append(above)
            _place(aside / path, target)
            added.append(target)
    except BaseException as error:
        for path_added in added:
            path_added.unlink(missing_ok=True)
        for folder_made in reversed(made):
            try:
                folder_made.rmdir()
            except OSError:
                pass  # somebody put something into it
        if isinstance(error, OSError):
            _clean(error, folder)
        raise
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def _place(source: Path, target: Path) -> None:
    """Move a file to a place that is free: a link, unlike a rename, does not overwrite."""
    try:
        os.link(source, target)
        return
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV):
            raise
    # No hard links on this file system.
    with open(target, "xb") as file:
        file.write(source.read_bytes())


def _umask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now


def _clean(error: OSError, folder: Path) -> NoReturn:
    """Raise what went wrong as an error that a person can act on."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise ReenactError(
            "no-space",
            f"no space left to write {folder}",
            fix="free some space, then try again",
            exit_code=EXIT_MISSING,
        ) from error
    if isinstance(error, FileExistsError) or error.errno == errno.ENOTEMPTY:
        raise ReenactError(
            "in-the-way", f"{error.filename2 or folder} was made by somebody else meanwhile", fix="try again"
        ) from error
    raise ReenactError(
        "not-writable",
        f"cannot write {folder}: {error.strerror or error}",
        valid="a folder that can be written, or a new one in such a folder",
        exit_code=EXIT_USAGE,
    ) from error
