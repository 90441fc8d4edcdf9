"""``multiprocessing`` with spawn or forkserver: the child inherits the C environment; it needs only its name."""

from __future__ import annotations

import os
from typing import Any

from ..boot import finish
from ..children import announce, name_next_child
from ..entropy import dress
from ..journal import complain
from ..state import Probe


def hook(probe: Probe, util: Any) -> None:
    """Wraps ``spawnv_passfds``, through which spawn and forkserver start Python, and the end of forked processes."""
    _watch_end(probe, util)
    original = getattr(util, "spawnv_passfds", None)
    if original is None:
        return

    def spawnv_passfds(path: Any, args: Any, passfds: Any) -> Any:
        try:
            if os.getpid() == probe.pid:
                process = probe.next_child()
                announce(probe, args, process)
                name_next_child(process)
        except Exception as problem:
            complain("multiprocessing", problem)
        return original(path, args, passfds)

    dress(spawnv_passfds, original)
    util.spawnv_passfds = spawnv_passfds


def _watch_end(probe: Probe, util: Any) -> None:
    """A process of multiprocessing ends with os._exit, which skips ``atexit``, but first calls ``_exit_function``."""
    original = getattr(util, "_exit_function", None)
    if original is None:
        return

    def _exit_function(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if not probe.main:
            finish(probe)
        return result

    dress(_exit_function, original)
    util._exit_function = _exit_function
