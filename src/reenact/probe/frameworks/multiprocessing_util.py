"""``multiprocessing`` with spawn or forkserver: the child inherits the C environment; it needs only its name."""

from __future__ import annotations

import os
from typing import Any

from ..children import announce, name_next_child
from ..entropy import dress
from ..journal import complain
from ..state import Probe


def hook(probe: Probe, util: Any) -> None:
    """Wraps ``spawnv_passfds``, through which spawn and forkserver start Python."""
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
