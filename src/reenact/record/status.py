"""What state a run folder is in, told from its files and from the processes that are alive."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import NamedTuple

from ..errors import ReenactError
from . import layout
from .container import load_container
from .schema import End, ProcessInfo, Start, Status, load_end, load_process, load_start

_STOPPED_FROM_OUTSIDE = {signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP}


class StatusInfo(NamedTuple):
    """State of a run folder.

    ``status`` is ``running``, ``finished``, ``failed``, ``interrupted``, or ``unreadable`` (its manifest or start.json
    is corrupt: ``detail`` says how). ``sealed``: it has a manifest. ``host_known`` is False when the run is of
    another host, so that ``running`` is believed and not checked.
    """

    status: str
    detail: str
    sealed: bool
    host_known: bool


def run_status(run_dir: str | os.PathLike[str]) -> StatusInfo:
    """The state of a run folder; never raises for what is in it."""
    folder = Path(run_dir)
    if (folder / layout.MANIFEST).exists():
        try:
            status = json.loads((folder / layout.MANIFEST).read_bytes())["status"]
            return StatusInfo(str(status), "", True, True)
        except (OSError, ValueError, KeyError, TypeError) as error:
            return StatusInfo("unreadable", f"{folder / layout.MANIFEST}: {error}", True, True)
    try:
        start = load_start(folder / layout.START)
    except ReenactError as error:
        return StatusInfo("unreadable", error.what, False, True)
    return _unsealed(folder, start)


def _unsealed(folder: Path, start: Start) -> StatusInfo:
    if start.host != socket.gethostname():
        return StatusInfo("running", f"on {start.host}, which cannot be asked from here", False, False)
    here = boot_id()
    rebooted = bool(start.boot_id and here and start.boot_id != here)
    if not rebooted and process_alive(start.supervisor.pid, start.supervisor.start_ticks):
        return StatusInfo("running", "", False, True)
    try:
        end = load_end(folder / layout.END)
        command = load_process(folder / layout.PROCESS)
    except ReenactError as error:
        return StatusInfo("interrupted", error.what, False, True)
    if end is not None:
        return StatusInfo(status_of_end(end), "ended, but not sealed yet", False, True)
    if rebooted:
        return StatusInfo("interrupted", "the machine was restarted while it ran", False, True)
    if command is not None and process_alive(command.pid, command.start_ticks):
        return StatusInfo("running", "reenact itself is gone; the command goes on", False, True)
    contained = load_container(folder) or {}
    if contained.get("pid") and process_alive(contained["pid"], contained.get("start_ticks")):
        return StatusInfo("running", "reenact itself is gone; its container goes on", False, True)
    return StatusInfo("interrupted", "reenact and the command are gone without a word", False, True)


def status_of_end(end: End | None) -> Status:
    """``finished``, ``failed`` or ``interrupted`` from how the command ended; None means that nobody saw it end."""
    if end is None or (end.exit_code is None and end.signal is None):
        return "interrupted"
    if end.signal is not None:
        return "interrupted" if end.signal in _STOPPED_FROM_OUTSIDE else "failed"
    return "finished" if end.exit_code == 0 else "failed"


def this_process() -> ProcessInfo:
    """The calling process."""
    return ProcessInfo(os.getpid(), start_ticks(os.getpid()))


def process_alive(pid: int, ticks: int | None) -> bool:
    """True when the process runs on this host and is the one that started at ``ticks``.

    Args:
        pid: its process id.
        ticks: field 22 of /proc/PID/stat when it was noted; None where that was not to be had, and then the pid
            alone decides.
    """
    if pid <= 0:
        return False
    stat = _proc_stat(pid)
    if stat is not None:
        state, started = stat
        return state not in ("Z", "X") and (ticks is None or ticks == started)
    if os.path.exists("/proc/self/stat"):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # there, and another user's
    return True


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None where /proc is absent or the process is gone."""
    stat = _proc_stat(pid)
    return stat[1] if stat else None


def boot_id() -> str | None:
    """Identifies this boot of this machine; None where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip() or None
    except OSError:
        return None


def _proc_stat(pid: int) -> tuple[str, int] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The second field is the name in parentheses and may hold spaces and parentheses of its own.
    fields = text[text.rfind(b")") + 2 :].split()
    try:
        return fields[0].decode(), int(fields[19])
    except (IndexError, ValueError):
        return None
