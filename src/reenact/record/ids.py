"""Run ids: when the run started, in UTC, and four random characters; and times as a record writes them."""

from __future__ import annotations

import os
import re
from datetime import datetime, timezone

# No l, o, 0, 1: an id is read aloud and typed.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"

RUN_ID = re.compile(r"\d{8}-\d{6}-[a-z0-9]{4}(?:\.\d+)?")
"""What a full run id looks like; that of a trial is its sweep's, a point, and the number of its job."""


def new_run_id(now: datetime | None = None) -> str:
    """A new run id such as ``20261121-074012-k3f9``.

    Args:
        now: the time to use, with a time zone (a naive one is taken as UTC); the present when None.
    """
    when = now or datetime.now(timezone.utc)
    when = when.replace(tzinfo=timezone.utc) if when.tzinfo is None else when.astimezone(timezone.utc)
    # From the operating system, not from `random`: the id must not depend on, or disturb, any seed.
    suffix = "".join(_ALPHABET[byte & 31] for byte in os.urandom(4))
    return f"{when:%Y%m%d-%H%M%S}-{suffix}"


def iso_time(when: datetime | None = None) -> str:
    """A time as the record writes it, such as ``2026-11-21T07:40:12.345Z``; the present when None.

    Milliseconds, so that times sort as they came even where two verdicts fall in one second.
    """
    when = (when or datetime.now(timezone.utc)).astimezone(timezone.utc)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
