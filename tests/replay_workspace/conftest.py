"""A small project on disk, its record as plain data, and a fork/exec of a workspace's command."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reenact.replay import sandbox
from reenact.replay.recorded import CodeFile, InputFile, Listing, OutputFile, Recorded
from reenact.replay.workspace import Workspace, build

BIG = 2 << 20

SHOW = """
import json, os, sys
seen = [os.getcwd(), __file__, sys.argv, os.path.realpath(__file__), sys.path[0], sys.prefix, sys.executable]
print(json.dumps(seen))
"""


def digest_of(path: str | Path) -> str:
    return "sha256:" + hashlib.sha256(Path(path).read_bytes()).hexdigest()


def snapshot(*folders: Path, skip: Iterable[Path] = ()) -> dict[str, tuple[object, ...]]:
    """Every file, link and folder with its content, times, inode and mode."""
    found: dict[str, tuple[object, ...]] = {}
    left_out = {str(path) for path in skip}
    waiting = [str(folder) for folder in folders]
    while waiting:
        path = waiting.pop()
        if path in left_out:
            continue
        status = os.lstat(path)
        content: object = None
        if os.path.islink(path):
            content = os.readlink(path)
        elif os.path.isdir(path):
            names = sorted(os.listdir(path))
            content = [name for name in names if os.path.join(path, name) not in left_out]
            waiting += [os.path.join(path, name) for name in names]
        else:
            content = digest_of(path)
        # A folder that holds reenact's own store changes its time when a run folder is made in it.
        mtime = None if any(is_above(path, other) for other in left_out) else status.st_mtime_ns
        found[path] = (status.st_ino, status.st_mode, mtime, content)
    return found


def is_above(folder: str, path: str) -> bool:
    return path.startswith(folder + "/")


@dataclass
class Outcome:
    code: int
    text: str


@dataclass
class Project:
    """A project folder, a store of blobs, and a record that grows."""

    root: Path
    home: Path
    store: Path
    code: list[CodeFile] = field(default_factory=list)
    inputs: list[InputFile] = field(default_factory=list)
    listings: list[Listing] = field(default_factory=list)
    outputs: list[OutputFile] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    editables: list[str] = field(default_factory=list)
    spaces: list[Workspace] = field(default_factory=list)

    @property
    def run_folder(self) -> Path:
        return self.root / ".reenact" / "runs" / "candidate"

    def write(self, path: str | Path, data: str | bytes, *, mode: int = 0o644) -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data.encode() if isinstance(data, str) else data)
        place.chmod(mode)
        return place

    def keep(self, place: Path) -> str:
        digest = digest_of(place)
        self.store.mkdir(parents=True, exist_ok=True)
        (self.store / digest[7:]).write_bytes(place.read_bytes())
        return digest

    def add_code(self, path: str, text: str, *, mode: int = 0o644) -> None:
        place = self.write(path, text, mode=mode)
        self.code.append(CodeFile(path, self.keep(place), place.stat().st_size))

    def add_input(self, path: str, data: str | bytes, *, keep: bool = False, mode: int = 0o644) -> Path:
        place = self.write(path, data, mode=mode)
        self.note_input(path, keep=keep)
        return place

    def note_input(self, path: str, *, keep: bool = False) -> None:
        place = self.root / path
        status = place.stat()
        digest = self.keep(place) if keep else digest_of(place)
        self.inputs.append(InputFile(path, digest, status.st_size, status.st_mtime_ns))

    def blob_path(self, digest: str) -> Path | None:
        place = self.store / digest[7:]
        return place if place.exists() else None

    def recorded(self, *argv: str, cwd: str = ".", root: Path | None = None) -> Recorded:
        return Recorded(
            root=str(root or self.root),
            cwd=cwd,
            argv=(sys.executable, *argv),
            code=tuple(self.code),
            inputs=tuple(self.inputs),
            listings=tuple(self.listings),
            outputs=tuple(self.outputs),
            made=tuple(self.made),
            removed=tuple(self.removed),
            outside=tuple(self.outside),
            prefixes=(sys.prefix, sys.base_prefix, *self.prefixes),
            editables=tuple(self.editables),
        )

    def build(self, recorded: Recorded, *, isolation: str | None = None, root: Path | None = None) -> Workspace:
        now = root or self.root
        run_folder = now / ".reenact" / "runs" / "candidate"
        run_folder.mkdir(parents=True, exist_ok=True)
        target = now / ".reenact" / "tmp" / f"workspace-{len(self.spaces)}"
        space = build(
            recorded,
            target,
            root=now,
            blob_path=self.blob_path,
            digest_of=digest_of,
            environ={"HOME": str(self.home), "PATH": os.environ["PATH"]},
            writable=[run_folder],
            isolation=isolation,  # type: ignore[arg-type]
        )
        self.spaces.append(space)
        return space

    def execute(self, space: Workspace) -> Outcome:
        """Fork, enter, exec, wait; what it printed."""
        log = self.store.parent / "log.txt"
        environ = {"HOME": str(self.home), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
        environ.update(space.env_changes)
        pid = os.fork()
        if pid == 0:
            try:
                out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(out, 1)
                os.dup2(out, 2)
                os.chdir(space.start_cwd)
                if space.pre_exec is not None:
                    space.pre_exec()
                os.execve(space.argv[0], space.argv, environ)
            except BaseException:
                os.write(2, traceback.format_exc().encode())
            finally:
                os._exit(99)
        _, status = os.waitpid(pid, 0)
        return Outcome(os.waitstatus_to_exitcode(status), log.read_text(errors="surrogateescape"))


@pytest.fixture
def project(tmp_path: Path) -> Iterable[Project]:
    root = tmp_path / "home" / "a project"
    root.mkdir(parents=True)
    made = Project(root, tmp_path / "home", tmp_path / "store" / "blobs")
    made.store.mkdir(parents=True)
    yield made
    for space in made.spaces:
        space.cleanup()


def kinds() -> list[str]:
    """The ways of isolating that work here; the user namespace is tried as root too."""
    found = ["folder"]
    for kind in ("mount", "user"):
        try:
            if sys.platform.startswith("linux") and sandbox.Sandbox(kind, [], [], [], "/").rehearse() is None:
                found.append(kind)
        except OSError:
            pass
    return found


@pytest.fixture(params=["mount", "user", "folder"])
def isolation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every level in turn, as the value for ``build(isolation=)``."""
    if request.param not in kinds():
        pytest.skip(f"this kernel gives us no {request.param} namespace")
    if request.param == "folder":
        return "folder"
    monkeypatch.setattr(sandbox, "available", lambda: request.param)
    return "namespace"


@pytest.fixture(params=["mount", "user"])
def namespace(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each kind of namespace in turn."""
    if request.param not in kinds():
        pytest.skip(f"this kernel gives us no {request.param} namespace")
    monkeypatch.setattr(sandbox, "available", lambda: request.param)
    return "namespace"


def bare(project: Project, *argv: str, cwd: Path | None = None) -> str:
    return subprocess.run(
        [sys.executable, *argv], cwd=cwd or project.root, capture_output=True, text=True, check=True
    ).stdout
