"""The audit hook, compiled and in Python: they hear the same, and the program sees neither."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from probed import INJECT, Recorder, journal, of_kind

import reenact

SCRIPT = """\
import os, sys
seen = []
sys.settrace(lambda frame, *_: seen.append(frame.f_code.co_filename))
sys.setprofile(lambda frame, *_: seen.append(frame.f_code.co_filename))
open("in.txt").read()
open("out.txt", "w").write("x")
os.rename("out.txt", "moved.txt")
sorted(os.listdir("."))
sys.settrace(None), sys.setprofile(None)
print([name for name in seen if "reenact" in name])
for n in range(1000):
    id(n)
os.remove("moved.txt")
class Late:
    def __del__(self):
        open("in.txt").close()
sys.late = Late()
raise ValueError("at the end")
"""


def test_the_compiled_hook_was_built() -> None:
    assert importlib.util.find_spec("reenact.probe._audit"), (
        "audit.c was not compiled: install a C compiler and Python.h"
    )


@pytest.fixture(params=["compiled", "python"])
def inject(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder that puts the probe into a process, with the compiled hook or without."""
    if request.param == "compiled":
        return INJECT
    package = tmp_path / "copy" / "reenact"
    shutil.copytree(Path(reenact.__file__).parent, package, ignore=shutil.ignore_patterns("_audit*", "__pycache__"))
    return package / "probe" / "inject"


def test_it_hears_files_and_the_end_and_the_program_sees_nothing_of_it(inject: Path, recorder: Recorder) -> None:
    recorder.script(SCRIPT)
    (recorder.folder / "in.txt").write_text("in")
    bare = recorder.bare("script.py")
    run_dir = recorder.folder.parent / "run"
    settings = {"run_dir": str(run_dir), "root": str(recorder.folder), "hide": {"PYTHONPATH": None}}
    (recorder.folder.parent / "probe.json").write_text(json.dumps(settings))
    env = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(inject), "REENACT_DEBUG": "1"}
    env["REENACT_PROBE"] = str(recorder.folder.parent / "probe.json")
    done = subprocess.run([sys.executable, "script.py"], cwd=recorder.folder, env=env, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (bare.code, bare.out, bare.err)
    assert done.stdout == b"[]\n"
    uses = [(one["op"], Path(one["path"]).name) for one in of_kind(journal(run_dir), "file")]
    assert uses == [
        ("r", "script.py"),
        ("r", "script.py"),
        ("r", "in.txt"),
        ("w", "out.txt"),
        ("rename", "out.txt"),
        ("list", "a project"),
        ("remove", "moved.txt"),
    ]


def test_a_program_that_lists_nothing_is_not_said_to_have_listed_its_folder(recorder: Recorder) -> None:
    recorder.script("import json\n")
    _, run_dir = recorder.probed("script.py")
    assert not [one for one in of_kind(journal(run_dir), "file") if one["op"] == "list"]
