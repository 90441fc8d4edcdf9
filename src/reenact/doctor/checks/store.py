"""Whether runs can be recorded from this folder."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from ..row import Context, Row
from ..writable import why_not_writable


def check(context: Context) -> Iterator[Row]:
    store = context.store
    folder = store.runs_folder if store.runs_folder.is_dir() else store.folder
    there = folder.is_dir()
    place = folder if there else _nearest(folder)
    why = why_not_writable(place)
    if why is not None:
        fix = f'sudo chown -R "$USER" {shlex.quote(str(place))}, or set REENACT_STORE to a folder that can be written'
        yield Row("store", "missing", f"{place} cannot be written: {why}", fix)
        return
    yield Row("store", "ok", f"{store.folder} can be written" + ("" if there else "; the first run makes it"))


def _nearest(folder: Path) -> Path:
    return next(above for above in (folder, *folder.parents) if above.exists())
