"""What the page asks for, and what it may change: labels, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ..errors import ReenactError
from ..record import layout
from ..record.ids import RUN_ID
from ..record.labels import Labels, read_labels, write_labels
from ..record.media import Media, read_media
from ..record.status import run_status
from ..report.compare import run_marks
from ..report.page import document
from ..report.page.markup import el, join
from ..report.page.media import Source, media
from ..report.page.report import curves_section, divergence, report, run_sections
from ..report.page.sidebyside import side_by_side
from ..store.project import Store
from ..store.refs import check_name
from .assets import asset
from .curves import Curves
from .runs import Runs, told
from .server import Answer, answer

_ASSETS = {
    "/assets/chart.js": ("text/javascript; charset=utf-8", lambda: document.asset("chart.js")),
    "/assets/style.css": ("text/css; charset=utf-8", lambda: document.asset("style.css")),
    "/assets/ui.js": ("text/javascript; charset=utf-8", lambda: asset("ui.js")),
    "/assets/ui.css": ("text/css; charset=utf-8", lambda: asset("ui.css")),
}
_MEDIA = {
    **{".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp"},
    **{".svg": "image/svg+xml", ".html": "text/html; charset=utf-8", ".wav": "audio/wav"},
}
_HTML = "text/html; charset=utf-8"
_POINTS, _MOST_POINTS = 600, 4000
_MOST_ROWS = 1000
_NAMES = 2000
_MOST_RUNS = 200
_PIECE = 256_000
_LONGEST = 20_000


class Page:
    """The site of one store.

    Args:
        store: whose runs.
        writable: whether labels may be changed.
        links: addresses of other pages of the same runs, by their names.
    """

    def __init__(self, store: Store, *, writable: bool = True, links: Mapping[str, str] | None = None) -> None:
        self.store = store
        self.runs = Runs(store)
        self.curves = Curves(store)
        self._writable = writable
        self._links = dict(links or {})

    def close(self) -> None:
        """Close the index."""
        self.runs.close()

    def get(self, path: str, query: Mapping[str, str]) -> Answer | None:
        """See `server.Site`."""
        if path == "/":
            return Answer(asset("ui.html").encode(), _HTML)
        if path in _ASSETS:
            kind, text = _ASSETS[path]
            return Answer(text().encode(), kind)
        name = path.removeprefix("/api/")
        found = getattr(self, f"_get_{name}", None) if path.startswith("/api/") and name.isidentifier() else None
        made: Answer | None = found(query) if found is not None else None
        return made

    def post(self, path: str, data: Mapping[str, Any]) -> Answer | None:
        """See `server.Site`."""
        if path != "/api/labels":
            return None
        if not self._writable:
            raise ReenactError("read-only", "this page was started with --read-only")
        folder = self.store.run_dir(self._known(str(data.get("run"))))
        now = read_labels(folder)
        name, note, tags = (data.get(key, getattr(now, key)) for key in ("name", "note", "tags"))
        if not isinstance(tags, list) or not all(
            isinstance(tag, str) and tag.strip() and tag.isprintable() for tag in tags
        ):
            raise ReenactError("bad-tag", "a tag is printable text that is not blank")
        for text in (name, note):
            if text is not None and (not isinstance(text, str) or len(text) > _LONGEST):
                raise ReenactError("bad-label", f"a name or a note is text of at most {_LONGEST:,} characters")
        name = (name or "").strip() or None
        if name is not None and not name.isprintable():
            raise ReenactError("bad-label", "a name is printable text on one line")
        check_name(name)
        write_labels(folder, Labels(name, [tag.strip() for tag in tags], (note or "").strip() or None))
        return answer({"run": folder.name, "name": name, "tags": tags, "note": note})

    def _get_project(self, query: Mapping[str, str]) -> Answer:
        return answer({"project": self.store.root.name, "writable": self._writable, "links": self._links})

    def _get_names(self, query: Mapping[str, str]) -> Answer:
        return answer(self.runs.ask(lambda index: index.names(_NAMES)))

    def _get_runs(self, query: Mapping[str, str]) -> Answer:
        limit = min(_number(query, "limit", 100), _MOST_ROWS)
        columns = _words(query.get("columns"))
        self.runs.check_columns(columns)
        sort = query.get("sort") or None
        version = self.runs.version()
        rows, total = self.runs.page(query.get("where", ""), sort, _number(query, "offset", 0), limit, "all" in query)
        return answer({"version": version, "total": total, **told(rows, columns)})

    def _get_version(self, query: Mapping[str, str]) -> Answer:
        return answer({"version": self.runs.version()})

    def _get_groups(self, query: Mapping[str, str]) -> Answer:
        metrics = _words(query.get("metrics"))
        self.runs.check_columns(metrics)
        return answer(self.runs.groups(query.get("where", ""), query.get("key", ""), metrics, "all" in query))

    def _get_curves(self, query: Mapping[str, str]) -> Answer:
        runs = self._named(query)
        points = min(_number(query, "points", _POINTS), _MOST_POINTS)
        if "from" in query:
            low, high = _number(query, "from", 0), _number(query, "to", 0)
            return answer({"curves": self.curves.stretch(runs, query.get("metric", ""), low, high, points)})
        panels = self.curves.panels(runs, _words(query.get("metrics")), points)
        folders = [self.store.run_dir(run) for run in runs]
        running = any(run_status(folder).status == "running" for folder in folders)
        logged = sum(_size(path) for folder in folders for path in (folder / layout.MEDIA).glob("*.jsonl"))
        return answer({"panels": panels, "running": running, "media": logged})

    def _get_run(self, query: Mapping[str, str]) -> Answer:
        run = self._known(query.get("run", ""))
        folder = self.store.run_dir(run)
        sealed = (folder / layout.MANIFEST).exists()
        curves = curves_section()
        labels = read_labels(folder)
        return answer(
            {
                "html": join(run_sections(self.store, run, curves, self._source(run))),
                "running": not sealed and run_status(folder).status == "running",
                "label": labels.name or run,
                "labels": {"name": labels.name, "tags": labels.tags, "note": labels.note},
                "log": _size(folder / layout.LOG),
            }
        )

    def _get_logged(self, query: Mapping[str, str]) -> Answer:
        run = self._known(query.get("run", ""))
        return answer({"html": media(read_media(self.store.run_dir(run)), self._source(run))})

    def _get_media(self, query: Mapping[str, str]) -> Answer:
        folder = self.store.run_dir(self._known(query.get("run", ""))) / layout.MEDIA
        path = Path(os.path.normpath(folder / query.get("file", "")))
        kind = _MEDIA.get(path.suffix.lower())
        if kind is None or not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            raise ReenactError("unknown-file", "the run has no such file")
        return Answer(path.read_bytes(), kind, foreign=True)

    def _source(self, run: str) -> Source:
        folder = self.store.run_dir(run) / layout.MEDIA

        def address(one: Media) -> str | None:
            if one.path is None:
                return None
            return "/api/media?" + urlencode({"run": run, "file": os.path.relpath(one.path, folder)})

        return address

    def _get_compare(self, query: Mapping[str, str]) -> Answer:
        rows = self.runs.rows(self._named(query))
        marks = run_marks(len(rows))
        curves = curves_section()
        parts = side_by_side(rows, marks, curves, "#/run/")
        if len(rows) == 2:
            parts = [parts[0], el("div", id="why"), *parts[1:], el("div", id="differences")]
        names = [f"{mark} {row.name or row.id}" for mark, row in zip(marks, rows)]
        return answer({"html": join(parts), "names": names})

    def _get_diff(self, query: Mapping[str, str]) -> Answer:
        a, b = self._known(query.get("a", "")), self._known(query.get("b", ""))
        why, differences = divergence(self.store, a, b, ("A", "B"))
        return answer({"why": why, "differences": differences})

    def _get_log(self, query: Mapping[str, str]) -> Answer:
        folder = self.store.run_dir(self._known(query.get("run", "")))
        # Asked before it is read, so that what was written up to the end is told.
        running = run_status(folder).status == "running"
        at = max(0, _number(query, "from", 0))
        try:
            with open(folder / layout.LOG, "rb") as file:
                file.seek(at)
                data = file.read(_PIECE)
        except OSError:
            data = b""
        # What is torn off in the middle of a character comes the next time.
        whole = data if len(data) < 4 or not running else data[: len(data) - _torn(data)]
        return answer({"text": whole.decode("utf-8", "replace"), "next": at + len(whole), "running": running})

    def _get_report(self, query: Mapping[str, str]) -> Answer:
        rows = self.runs.rows(self._named(query))
        text = report(self.store, rows)
        more = f"-and-{len(rows) - 1}-more" if len(rows) > 1 else ""
        return Answer(text.encode("utf-8", "replace"), _HTML, foreign=True, name=f"report-{rows[0].id}{more}.html")

    def _named(self, query: Mapping[str, str]) -> list[str]:
        runs = [self._known(run) for run in dict.fromkeys(_words(query.get("runs")))]
        if not 0 < len(runs) <= _MOST_RUNS:
            raise ReenactError("bad-request", f"{len(runs)} runs are named", valid=f"1 to {_MOST_RUNS}")
        return runs

    def _known(self, run: str) -> str:
        """The id, if there is such a run: nothing else becomes part of a path."""
        folder = self.store.run_dir(run) if RUN_ID.fullmatch(run) else None
        if folder is None or not any((folder / name).exists() for name in (layout.START, layout.MANIFEST)):
            raise ReenactError("unknown-run", f"there is no run {run!r}")
        return run


def _words(text: str | None) -> list[str]:
    """Names, one a line: they may have commas in them."""
    return [word for word in (text or "").split("\n") if word]


def _number(query: Mapping[str, str], key: str, default: int) -> int:
    try:
        return int(query.get(key) or default)
    except ValueError:
        raise ReenactError("bad-request", f"{key} is no whole number: {query[key]!r}") from None


def _size(path: os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _torn(data: bytes) -> int:
    """How many bytes at the end are the beginning of a character."""
    for back in range(1, 4):
        byte = data[-back]
        if byte & 0xC0 == 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return back if back < length else 0
        if byte & 0x80 == 0:
            return 0
    return 0
