"""Environment variables that the program's own code reads: they are inputs, whatever they are called."""

from __future__ import annotations

import os
import sys
from typing import Any

from .callsite import call_site, is_users
from .entropy import dress
from .journal import complain
from .state import Probe

_THROUGH = ("os", "collections.abc", "_collections_abc")
"""Modules whose frames lie between the program and ``os.environ``."""


_PLACES = frozenset(
    """
    HOME USER LOGNAME PATH PWD OLDPWD SHELL TERM TMPDIR TEMP TMP HOSTNAME DISPLAY COLUMNS LINES
    RANK LOCAL_RANK WORLD_SIZE LOCAL_WORLD_SIZE GROUP_RANK MASTER_ADDR MASTER_PORT
    """.split()  # noqa: SIM905
)
"""Where a run happens and which part of it a process is: no inputs."""


def install(probe: Probe) -> None:
    """Notes each variable that is looked up in ``os.environ`` from the user's code, once, set or not."""
    environ = os.environ
    kind: Any = type(environ)
    original = kind.__getitem__
    seen: set[str] = set(_PLACES)

    def __getitem__(self: Any, key: Any) -> Any:
        if self is environ and type(key) is str and key not in seen:
            try:
                frame: Any = sys._getframe(1)
                while frame is not None and frame.f_globals.get("__name__") in _THROUGH:
                    frame = frame.f_back
                if frame is not None and is_users(frame.f_code.co_filename):
                    seen.add(key)
                    probe.journal.write("variable", name=key, site=call_site())
            except Exception as problem:
                complain("variables", problem)
        return original(self, key)

    dress(__getitem__, original)
    kind.__getitem__ = __getitem__
