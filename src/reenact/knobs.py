"""Every ``REENACT_*`` environment variable, typed, in one place. Standard library only."""

from __future__ import annotations

import os

PROBE = "REENACT_PROBE"
"""Path of the probe's settings file (``probe.json``); set by reenact for the processes it starts."""

PROCESS = "REENACT_PROCESS"
"""Identity of a child Python process (``rank0.1``); set by the probe of its parent."""

STORE = "REENACT_STORE"
"""Folder to use as the store instead of the nearest ``.reenact``."""

PYTHON = "REENACT_PYTHON"
"""Interpreter for ``reenact run train.py`` instead of the ``python`` on PATH."""

ENGINE = "REENACT_ENGINE"
"""Container engine to use: ``docker``, ``podman``, or the path of one."""

DEBUG = "REENACT_DEBUG"
"""When ``1``, errors inside the probe are printed to stderr and a failing command shows its traceback."""


def text(name: str) -> str | None:
    """The variable's value, or None when unset or empty."""
    return os.environ.get(name) or None


def flag(name: str) -> bool:
    """True when the variable is set to anything but ``0``, ``false``, ``no`` or nothing."""
    return os.environ.get(name, "").lower() not in ("", "0", "false", "no")
