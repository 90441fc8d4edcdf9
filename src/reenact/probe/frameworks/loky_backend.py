"""loky, joblib's processes: a worker gets the probe's variables back, which the program's own ``os.environ`` does not show."""

from __future__ import annotations

import os
from typing import Any

from ..children import announce, environment_for_child
from ..entropy import dress
from ..journal import complain
from ..state import Probe


def hook(probe: Probe, module: Any) -> None:
    """Wraps ``fork_exec``, which starts each worker with a copy of ``os.environ``."""
    original = module.fork_exec

    def fork_exec(cmd: Any, keep_fds: Any, env: Any = None) -> Any:
        try:
            if os.getpid() == probe.pid:
                process = probe.next_child()
                announce(probe, cmd, process)
                env = environment_for_child(probe, {**os.environ, **(env or {})}, process)
        except Exception as problem:
            complain("loky", problem)
        return original(cmd, keep_fds, env=env)

    dress(fork_exec, original)
    module.fork_exec = fork_exec
