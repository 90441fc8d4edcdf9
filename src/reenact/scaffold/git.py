"""A git repository for a project that lies in none."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Literal

Git = Literal["made", "there", "absent", "failed"]
"""``absent``: git is not installed; ``failed``: it could not make one."""

_TIMEOUT_S = 60


def ensure_repository(folder: Path) -> Git:
    """Make a repository of a folder, unless it, or a folder above it, is one. Nothing is raised."""
    if any(os.path.lexists(above / ".git") for above in (folder, *folder.parents)):
        return "there"
    program = shutil.which("git")
    if program is None:
        return "absent"
    # Variables of a hook or of a rebase that this runs in would name another repository.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            [program, "init", "--quiet", str(folder)],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "failed"
    return "made" if done.returncode == 0 else "failed"
