"""Room on the disks that runs, environments and images are written to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ...replay.interpreter import environments_folder
from ..row import Context, Row, Status

LITTLE = 2 << 30
TOO_LITTLE = 100 << 20
"""Bytes below which a run is likely to fill the disk."""


def check(context: Context) -> Iterator[Row]:
    places = {"the project": (context.store.root, "reenact gc, and remove what else is not needed")}
    places["the store"] = (context.store.folder, "reenact gc")
    places["environments"] = (environments_folder(), "uv cache prune")
    if context.engine is not None and not context.engine.engine.remote:
        info = context.engine.info or {}
        data = info.get("DockerRootDir") or (info.get("store") or {}).get("graphRoot")
        if data:
            places["images"] = (Path(data), f"{context.engine.engine.kind} system prune")
    seen: dict[int, str] = {}
    for what, (folder, fix) in places.items():
        place = next((above for above in (folder, *folder.parents) if above.exists()), None)
        if place is None:
            continue
        device = os.stat(place).st_dev
        # Most often all are on one disk, and one row says it.
        if device in seen:
            continue
        seen[device] = what
        yield _row(what, place, fix)


def _row(what: str, place: Path, fix: str) -> Row:
    found = os.statvfs(place)
    free = found.f_bavail * found.f_frsize
    text = f"{free / (1 << 30):.1f} GiB free for {what}, at {place}"
    status: Status = "ok"
    if free < LITTLE:
        # Only what a run writes by itself is needed for one.
        status = "missing" if free < TOO_LITTLE and what in ("the project", "the store") else "warning"
    if found.f_files and found.f_favail < 1000:
        status, text = (
            "missing" if what in ("the project", "the store") else "warning",
            f"{text}; {found.f_favail} more files at most",
        )
    return Row("disk", status, text, "" if status == "ok" else fix)
