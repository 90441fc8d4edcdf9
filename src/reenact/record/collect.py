"""From the file events of all journals to the code, inputs, listings and outputs of a run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..errors import ReenactError
from . import layout
from .command import argv_files, main_script
from .container import Mounted
from .contents import SMALL, Contents, InputState, Stat
from .journal import JournalTail
from .meanwhile import written_meanwhile
from .places import Places, is_bytecode, is_under, source_of
from .protocols import Blobs, Hasher, View
from .scan import Scan, changed_files, scan_tree
from .schema import CodeFile, Gap, InputFile, Listing, OutputFile, Start, load_start

DECLARED = "reenact.output"
"""How an output is known that the program itself has named."""

NEIGHBOURS = 1_000
"""Files beside an input whose names are kept; of a larger folder none."""


@dataclass
class Collected:
    """The files of a run; paths are relative to the root, absolute outside it."""

    code: list[CodeFile] = field(default_factory=list)
    inputs: list[InputFile] = field(default_factory=list)
    listings: list[Listing] = field(default_factory=list)
    outputs: list[OutputFile] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    temporary: int = 0
    gaps: list[Gap] = field(default_factory=list)


class Collector:
    """Follows the journals of a run, and takes hold of contents as soon as their names are known.

    `poll` may block for as long as it takes to hash one large file: call it from a thread of its own where that
    matters. Not safe to call from two threads at once.

    Args:
        run_dir: the run folder.
        root: the project root.
        blobs: where contents are stored.
        hasher: gives digests of files that are not stored.
        view: where a replayed process's files lie for us; None when they lie where it says.
    """

    def __init__(
        self,
        run_dir: str | os.PathLike[str],
        root: str | os.PathLike[str],
        blobs: Blobs,
        hasher: Hasher,
        view: View | None = None,
    ) -> None:
        self.run_dir = Path(run_dir)
        self.root = os.path.normpath(os.path.abspath(root))
        store = self.run_dir.absolute().parent.parent
        private = [str(self.run_dir.absolute())]
        if self.run_dir.parent.name == "runs":
            private.append(str(store))
        temporary: list[str] = []
        mounted: list[str] | None = None
        self._started_ns = 0
        self._script: str | None = None
        start = None
        self._cwd = self.root
        try:
            start = load_start(self.run_dir / layout.START)
        except ReenactError:
            pass  # sealing says so; what the journals tell still counts
        else:
            temporary = [start.env[name] for name in ("TMPDIR", "TEMP", "TMP") if start.env.get(name)]
            self._started_ns = int(_seconds(start.started) * 1e9)
            self._script = main_script(start)
            self._cwd = os.path.normpath(start.cwd)
            if start.container is not None:
                mounted = [str(mount["target"]) for mount in start.container["mounts"]]
                view = view or Mounted(start)
        self._scan = view.scan if view is not None else lambda: scan_tree(self.root)
        self.places = Places(self.root, private, temporary, mounted)
        self._contents = Contents(self.run_dir, self.places, blobs, hasher, view)
        self._tails: dict[str, JournalTail] = {}
        self._clocks: dict[str, float] = {}
        self._held: list[tuple[float, str, dict[str, Any]]] = []
        self._inputs: dict[str, InputState] = {}
        self._written: dict[str, str] = {}
        self._writers: dict[str, set[str]] = {}
        self._existed: dict[str, bool] = {}
        self._temporary: set[str] = set()
        self._listings: dict[str, list[str]] = {}
        self._made: dict[str, None] = {}
        self._removed: dict[str, None] = {}
        self._inside: dict[str, None] = {}
        if self._script:
            self._inputs[self._script] = InputState(self._script, "script", None, "", True)
        if start is not None and start.kind == "command":
            self._take_argv(start)

    def _take_argv(self, start: Start) -> None:
        """Programs, shell scripts and files of the project that the command line names: no probe tells of them."""
        for path, program in argv_files(start, self._contents.place):
            if not self.places.in_root(path) or self.places.ignored(path) or path in self._inputs:
                continue
            try:
                info = os.stat(self._contents.place(path))
            except OSError:
                continue
            small = info.st_size <= SMALL
            st = None if small else (info.st_ino, info.st_size, info.st_mtime_ns)
            state = self._inputs[path] = InputState(path, "argv", st, "", program and small)
            if small:
                self._contents.take(state)  # now, before the command may write there

    def poll(self, budget: float | None = None) -> None:
        """Read what the journals have gained, and hash and store what it names. Never raises.

        Args:
            budget: start no further file after this many seconds; the next call goes on. No limit when None.
        """
        began = time.time()
        self._read(cutoff=began)
        deadline = None if budget is None else time.monotonic() + budget
        for state in self._inputs.values():
            if deadline is not None and time.monotonic() > deadline:
                return
            self._contents.take(state)

    def saw_open(self, files: Iterable[tuple[str, str]]) -> None:
        """Note files that a process holds open, seen from outside: what C code opened without Python's knowledge.

        Args:
            files: (absolute path, op) with op ``r``, ``w``, ``a`` or ``u``.
        """
        for path, op in files:
            if self.places.ignored(path) or path in self._writers:
                continue
            if op != "r":
                self._write(path, "open", "open")
            elif path not in self._inputs and source_of(path) is None:
                try:
                    found = os.stat(path)
                except OSError:
                    continue
                self._use(path, "open", (found.st_ino, found.st_size, found.st_mtime_ns), "r", "open")

    def finish(self, before: Scan | None = None) -> Collected:
        """Read the journals to their ends, and take the outputs as they are now. Never raises; idempotent.

        Args:
            before: `scan_tree` of the root from before the command started; without it, files that were written by
                other means than Python's go unseen.
        """
        self._read(cutoff=None)
        result = Collected()
        for state in self._inputs.values():
            self._contents.take(state)
            if not state.code and self._is_own_work(state):
                continue
            kept, gap = self._contents.conclude(state)
            if gap:
                result.gaps.append(gap)
            if isinstance(kept, CodeFile):
                result.code.append(kept)
            elif kept is not None:
                result.inputs.append(kept)
        for path, entries in self._listings.items():
            result.listings.append(Listing(self.places.relative(path), entries))
        if before is not None:
            result.listings += self._neighbours(before)
        candidates = dict(self._written)
        if before is not None:
            after = self._scan()
            if before.truncated or after.truncated:
                detail = f"more than {len(before.files if before.truncated else after.files)} files below the root"
                result.gaps.append(Gap("tree-scan-truncated", detail))
            unseen = [path for path in changed_files(before, after) if path not in candidates]
            others = written_meanwhile(self.run_dir.absolute(), self._started_ns / 1e9) if unseen else set()
            for path in unseen:
                # A program seldom writes its own source; people do, while it runs.
                if path in others or (path in before.files and source_of(path) is not None):
                    continue
                candidates[path] = "scan"
                self._existed.setdefault(path, path in before.files)
        for path in sorted(candidates):
            if before is not None and self.places.in_root(path) and not before.truncated:
                self._existed[path] = path in before.files
            if self.places.ignored(path) or is_bytecode(path):
                continue
            if self.places.is_scratch(path) or (self.places.is_temporary(path) and not self._there(path)):
                self._temporary.add(path)
                continue
            output, gap = self._contents.output(path, candidates[path], self._existed.get(path, False))
            if gap:
                result.gaps.append(gap)
            if output:
                result.outputs.append(output)
                if not self.places.in_root(path):
                    result.outside.append(path)
        result.gaps += [
            Gap("output-not-kept", f"{path}: it is no file of the project or of what is mounted")
            for path in self._inside
        ]
        result.temporary = len(self._temporary)
        existing = [state.path for state in self._inputs.values() if state.code or not self._is_own_work(state)]
        existing += before.files if before else []
        result.made = [
            self.places.relative(path)
            for path in self._made
            # The event comes before the call, which fails where the folder is there: makedirs(exist_ok=True).
            if not self._hidden(path) and not any(is_under(known, path) for known in existing)
        ]
        result.removed = [self.places.relative(path) for path in self._removed if not self._hidden(path)]
        for kind in (result.code, result.inputs, result.listings):
            kind.sort(key=lambda entry: entry.path)
        return result

    def _neighbours(self, before: Scan) -> list[Listing]:
        """What lay beside the inputs, and in the working directory: programs look whether files are there.

        Asking for a file's existence raises no event, so that a replay could not know of it otherwise.
        """
        folders = {os.path.dirname(state.path) for state in self._inputs.values() if not state.code}
        folders.add(self._cwd)
        wanted = {folder for folder in folders if self.places.in_root(folder) and folder not in self._listings}
        names: dict[str, list[str]] = {}
        for path in before.files:
            folder, name = os.path.split(path)
            if folder in wanted:
                names.setdefault(folder, []).append(name)
        return [
            Listing(self.places.relative(folder), sorted(entries), beside=True)
            for folder, entries in sorted(names.items())
            if len(entries) <= NEIGHBOURS
        ]

    def _there(self, path: str) -> bool:
        return os.path.isfile(self._contents.place(path))

    def _is_own_work(self, state: InputState) -> bool:
        # The order of events is exact in one process only. A file that another process of the run wrote, and that was
        # newer than the run when it was read, was read after it was written.
        others = self._writers.get(state.path, set()) - {state.process}
        return bool(others) and state.st is not None and state.st[2] >= self._started_ns > 0

    def _hidden(self, path: str) -> bool:
        return self.places.ignored(path) or self.places.is_temporary(path) or "__pycache__" in path.split("/")

    def _read(self, cutoff: float | None) -> None:
        events: list[tuple[float, str, dict[str, Any]]] = self._held
        self._held = []
        for path in sorted((self.run_dir / layout.JOURNAL).glob("*.jsonl")):
            tail = self._tails.setdefault(path.name, JournalTail(path))
            for event in tail.finish() if cutoff is None else tail.poll():
                if event["e"] == "start":
                    self._clocks[path.name] = _seconds(str(event.get("time", "")))
                    self.places.add_start(event)
                elif event["e"] in ("file", "save"):
                    t = event.get("t")
                    offset = float(t) if isinstance(t, (int, float)) else 0.0
                    events.append((self._clocks.get(path.name, 0.0) + offset, path.name, event))
        events.sort(key=lambda item: item[0])  # stable: the order within one process stays
        for when, name, event in events:
            # What is newer than this reading waits: another journal, read earlier, may hold something before it.
            if cutoff is not None and when >= cutoff:
                self._held.append((when, name, event))
            else:
                self._handle(event, name)

    def _handle(self, event: dict[str, Any], process: str) -> None:
        path = event.get("path")
        if not isinstance(path, str) or not os.path.isabs(path):
            return
        path = os.path.normpath(path)
        how = str(event.get("via") or "audit")
        if event["e"] == "save":
            self._write(path, "save", process)
            return
        op = event.get("op")
        before = _stat_of(event.get("st"))
        if op in ("r", "u", "a"):
            self._use(path, how, before, op, process)
        if how == DECLARED and self.places.ignored(path):
            self._inside[path] = None
        if op in ("w", "u", "a"):
            self._existed.setdefault(path, before is not None)
            self._write(path, how, process)
        elif op == "rename":
            self._rename(path, event.get("to"), before, process)
        elif op == "remove":
            self._remove(path, before)
        elif op == "mkdir":
            if before is None:
                self._made[path] = None
        elif op == "list":
            entries = event.get("entries")
            if isinstance(entries, list) and path not in self._listings and not self._hidden(path):
                self._listings[path] = [str(entry) for entry in entries]
        pre = event.get("pre")
        if isinstance(pre, str):
            # Of a rename, it is the target that was overwritten.
            state = self._inputs.get(os.path.normpath(str(event.get("to"))) if op == "rename" else path)
            if state is not None and state.pre is None:
                state.pre = os.path.basename(pre)

    def _use(self, path: str, how: str, before: Stat | None, op: str, process: str) -> None:
        """The run depends on what is at ``path`` before it wrote there."""
        if before is None or path in self._written or self.places.ignored(path):
            return
        source = source_of(path)
        if source is not None and op == "r":
            if source in self._written:
                return
            code = self.places.in_root(source)
            state = self._inputs.get(source)
            if state is None:
                pyc = path if source != path else None
                self._inputs[source] = InputState(source, how, None if pyc else before, process, code, pyc)
            elif state.st is None and source == path:
                state.st = before  # the script: known by name from the start, by its stat only now
            return
        if path not in self._inputs:
            self._inputs[path] = InputState(path, how, before, process)

    def _write(self, path: str, how: str, process: str) -> None:
        self._written.setdefault(path, how)
        self._writers.setdefault(path, set()).add(process)
        self._removed.pop(path, None)

    def _rename(self, source: str, to: Any, before: Stat | None, process: str) -> None:
        if not isinstance(to, str) or not os.path.isabs(to):
            return
        target = os.path.normpath(to)
        moved = {path: target + path[len(source) :] for path in self._written if is_under(path, source)}
        for old, new in moved.items():
            self._written[new] = self._written.pop(old)
            self._writers.setdefault(new, set()).add(process)
            if self.places.is_temporary(old):
                self._temporary.add(old)
        if source not in moved:
            if before is not None and not self.places.ignored(source):
                self._inputs.setdefault(source, InputState(source, "rename", before, process))
                self._removed[source] = None
            self._write(target, "rename", process)
        for state in self._inputs.values():
            if is_under(state.location, source):
                state.location = target + state.location[len(source) :]

    def _remove(self, path: str, before: Stat | None) -> None:
        gone = [known for known in self._written if is_under(known, path)]
        for known in gone:
            del self._written[known]
            if self.places.is_temporary(known):
                self._temporary.add(known)
        if not gone and before is not None and path not in self._writers:
            self._removed[path] = None


def _stat_of(value: Any) -> Stat | None:
    if isinstance(value, list) and len(value) >= 3 and all(isinstance(part, int) for part in value[:3]):
        return (value[0], value[1], value[2])
    return None


def _seconds(iso: str) -> float:
    """Seconds since 1970 of a UTC ISO time; 0.0 when it is not one."""
    try:
        return datetime.fromisoformat(iso.replace("Z", "+00:00")).astimezone(timezone.utc).timestamp()
    except ValueError:
        return 0.0
