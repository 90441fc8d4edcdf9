"""Progress while the index is made: on a terminal only, and gone afterwards."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "cli"))
from storemaker import Project

from reenact.report.indexprogress import IndexProgress
from reenact.store.project import Store

CODE = (
    "import sys\nfrom reenact.store import indexing\nindexing._BATCH, indexing._TOLD = 2, 3\n"
    "from reenact.cli.main import entry\nentry()"
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    store = Store(tmp_path)
    store.create()
    made = Project(tmp_path, store)
    for number in range(5):
        made.add(f"20260101-00000{number}-aaaa")
    return made


def test_nothing_is_told_where_nobody_looks(project: Project) -> None:
    done = subprocess.run([sys.executable, "-c", CODE, "ls"], cwd=project.root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.count("20260101") == 5
    stream = io.StringIO()
    progress = IndexProgress(stream)
    for number in range(10):
        progress(number, 9)
    assert stream.getvalue() == ""


def test_a_line_on_a_terminal(project: Project) -> None:
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    child = subprocess.Popen(
        [sys.executable, "-c", CODE, "ls"], cwd=project.root, stdout=subprocess.PIPE, stderr=theirs, text=True, env=env
    )
    out = child.communicate()[0]
    os.close(theirs)
    told = b""
    try:
        while piece := os.read(ours, 1 << 16):
            told += piece
    except OSError:  # how a terminal ends on Linux
        pass
    os.close(ours)
    assert child.returncode == 0 and out.count("20260101") == 5
    assert b"reading run folders" in told and b"2 of 5" in told and b"4 of 5" in told
