"""A run copied while it goes on, by a process of its own beside reenact's: the training knows nothing of it and never waits for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from ..errors import ReenactError
from ..record import layout
from ..record.status import run_status
from ..store.index import Index
from ..store.project import Store
from . import progress as states
from .files import Extra
from .mlflow import Copy, Mirror, jobs_of, trials_of
from .progress import Progress, ProgressFile
from .settings import Settings, shown

PAUSE = 1.0
"""Seconds between two batches."""

LONGEST_PAUSE = 60.0
"""Seconds between two tries at a server that is down."""


@dataclass
class Started:
    """A process that copies a run; see `start`."""

    run: str
    uri: str
    process: subprocess.Popen[bytes]
    file: ProgressFile
    log: Path

    def wait(self, seconds: float) -> Progress:
        """Wait until the copy is whole, the server cannot be reached or refuses, or the time is over; how far it is then."""
        deadline = time.monotonic() + seconds
        while True:
            ended = self.process.poll() is not None
            progress = self.file.read() or Progress(self.run)
            if ended and progress.state not in (states.DONE, states.UNREACHED, states.REFUSED):
                progress.state, progress.detail = states.REFUSED, self._last_words()
            if ended or progress.state in (states.UNREACHED, states.REFUSED) or time.monotonic() > deadline:
                return progress
            time.sleep(0.05)

    def _last_words(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "the process that copies it has died"


def start(store: Store, run: str, settings: Settings, words: Sequence[str]) -> Started:
    """Start the process that follows a run; it goes on without us.

    Args:
        words: the command that ends up in `main`.

    Raises:
        OSError: it cannot be started.
    """
    assert settings.uri is not None
    file = ProgressFile(store.folder / "cache", settings.uri, run)
    file.path.parent.mkdir(parents=True, exist_ok=True)
    log = file.path.with_suffix(".log")
    told = {"root": str(store.root), "folder": str(store.folder), "run": run, "settings": asdict(settings)}
    with open(log, "wb") as sink:
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=sink,
            cwd=store.folder,  # not the project: its modules are not ours to import
            start_new_session=True,
        )
    assert process.stdin is not None
    try:
        # Not on the command line: an address may hold a password.
        process.stdin.write(json.dumps(told).encode())
        process.stdin.close()
    except BrokenPipeError:
        pass
    return Started(run, settings.uri, process, file, log)


def main(extras: tuple[Extra, ...] = ()) -> int:
    """The life of that process: what to do comes on stdin; 0 once the copy is whole."""
    # Its parent may have blocked some of them for itself.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        os.nice(10)
    except OSError:
        pass
    told: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    store = Store(told["root"], told["folder"])
    settings = msgspec.convert(told["settings"], Settings)
    try:
        follow(store, told["run"], settings, extras)
    except ReenactError as error:
        sys.stderr.write(f"{error.what}\n")
        return error.exit_code
    return 0


def follow(store: Store, run: str, settings: Settings, extras: tuple[Extra, ...] = ()) -> None:
    """Copy a run until it is over and all of it is there, and its trials after it.

    A server that cannot be reached is asked again, ever more seldom, until ``settings.patience`` seconds after the end of the run.

    Raises:
        ReenactError: it could not be reached to the last, or refuses; `Mirror.copy` goes on later.
    """
    mirror = Mirror(store, settings, extras)
    patience = _Patience(store, run, settings.patience)
    while True:
        try:
            # Held while there is something to do only: somebody who has started the server need not wait for our next try.
            with mirror.begin(run).file.held() as mine:
                if mine:
                    _send(mirror, store, run, patience)
                    break
            if patience.spent():
                return
        except ReenactError as error:
            if error.slug != "no-tracking-server" or patience.spent():
                raise
        patience.failed()
    for trial in trials_of(store, run):
        while True:
            try:
                mirror.copy(trial)
                break
            except ReenactError as error:
                if error.slug not in ("no-tracking-server", "being-mirrored") or patience.spent():
                    raise
                patience.failed()


def _send(mirror: Mirror, store: Store, run: str, patience: _Patience) -> None:
    """Send what there is until the run is over and all of it is there."""
    copy = mirror.begin(run)
    jobs: dict[int, Copy] = {}
    while True:
        over = patience.over()
        if copy.step():
            return
        for number in jobs_of(store, run):
            if number not in jobs:
                jobs[number] = mirror.begin_job(copy, number)
            jobs[number].step()
        patience.answered()
        if over and not (store.run_dir(run) / layout.MANIFEST).exists():
            raise ReenactError("not-sealed", f"the run {run} could not be sealed")
        time.sleep(PAUSE)


class _Patience:
    """How long a server is waited for."""

    def __init__(self, store: Store, run: str, seconds: float) -> None:
        self._store = store
        self._folder = store.run_dir(run)
        self._seconds = seconds
        self._pause = PAUSE
        self._ended: float | None = None

    def over(self) -> bool:
        """True once the run has ended; it is sealed then, if its own reenact no longer can."""
        if not (self._folder / layout.START).exists():
            raise ReenactError("unknown-run", f"the run {self._folder.name} has been removed")
        status = run_status(self._folder)
        if status.status == "running":
            return False
        if not status.sealed:
            with Index(self._store):  # as any command does that lists runs
                pass
        if self._ended is None:
            self._ended = time.monotonic()
        return True

    def answered(self) -> None:
        self._pause = PAUSE

    def failed(self) -> None:
        """Wait; a little at a time, so that the end of the run is noticed."""
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        deadline = time.monotonic() + self._pause
        while time.monotonic() < deadline:
            time.sleep(0.2)
            if self._ended is None and (self._folder / layout.MANIFEST).exists():
                self._ended = time.monotonic()
                return

    def spent(self) -> bool:
        return self.over() and self._ended is not None and time.monotonic() - self._ended > self._seconds


def outcome(progress: Progress, uri: str) -> str:
    """What a person is told at the end of a run."""
    later = f"`reenact mirror mlflow {progress.run}` goes on with it"
    if progress.state == states.DONE:
        return f"copied to MLflow at {shown(uri)}"
    if progress.state == states.REFUSED:
        return f"not copied to MLflow: {progress.detail}; {later}"
    if progress.state == states.UNREACHED:
        return f"not copied to MLflow yet: {progress.detail}; it is tried again for a while, and {later}"
    return f"still being copied to MLflow at {shown(uri)}; {later} if that is cut short"
