"""Several commands at once in one project."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from endtoend import COMMAND, assert_blobs_whole, environment, last_json, manifest, reenact

SCRIPT = """
import sys, time
from pathlib import Path
Path(f'out{sys.argv[1]}.txt').write_text(sys.argv[1] * 9)
Path('same.txt').read_text()
time.sleep(0.3)
print('ran', sys.argv[1])
"""


def test_runs_at_once_do_not_disturb_each_other(project: Path) -> None:
    (project / "script.py").write_text(SCRIPT)
    (project / "same.txt").write_text("same")
    children = [
        subprocess.Popen(
            [*COMMAND, *words],
            cwd=project,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        for words in (*(("run", "--json", "script.py", str(n)) for n in range(4)), ("ls", "--json"), ("gc", "--json"))
    ]
    ended = [(*child.communicate(timeout=60), child.returncode) for child in children]
    for out, err, code in ended:
        # gc and ls may come before there is a store.
        assert code == 0 or "no runs have been recorded here" in err, (out, err)
    runs = [json.loads(out.splitlines()[-1])["run"] for out, _, _ in ended[:4]]
    assert len(set(runs)) == 4
    rows = last_json(reenact("ls", "--json", cwd=project).stdout)
    assert sorted(row["id"] for row in rows) == sorted(runs)
    assert {row["status"] for row in rows} == {"finished"}
    assert len(json.loads((project / ".reenact" / "index.json").read_bytes())["manifests"]) == 4
    assert reenact("gc", cwd=project).returncode == 0
    assert_blobs_whole(project)
    for number, run in enumerate(runs):
        own = {one["path"]: one["digest"] for one in manifest(project, run)["outputs"]}
        assert list(own) == [f"out{number}.txt"]
        assert (project / ".reenact" / "blobs" / "sha256" / own[f"out{number}.txt"].partition(":")[2]).exists()
    assert reenact("verify", runs[0], cwd=project).returncode == 0


def test_files_that_a_person_edits_meanwhile_are_not_its_outputs(project: Path) -> None:
    (project / "script.py").write_text(
        "import time\nfrom pathlib import Path\nPath('begun').touch()\n"
        "time.sleep(1.5)\n"
        "Path('out.txt').write_text('x')\n"
    )
    (project / "notes.md").write_text("before")
    (project / "other.py").write_text("before")
    # The shell's own file is seen by the comparison alone, and is an output all the same.
    line = "printf made > made.txt; exec python script.py"
    child = subprocess.Popen(
        [*COMMAND, "run", "--", "sh", "-c", line], cwd=project, env=environment(), stdin=subprocess.DEVNULL
    )
    while not (project / "begun").exists():
        assert child.poll() is None
        time.sleep(0.02)
    (project / "notes.md").write_text("edited")
    (project / "other.py").write_text("edited")
    assert child.wait(timeout=60) == 0
    run = last_json(reenact("ls", "--json", cwd=project).stdout)[0]["id"]
    outputs = {one["path"]: one["how"] for one in manifest(project, run)["outputs"]}
    assert outputs == {"begun": "audit", "out.txt": "audit", "made.txt": "scan", "notes.md": "scan"}
    (project / "script.py").write_text("# edited after the run\n")
    told = last_json(reenact("verify", "--json", run, cwd=project, timeout=60).stdout)
    compared = {one["path"]: (one["equal"], one["how"]) for one in told["outputs"]}
    assert compared["notes.md"] == (False, "ignored")
    assert compared["made.txt"] == compared["out.txt"] == (True, "bytes")
    assert told["verdict"] == "identical"
