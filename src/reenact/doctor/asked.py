"""What a program of the system says, for a few seconds at most."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

_TIMEOUT_S = 8


def asked(argv: Sequence[str], env: Mapping[str, str]) -> tuple[int, str] | None:
    """Exit code and what it printed (its stderr where its stdout is empty), stripped; None where it did not answer."""
    try:
        done = subprocess.run(
            argv,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.returncode, done.stdout.strip() or done.stderr.strip()
