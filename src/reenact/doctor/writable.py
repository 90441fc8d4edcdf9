"""Whether a folder can be written, tried out: permission bits do not tell of read-only mounts, nor bind root."""

from __future__ import annotations

import tempfile
from pathlib import Path


def why_not_writable(folder: Path) -> str | None:
    """None where a file could be made in the folder (and was removed again); else the reason."""
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".reenact-doctor-"):
            return None
    except OSError as error:
        return error.strerror or str(error)
