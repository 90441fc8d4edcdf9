"""Start-up of the probe: reads its settings, hides its traces, installs its hooks, writes the start event."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from .. import knobs
from .argv import without_secrets
from .journal import complain
from .state import Probe

SCHEMA = 1

probe: Probe | None = None
"""This process's probe, for ``reenact.log``; None where nothing is recorded."""


def start(path: str, before: set[str]) -> None:
    """Starts recording in this process.

    Args:
        path: the probe's settings file, ``probe.json`` of the run.
        before: names of the modules that were imported before the probe was.
    """
    global probe
    with open(path, encoding="utf-8") as file:
        settings = json.load(file)
    process = os.environ.get(knobs.PROCESS) or settings.get("process", "rank0")
    probe = Probe(settings, process)
    _hide(probe)
    if settings.get("overrides"):
        from . import overrides

        overrides.install(probe)
    write_start(probe)
    names = _names_beside()
    for name in ("clean", "entropy", "files", "children", "variables", "imports", "public"):
        try:
            module = __import__(f"{__package__}.{name}", fromlist=["install"])
            module.install(probe)
        except Exception as problem:
            complain(name, problem)
            probe.journal.gap(f"probe-{name}", f"this part of the probe did not start: {problem!r}")
    import atexit

    atexit.register(finish, probe)
    _give_names_back(before, names)
    probe.on_fork.append(_forked)


def _hide(probe: Probe) -> None:
    """Takes the probe's variables out of ``os.environ`` but leaves them in the C environment, for children."""
    shown: dict[str, str | None] = probe.settings.get("hide", {})
    data: dict[Any, Any] = getattr(os.environ, "_data", {})
    encode = getattr(os.environ, "encodekey", None)
    if encode is None:
        return
    for name, original in {knobs.PROBE: None, knobs.PROCESS: None, **shown}.items():
        value = os.environ.get(name)
        if value is None:
            continue
        probe.hidden[name] = value
        if original is None:
            data.pop(encode(name), None)
        else:
            data[encode(name)] = os.environ.encodevalue(original)


def write_start(probe: Probe, role: str | None = None) -> None:
    """Writes the event that a journal begins with."""
    # A forked child and a job of a sweep have these from the process that they are of.
    brief = role in ("worker", "job")
    if role != "job":
        now = time.time()
        probe.started = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    flags = {
        name: getattr(sys.flags, name) for name in dir(sys.flags) if not name.startswith(("_", "n_", "count", "index"))
    }
    rank = os.environ.get("RANK")
    world = os.environ.get("WORLD_SIZE")
    probe.journal.write(
        "start",
        schema=SCHEMA,
        process=probe.process,
        pid=probe.pid,
        ppid=os.getppid(),
        main=probe.main,
        role=role or ("main" if probe.main else "worker" if _spawned() else "child"),
        argv=without_secrets(getattr(sys, "argv", [])),
        orig_argv=without_secrets(getattr(sys, "orig_argv", [])),
        executable=sys.executable,
        prefix=sys.prefix,
        base_prefix=sys.base_prefix,
        version=".".join(map(str, sys.version_info[:3])),
        implementation=sys.implementation.name,
        cwd=_cwd(),
        rank=int(rank) if rank and rank.isdigit() else None,
        world_size=int(world) if world and world.isdigit() else None,
        time=probe.started,
        **({} if brief else {"build": sys.version, "flags": flags, "path": list(sys.path)}),
    )


def _spawned() -> bool:
    """True in a process that multiprocessing or loky has started: such are ended from outside as a rule."""
    words = getattr(sys, "orig_argv", None) or getattr(sys, "argv", [])
    return any("--multiprocessing-fork" in word or "popen_loky_posix" in word for word in words)


def _forked(probe: Probe) -> None:
    """A forked child writes its start event with its first other event: most children have nothing to say."""
    probe.journal.before_first = lambda: write_start(probe, "worker")


def _names_beside() -> set[str]:
    """Names of the modules that lie beside the script. Looked for before the probe listens: the program has not listed them."""
    argv = getattr(sys, "argv", None) or [""]
    folder = os.path.dirname(os.path.abspath(argv[0])) if argv[0] not in ("", "-c", "-m") else _cwd()
    try:
        return {name.split(".")[0] for name in os.listdir(folder or ".")}
    except OSError:
        return set()


def _give_names_back(before: set[str], names: set[str]) -> None:
    """Lets a module of the program's own that is called like one of Python's be found, as it would be bare.

    We have imported a few of Python's modules before the script's folder came first on ``sys.path``.
    """
    for name in set(sys.modules) - before:
        if name.split(".")[0] in names and not name.startswith("_reenact"):
            del sys.modules[name]


def _cwd() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def finish(probe: Probe) -> None:
    """Writes the end event, once. Registered with ``atexit``, so it does not run after os._exit or a kill."""
    if os.getpid() != probe.pid or probe.ended:
        return
    probe.ended = True
    if probe.scope is not None:
        probe.scope.leave()
    if probe.journal.silent and not probe.traced:
        return
    fields: dict[str, Any] = {"steps": 0, "exception": None}
    for hook in probe.on_end:
        try:
            fields.update(hook(probe) or {})
        except Exception as problem:
            complain("end", problem)
    probe.write_trace()
    if probe.given is not None:
        fields["not_given"] = probe.given.missed
    if probe.settings.get("usage"):
        fields["usage"] = _usage()
    kind = getattr(sys, "last_type", None)
    if kind is not None:
        fields["exception"] = {"type": kind.__name__, "message": str(getattr(sys, "last_value", ""))[:2000]}
    probe.journal.write("end", **fields)


def _usage() -> dict[str, Any]:
    """CPU seconds and the largest resident size in bytes, of this process and its children: in a container only we can tell."""
    import resource

    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "user": own.ru_utime + others.ru_utime,
        "system": own.ru_stime + others.ru_stime,
        "peak_rss": max(own.ru_maxrss, others.ru_maxrss) * 1024,
    }
