"""Images, figures, tables, texts, histograms, pages and sounds that the program logs.

``media/<process>.jsonl`` has a line for each, written with one ``os.write`` after its file, which lies in ``media/<process>/``: no
thread and no queue, so that a kill loses at most what is being logged. ``docs/record.md`` has the fields.
"""

from __future__ import annotations

import json
import os
import re
import time
from _thread import RLock
from typing import Any

from .journal import complain, identity, move_up, open_unique, still_ours
from .redact import REDACTED, redact_text, secret_name
from .state import Probe

NAME = 10_000
"""Characters of a name that are kept."""

CAPTION = 10_000

FILE = 1 << 26
"""Bytes of one file that are kept."""

_KNOWN = {
    ("PIL", "Image"): "image",
    ("matplotlib", "FigureBase"): "figure",
    ("matplotlib", "Artist"): "figure",
    ("plotly", "BaseFigure"): "figure",
    ("pandas", "DataFrame"): "table",
    ("polars", "DataFrame"): "table",
}
"""Package and name of classes whose objects need no wrapper: there is one way only to look at them."""

_kinds: dict[Any, Any] = {}


def kind_of(value: Any) -> Any:
    """The kind of what needs no wrapper; None for all else."""
    cls = type(value)
    if cls not in _kinds:
        found = (_KNOWN.get((one.__module__.partition(".")[0], one.__name__)) for one in cls.__mro__)
        _kinds[cls] = next((kind for kind in found if kind), None)
    return _kinds[cls]


class Media:
    """Append-only writer of what one process logs besides numbers. Never raises; what it could not keep is a gap.

    Args:
        probe: this process's probe.
        process: identity of the process, or of the job of a sweep.
        start: zero of its clock.
    """

    def __init__(self, probe: Probe, process: str, start: float) -> None:
        self._journal = probe.journal
        self._folder = os.path.join(probe.run_dir, "media")
        self._process = process
        self._start = start
        # Reentrant, for signal handlers.
        self._lock = RLock()
        self._path = ""
        self._fd = -1
        self._identity = (-1, -1)
        self._torn = False
        self._files: dict[bytes, str] = {}
        self._number = 0

    def add(self, name: Any, kind: str, step: int, value: Any, caption: Any = None, options: Any = None) -> None:
        """Keeps one.

        Args:
            name: any text.
            kind: one of ``reenact``'s: ``image``, ``figure``, ``table``, ``text``, ``histogram``, ``html``, ``audio``.
            step: the step that it is of.
            value: what the program has: an array, an object of a library, plain data.
            caption: a text, or None.
            options: further arguments of the kind's own.
        """
        now = round(time.monotonic() - self._start, 6)
        shown = str(name)[:200]
        try:
            fields, content, suffix = _converted(kind, value, options or {})
            if len(content) > FILE:
                raise ValueError(f"it has {len(content):,} bytes; up to {FILE:,} are kept")
            line: dict[str, Any] = {"n": redact_text(str(name)[:NAME])[0], "k": kind, "s": step, "t": now}
            if suffix == ".html":
                line["k"] = "html"  # a figure that is a page
            if caption is not None:
                line["c"] = redact_text(str(caption)[:CAPTION])[0]
            if kind == "text" and secret_name(str(name), fields["d"]):
                fields["d"] = REDACTED
            with self._lock:
                self._open()
                if suffix:
                    line["f"] = self._file(shown, step, content, suffix)
                self._write({**line, **fields})
        except OSError as problem:
            self._journal.gap("media-not-kept", f"{shown}: {kind}: {problem.strerror}")
        except Exception as problem:
            complain("media", problem)
            self._journal.gap("media-not-kept", f"{shown}: {kind}: {str(problem)[:500] or type(problem).__name__}")

    def _open(self) -> None:
        if self._fd >= 0 and still_ours(self._fd, self._identity):
            return
        if self._path:  # the program has closed it, or is at its end
            flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
            self._fd = move_up(os.open(self._path, flags))
        else:
            os.makedirs(self._folder, exist_ok=True)
            self._process, self._fd = open_unique(self._folder, self._process, ".jsonl")
            self._path = os.path.join(self._folder, self._process + ".jsonl")
        self._identity = identity(self._fd)

    def _write(self, fields: dict[str, Any]) -> None:
        data = json.dumps(fields, separators=(",", ":")).encode() + b"\n"
        if self._torn:  # the last one was cut off by a full disk
            data = b"\n" + data
        done = os.write(self._fd, data)
        self._torn = done < len(data)
        if self._torn:
            raise OSError(28, "No space left on device")

    def _file(self, name: str, step: int, content: bytes, suffix: str) -> str:
        """The file with a content, relative to the folder: one that is there already, or a new one."""
        digest = _digest(content)
        if digest in self._files:
            return self._files[digest]
        folder = os.path.join(self._folder, self._process)
        os.makedirs(folder, exist_ok=True)
        stem = f"{safe(name)}-{step}"
        try:
            file, fd = self._new(folder, stem + suffix)
        except FileExistsError:
            self._number += 1
            file, fd = self._new(folder, f"{stem}~{self._process}.{self._number}{suffix}")
        try:
            try:
                view = memoryview(content)
                while view:
                    view = view[os.write(fd, view) :]
            finally:
                os.close(fd)
        except OSError:
            os.unlink(os.path.join(folder, file))
            raise
        found = self._files[digest] = f"{self._process}/{file}"
        return found

    @staticmethod
    def _new(folder: str, file: str) -> tuple[str, int]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        return file, move_up(os.open(os.path.join(folder, file), flags, 0o644))

    def close(self) -> None:
        """Nothing more is written."""
        with self._lock:
            if self._fd >= 0 and still_ours(self._fd, self._identity):
                os.close(self._fd)
            self._fd = -1


def _digest(content: bytes) -> bytes:
    try:
        # Not hashlib: this is imported late, when a file of the program's own may be called like that.
        from _blake2 import blake2b
    except ImportError:
        from hashlib import blake2b
    return blake2b(content).digest()


def safe(name: str) -> str:
    """A file name for the name of a metric: letters, digits, ``_``, ``.`` and ``-``, up to 60 of them."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name)[:60].strip(".-") or "media"


def _converted(kind: str, value: Any, options: dict[str, Any]) -> tuple[dict[str, Any], bytes, str]:
    """Fields of the line, and the content and suffix of the file, where there is one."""
    from . import pictures, summaries

    if kind == "image":
        content, suffix = pictures.encoded(value)
        return {}, content, suffix
    if kind == "figure":
        return {}, *_figure(value)
    if kind == "html":
        if hasattr(value, "to_html"):
            return {}, *_figure(value)
        return {}, summaries.text(value, FILE)[0].encode("utf-8", "replace"), ".html"
    if kind == "audio":
        if isinstance(value, (bytes, bytearray)):
            return {}, bytes(value), ".wav"
        return {}, summaries.wave(value, options.get("rate") or 16_000), ".wav"
    data: Any
    if kind == "table":
        data, left = summaries.table(value, options.get("columns"))
    elif kind == "histogram":
        data, left = summaries.histogram(value, options.get("bins") or 64)
    elif kind == "text":
        data, left = summaries.text(value)
    else:
        raise ValueError("it is of no known kind")
    return _noted({"d": data}, left), b"", ""


def _noted(fields: dict[str, Any], left: str) -> dict[str, Any]:
    return {**fields, "left_out": left} if left else fields


def _figure(value: Any) -> tuple[bytes, str]:
    """A figure by its own method: of matplotlib as PNG, of plotly as a page."""
    from . import pictures

    if hasattr(value, "to_html"):
        # With an id of ours: plotly would draw one at random.
        page = value.to_html(include_plotlyjs="cdn", full_html=True, div_id="figure")
        return redact_text(page)[0].encode("utf-8", "replace"), ".html"
    if isinstance(value, bytes):  # drawn by somebody else already
        return pictures.encoded(value)
    if not hasattr(value, "savefig"):
        value = value.get_figure() if hasattr(value, "get_figure") else value
    if not hasattr(value, "savefig"):
        raise ValueError(f"{type(value).__name__} is no figure")
    from _io import BytesIO

    file = BytesIO()
    stale = getattr(value, "stale", None)
    value.savefig(file, format="png")
    if stale is not None:
        value.stale = stale
    return file.getvalue(), ".png"
