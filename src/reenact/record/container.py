"""The container of a run, as ``container.json`` tells of it while nobody has seen it end."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..engine.cli import Engine
from ..errors import ReenactError
from . import layout
from .atomic import write_atomic
from .ids import iso_time
from .scan import Scan, scan_tree
from .schema import Start

_TIME = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d+))?\s*(Z|[+-]\d\d:\d\d)?")

_NOISE_TEXT = """
    /tmp /var/tmp /run /dev /proc /sys /etc/hosts /etc/hostname /etc/resolv.conf /etc/mtab /sbin/docker-init
    /usr/sbin/docker-init
"""
_NOISE = tuple(_NOISE_TEXT.split())
"""Changes of a container's files that are nobody's work."""


class Mounted:
    """The files of a process in a container, as far as they lie on this machine. See `protocols.View`.

    Args:
        start: of its run.
    """

    def __init__(self, start: Start) -> None:
        self._root = start.root
        mounts = [(str(mount["target"]), str(mount["source"])) for mount in (start.container or {}).get("mounts", ())]
        self._mounts = sorted(mounts, key=lambda pair: -len(pair[0]))

    def place(self, path: str) -> str:
        """Where a file that the process calls ``path`` lies for us."""
        for target, source in self._mounts:
            if path == target or path.startswith(target.rstrip("/") + "/"):
                return source + path[len(target.rstrip("/")) :]
        return path

    def scan(self) -> Scan:
        """`scan_tree` of the root, which has the same name here."""
        return scan_tree(self._root)


def load_container(run_dir: Path) -> dict[str, Any] | None:
    """The content of container.json; None where the run has none, or it cannot be read."""
    try:
        found: dict[str, Any] = json.loads((run_dir / layout.CONTAINER).read_bytes())
        return found
    except (OSError, ValueError):
        return None


def engine_of(container: dict[str, Any]) -> Engine:
    """The engine that a container was made with."""
    return Engine(container["engine"], container["program"], dict(os.environ))


def state_of(engine: Engine, container: str) -> dict[str, Any] | None:
    """What the engine says of a container's ``State``; None where it has none of that id any more.

    Raises:
        ReenactError: the engine cannot be asked.
    """
    done = engine.call("container", "inspect", "--format", "{{json .State}}", container, check=False)
    if done.returncode != 0:
        if "no such" in done.stderr.lower():
            return None
        engine.alive()  # raises where it cannot be asked
        return None
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def end_of_state(state: dict[str, Any]) -> dict[str, Any]:
    """The content of end.json for a container that has ended; what an engine cannot tell is 0."""
    code = int(state.get("ExitCode") or 0)
    began, ended = _time(state.get("StartedAt")), _time(state.get("FinishedAt"))
    wall = (ended - began).total_seconds() if began and ended else 0.0
    problems = ["the engine has killed it: out of memory"] if state.get("OOMKilled") else []
    return {
        "exit_code": code,
        # An init process stands between: it tells of a signal by its own exit code.
        "signal": code - 128 if 128 < code < 128 + 65 else None,
        "wall": round(max(0.0, wall), 6),
        "user": 0.0,
        "system": 0.0,
        "peak_rss": 0,
        "ended": iso_time(ended) if ended else None,
        "problems": problems,
    }


def recover(run_dir: Path) -> None:
    """Ask the engine how a run's container has ended, where nobody of ours has seen it; its output is kept too."""
    container = load_container(run_dir)
    if container is None or container.get("ended"):
        return
    engine = engine_of(container)
    try:
        state = state_of(engine, container["id"])
        if state is None or state.get("Running"):
            return
        end = end_of_state(state)
        if end["ended"] is not None:
            write_atomic(run_dir / layout.END, json.dumps(end).encode())
            keep_log(engine, container["id"], run_dir / layout.LOG)
        write_atomic(run_dir / layout.CONTAINER, json.dumps(conclude(engine, container, keep=True)).encode())
    except (ReenactError, OSError, ValueError):
        return  # what is known without the engine is sealed


def conclude(engine: Engine, container: dict[str, Any], *, keep: bool) -> dict[str, Any]:
    """Remove the container of a run that has ended, unless it has files of its own; container.json as it is to be then.

    Args:
        keep: leave one that has files of its own in place.
    """
    left = [] if not keep else _left(engine, container)
    if not left:
        engine.call("rm", "--force", "--volumes", container["id"], check=False)
    return {**container, "ended": True, "left": left, "removed": not left}


def _left(engine: Engine, container: dict[str, Any]) -> list[str]:
    """Files of its own that a container has in the end; folders that hold none are left out."""
    changed = _changed(engine, container["id"])
    folders = {os.path.dirname(path) for path in changed}
    quiet = [*_NOISE, *container.get("places", ())]
    return [
        path
        for path in changed
        if path not in folders
        and "__pycache__" not in path
        and not any(path == place or path.startswith(place + "/") or place.startswith(path + "/") for place in quiet)
    ]


def _changed(engine: Engine, container: str) -> list[str]:
    """What a container has added or changed. The engine compares whole trees: where its own layer can be seen, we look there."""
    words = ("container", "inspect", "--format", "{{json .GraphDriver.Data.UpperDir}}", container)
    upper = engine.call(*words, check=False).stdout.strip().strip('"')
    if not engine.remote and upper.startswith("/") and os.access(upper, os.R_OK | os.X_OK):
        found = []
        for folder, folders, files in os.walk(upper):
            inside = folder[len(upper) :]
            found += [f"{inside}/{name}" for name in folders]
            # Overlayfs shows a file that was removed as a character device.
            found += [f"{inside}/{name}" for name in files if not stat.S_ISCHR(os.lstat(f"{folder}/{name}").st_mode)]
        return sorted(found)
    done = engine.call("diff", container, check=False)
    return [line[2:] for line in done.stdout.splitlines() if line[:2] in ("A ", "C ")]


def keep_log(engine: Engine, container: str, log: Path) -> None:
    """Write the container's output over a log that has less of it."""
    done = subprocess.run(
        [engine.program, "logs", container],
        env=dict(engine.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode == 0 and (not log.exists() or len(done.stdout) > log.stat().st_size):
        write_atomic(log, done.stdout)


def remove_container(run_dir: Path) -> None:
    """Remove the container that a run has left, if it is still there."""
    container = load_container(run_dir)
    if container is None or container.get("removed"):
        return
    try:
        engine_of(container).call("rm", "--force", "--volumes", container["id"], check=False)
    except (ReenactError, OSError):
        pass


def _time(text: object) -> datetime | None:
    """An engine's time, which has nanoseconds; None for the year 1, which means never."""
    found = _TIME.fullmatch(text) if isinstance(text, str) and not text.startswith("0001") else None
    if found is None:
        return None
    whole, fraction, zone = found.groups()
    zone = "+00:00" if zone in (None, "Z") else zone
    return datetime.fromisoformat(f"{whole.replace(' ', 'T')}.{fraction or '0':0<6.6}{zone}").astimezone(timezone.utc)
