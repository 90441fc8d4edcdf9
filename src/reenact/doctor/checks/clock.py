"""The system's clock: records are ordered by it."""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import reenact

from ..asked import asked
from ..row import Context, Row

_SLACK_S = 60
_TIME_ERROR = 5
"""What adjtimex answers when the clock is not synchronised."""


def check(context: Context) -> Iterator[Row]:
    now = time.time()
    local = datetime.now().astimezone()
    seen = f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()} (UTC{local:%z})"
    mend = "sudo timedatectl set-ntp true" if context.which("timedatectl") else "sudo apt-get install chrony"
    newest, what = max(_known(context), default=(0.0, ""))
    if newest > now + _SLACK_S:
        later = datetime.fromtimestamp(newest, timezone.utc)
        yield Row("clock", "warning", f"{seen}, and {what} is of {later:%Y-%m-%d %H:%M:%S} UTC, later than that", mend)
        return
    kept = synchronised(context)
    if kept is False:
        yield Row("clock", "warning", f"{seen}; it is not synchronised", mend)
        return
    yield Row("clock", "ok", seen + ("; synchronised" if kept else "; whether it is synchronised is not known"))


def _known(context: Context) -> Iterator[tuple[float, str]]:
    """Times that have been, in seconds, and of what."""
    package = Path(reenact.__file__).parent
    yield max(path.stat().st_mtime for path in package.glob("*.py")), "reenact itself"
    runs = context.store.runs()
    if runs:
        yield context.store.run_dir(runs[-1]).stat().st_mtime, f"the run {runs[-1]}"


def synchronised(context: Context) -> bool | None:
    """As systemd tells, else the kernel; None where neither does."""
    program = context.which("timedatectl")
    answer = asked([program, "show", "--property=NTPSynchronized", "--value"], context.env) if program else None
    if answer in ((0, "yes"), (0, "no")):
        return answer == (0, "yes")
    if not sys.platform.startswith("linux"):
        return None
    try:
        # struct timex, zeroed: asks and changes nothing. It is 208 bytes long on 64-bit machines.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR
