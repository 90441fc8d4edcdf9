"""``subprocess``: a child gets the probe's variables back, which the program's own ``os.environ`` does not show."""

from __future__ import annotations

import os
from typing import Any

from ..children import announce, environment_for_child, name_next_child
from ..entropy import dress
from ..journal import complain
from ..state import Probe

CLOSE_FDS = 3
ENV = 6
"""Position of ``env`` among the arguments of ``Popen._execute_child`` after self, on every supported version."""


def hook(probe: Probe, subprocess: Any) -> None:
    """Wraps ``Popen._execute_child``, the one place through which every child of this module passes."""
    original = subprocess.Popen._execute_child
    names = original.__code__.co_varnames
    if len(names) <= ENV + 1 or names[ENV + 1] != "env":
        probe.journal.gap("children", "child processes of subprocess are not followed by this version of Python")
        return

    def _execute_child(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            if os.getpid() == probe.pid and len(args) > ENV:
                process = probe.next_child()
                announce(probe, args[0], process)
                # Without close_fds Python may use posix_spawn, which gets its environment from os.environ.
                if args[ENV] is None and args[CLOSE_FDS] and not probe.path_changed():
                    name_next_child(process)
                else:
                    env = environment_for_child(probe, os.environ if args[ENV] is None else args[ENV], process)
                    args = (*args[:ENV], env, *args[ENV + 1 :])
        except Exception as problem:
            complain("subprocess", problem)
        return original(self, *args, **kwargs)

    dress(_execute_child, original)
    subprocess.Popen._execute_child = _execute_child
