"""What a run folder holds that nobody needs any more."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from . import layout
from .atomic import host_tag, tmp_owner
from .status import process_alive

DONE_WITH = (
    layout.COLLECTED,
    layout.SEAL_LOCK,
    layout.PRE,
    layout.ENVIRONMENT,
    layout.SOURCE,
    layout.CONSTANTS,
    layout.EDITED,
)
"""What a run folder needs only until its manifest is there."""

_HOUR = 3600.0
# Files of this folder that were being written when their writer died: end.json.4711.tmp.
_PLAIN_TMP = re.compile(r"[^.].*\.(\d+)\.tmp$")


def is_rubbish(path: Path) -> bool:
    """True for a temporary file whose owner is dead, or, where that cannot be told, that is older than an hour."""
    owner = tmp_owner(path.name)
    if owner is not None and owner.host == host_tag():
        return not process_alive(owner.pid, None)
    try:
        return time.time() - path.stat().st_mtime > _HOUR
    except OSError:
        return False


def sealed_leftovers(folder: Path) -> list[Path]:
    """What is in the folder of a sealed run and can go: its contents are in blobs and in the manifest by now."""
    found = [path for name in DONE_WITH if (path := folder / name).exists()]
    for path in folder.glob("*.tmp"):
        # The command has ended, so its supervisor no longer writes; labels and verdicts may be written right now.
        if path.name.startswith(".new.") or _PLAIN_TMP.match(path.name) or is_rubbish(path):
            found.append(path)
    return found


def remove_all(paths: list[Path]) -> None:
    """Remove files and folders; one that is gone, or cannot be removed, is passed over."""
    for path in paths:
        try:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        except OSError:
            continue
