"""Open files and descendants, seen from outside."""

import os
import subprocess
import sys

import pytest

from reenact.execute import procscan

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")

CODE = """
import mmap, os, subprocess, sys
a = open("read me"); b = open("write", "w"); c = open("append", "a"); d = open("update", "r+")
e = open("mapped", "r+b"); m = mmap.mmap(e.fileno(), 0); e.close()
f = open("deleted", "w"); os.unlink("deleted")
if len(sys.argv) > 1:
    g = open("child's", "w")
else:
    p = subprocess.Popen([sys.executable, __file__, "child"], stdout=1)
print("ready", flush=True); sys.stdin.read()
"""


@pytest.fixture
def parent(tmp_path):
    (tmp_path / "code.py").write_text(CODE)
    for name in ("read me", "update", "mapped"):
        (tmp_path / name).write_text("text")
    argv = [sys.executable, str(tmp_path / "code.py")]
    child = subprocess.Popen(argv, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout.readline() + child.stdout.readline() == b"ready\nready\n"
    yield child
    child.stdin.close()
    child.wait()
    child.stdout.close()


def test_open_files(parent, tmp_path):
    found = procscan.open_files(parent.pid)
    ours = {(os.path.relpath(path, tmp_path), op) for path, op in found if path.startswith(str(tmp_path))}
    assert ours == {
        ("read me", "r"), ("write", "w"), ("append", "a"), ("update", "u"), ("mapped", "u"), ("child's", "w")
    }  # fmt: skip
    assert any(".so" in path and op == "r" for path, op in found)


def test_descendants(parent):
    (child,) = procscan.descendants(parent.pid)
    assert child != parent.pid
    assert child in procscan.descendants(os.getpid())
    assert procscan._children_of_all()[parent.pid] == [child]


def test_start_ticks_name_a_process(parent):
    assert procscan.start_ticks(parent.pid) == procscan.start_ticks(parent.pid) > 0


def test_a_process_that_is_gone():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert procscan.open_files(child.pid) == set()
    assert procscan.descendants(child.pid) == []
    assert procscan.start_ticks(child.pid) is None
