"""Child processes: forks keep the probe; Python programs that this one starts get it through their environment."""

from __future__ import annotations

import os
from typing import Any

from .. import knobs
from .argv import without_secrets
from .journal import complain
from .state import Probe


def install(probe: Probe) -> None:
    """Numbers forks, and makes a forked child write to files of its own."""

    def before() -> None:
        probe.next_child()

    register = getattr(os, "register_at_fork", None)
    if register is not None:
        register(before=before, after_in_child=probe.after_fork)


def environment_for_child(probe: Probe, env: Any, process: str) -> dict[Any, Any]:
    """The environment that a child is given, with the probe's variables added back.

    Args:
        env: what the program passed: a mapping of str or bytes.
        process: identity of the child.
    """
    as_bytes = any(isinstance(key, bytes) for key in env)

    def coded(text: str) -> Any:
        return os.fsencode(text) if as_bytes else text

    given = dict(env)
    for name, value in probe.hidden.items():
        key = coded(name)
        if name == "PYTHONPATH":
            inject = value.split(os.pathsep)[0]
            own = given.get(key)
            given[key] = coded(inject) if not own else coded(inject + os.pathsep) + own
        elif key not in given:
            given[key] = coded(value)
    rank = given.get(coded("RANK"))
    if rank is not None and rank != coded(os.environ.get("RANK", "")):
        process = "rank" + (rank.decode() if isinstance(rank, bytes) else str(rank))
    given[coded(knobs.PROCESS)] = coded(process)
    return given


def name_next_child(process: str) -> None:
    """Sets, in the C environment alone, the name that the next child to inherit it will take."""
    os.putenv(knobs.PROCESS, process)


def announce(probe: Probe, argv: Any, process: str) -> None:
    """Journals the start of a child program."""
    try:
        words = [os.fsdecode(word) for word in ([argv] if isinstance(argv, (str, bytes)) else list(argv))]
        probe.journal.write("child", argv=without_secrets(words), process=process, probe=True)
    except Exception as problem:
        complain("child", problem)
