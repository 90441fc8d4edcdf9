"""How far the copy of a run has come, on disk, so that whoever goes on with it sends nothing twice.

The tracking server is the truth: without this file it is asked. What is in it is written before something is sent (``trying``), so that after a
kill at any instant it is known which points may have arrived, and only for those the server is asked.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ..record.atomic import tmp_name

STARTING, SENDING, UNREACHED, REFUSED, DONE = "starting", "sending", "unreached", "refused", "done"


class Progress(Struct):
    """Of one run in one tracking server.

    Attributes:
        run: ours.
        mlflow: its copy's id; empty before there is one.
        state: ``starting``, ``sending``, ``unreached``, ``refused`` or ``done``; ``detail`` says why.
        sources: where the points of each metric come from.
        sent: how many points of each metric have arrived for sure.
        trying: up to which point of each metric something was sent that may have arrived; None when everything may have.
        params: those that are there.
        points: how many were sent, of all metrics.
    """

    run: str
    mlflow: str = ""
    state: str = STARTING
    detail: str = ""
    sources: dict[str, str] = {}
    sent: dict[str, int] = {}
    trying: dict[str, int] | None = {}
    params: dict[str, str] = {}
    points: int = 0


class ProgressFile:
    """The file of one run and one server.

    Args:
        cache: the store's folder of caches.
        uri: the server.
        run: the run.
    """

    def __init__(self, cache: Path, uri: str, run: str) -> None:
        self._folder = cache / "mlflow" / hashlib.sha256(uri.encode()).hexdigest()[:12]
        self.path = self._folder / f"{run}.json"
        self._run = run

    def read(self) -> Progress | None:
        """What it says; None where there is none, or it cannot be read."""
        try:
            found = msgspec.convert(json.loads(self.path.read_bytes()), Progress)
        except (OSError, ValueError):
            return None
        return found if found.run == self._run else None

    def write(self, progress: Progress) -> None:
        """Replace it; not synced: after a power cut the server is asked. A disk that is full costs no more than that."""
        aside = self._folder / tmp_name(self.path.name)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(msgspec.json.encode(progress))
            os.replace(aside, self.path)
        except OSError:
            # What is there tells less than is known, which is worse than nothing.
            for path in (aside, self.path):
                try:
                    path.unlink(missing_ok=True)
                except OSError:
                    pass

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the copy of this run; False when another process does."""
        fd = -1
        try:
            import fcntl

            self._folder.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._folder / f"{self._run}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = True
        except BlockingIOError:
            mine = False
        except (ImportError, OSError):
            mine = True  # no locks here: go ahead all the same
        try:
            yield mine
        finally:
            if fd >= 0:
                os.close(fd)


def plain(progress: Progress) -> dict[str, Any]:
    """What of it a person may want to see."""
    return {name: getattr(progress, name) for name in ("run", "mlflow", "state", "detail", "points")}
