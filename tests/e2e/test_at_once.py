"""Several commands at once in one project."""

from __future__ import annotations

import json
import subprocess
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
        own = {one["path"]: one["digest"] for one in manifest(project, run)["outputs"] if one["how"] != "scan"}
        assert list(own) == [f"out{number}.txt"]
        assert (project / ".reenact" / "blobs" / "sha256" / own[f"out{number}.txt"].partition(":")[2]).exists()
