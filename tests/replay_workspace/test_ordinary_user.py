"""The namespace level as a user without any rights: locked mounts, foreign files, overlays and cleanup differ there."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reenact.replay import sandbox
from reenact.replay.workspace import Workspace

from .conftest import BIG, Project, snapshot

NOBODY = 65534
PR_SET_DUMPABLE = 4
NO_NAMESPACE = "ordinary users get no namespace here"


@pytest.fixture
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="reenact-test-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_nobody(work: Callable[[], None], spaces: list[Workspace]) -> str:
    """Run ``work`` in a child that has given up its rights; the traceback, or nothing when it went well."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            # A process that gave up root is guarded from itself; one started by an ordinary user is not.
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
            sandbox.available.cache_clear()
            tempfile.tempdir = "/var/tmp"
            try:
                work()
            finally:
                for space in spaces:
                    space.cleanup()
        except BaseException:
            os.write(writer, traceback.format_exc().encode()[-3000:])
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        told = stream.read().decode()
    os.waitpid(pid, 0)
    return told


SCRIPT = """#!/bin/sh
pwd; id -u
rm -f data/big.bin 2>/dev/null || echo kept
echo x >> data/big.bin || echo refused
echo x >> "$HOME/.config/tool.ini"
echo x > "$HOME/made"
echo x > "$PWD/absolute.txt"
echo x >> foreign/readable 2>/dev/null || echo foreign
umount "$PWD" 2>/dev/null || echo mounted
"""


@pytest.mark.skipif(os.geteuid() != 0 or not sys.platform.startswith("linux"), reason="needs root, to become nobody")
def test_without_rights(place: Path) -> None:
    home = place / "home"
    project = Project(home / "a project", home, place / "store" / "blobs")
    project.store.mkdir(parents=True)
    project.add_code("go.sh", SCRIPT, mode=0o755)
    project.add_input("data/big.bin", os.urandom(BIG))
    project.add_input("foreign/readable", "root's")
    (home / ".config").mkdir()
    (home / ".config" / "tool.ini").write_text("mine\n")
    project.outside = [str(home / ".config" / "tool.ini"), str(home / "made")]
    for folder, _, names in os.walk(place):
        os.chown(folder, NOBODY, NOBODY)
        for name in names:
            os.chown(os.path.join(folder, name), NOBODY, NOBODY)
    os.chown(project.root / "foreign" / "readable", 0, 0)

    def work() -> None:
        if sandbox.available() is None:
            raise RuntimeError(NO_NAMESPACE)
        recorded = project.recorded()
        recorded = type(recorded)(**{**recorded.__dict__, "argv": (str(project.root / "go.sh"),), "prefixes": ()})
        space = project.build(recorded)
        assert space.isolation == "namespace", space.notes
        skip = [project.root / ".reenact"]
        before = snapshot(home, skip=skip)
        outcome = project.execute(space)
        told = [line for line in outcome.text.splitlines() if "Read-only" not in line and "rm:" not in line]
        assert told == [str(project.root), str(NOBODY), "kept", "refused", "mounted"], outcome.text
        assert snapshot(home, skip=skip) == before
        assert space.needs_permission == ()
        assert space.map_path(str(home / "made")).read_text() == "x\n"
        assert space.map_path("absolute.txt").read_text() == "x\n"
        assert os.lstat(space.map_path("absolute.txt")).st_uid == NOBODY
        space.cleanup()
        assert os.listdir(project.root / ".reenact" / "tmp") == []
        assert snapshot(home, skip=skip) == before

    told = as_nobody(work, project.spaces)
    if told.endswith(f"{NO_NAMESPACE}\n"):
        pytest.skip(NO_NAMESPACE)
    assert told == ""
