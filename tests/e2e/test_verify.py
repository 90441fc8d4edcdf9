"""Verify: executed again from the record alone, compared to the bit, and nothing of the user's is touched."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from endtoend import last_json, reenact

UNSEEDED = """
import os, random, time, uuid
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(time.time() * 1000) % 2**32)
rng = np.random.default_rng()
x = torch.tensor(rng.normal(size=(96, 8)), dtype=torch.float32)
y = x.sum(1, keepdim=True) + random.random()
loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True, num_workers=1)
model = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.1), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
print(list({"a", "b", "c", "d"}), np.random.rand(), uuid.uuid4())
for epoch in range(2):
    for a, b in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(a), b).backward()
        optimizer.step()
folder = time.strftime("outputs/%Y-%m-%d/%H-%M-%S")
os.makedirs(folder)
torch.save(model.state_dict(), folder + "/model.pt")
open(folder + "/labels.txt", "w").write(",".join({"a", "b", "c", "d"}))
"""


def snapshot(folder: Path) -> dict[str, tuple[str, int]]:
    """Content and mtime of every file, the store apart."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".reenact" not in path.parts:
            found[str(path)] = (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
    return found


def test_unseeded_script_verifies_and_fresh_entropy_names_the_seed(project: Path) -> None:
    (project / "train.py").write_text(UNSEEDED)
    ran = reenact("run", "--json", "train.py", cwd=project)
    assert ran.returncode == 0, ran.stderr
    assert last_json(ran.stdout)["complete"] is True
    before = snapshot(project)
    done = reenact("verify", "last", "--json", cwd=project, timeout=180)
    found = last_json(done.stdout)
    assert (done.returncode, found["verdict"]) == (0, "identical"), found
    assert found["steps_compared"] == 12
    assert {output["equal"] for output in found["outputs"]} == {True}
    assert len(found["outputs"]) == 2
    assert all("matched with" in output["detail"] for output in found["outputs"]), "folders are named after the clock"
    assert snapshot(project) == before

    done = reenact("verify", "last", "--fresh-entropy", "--json", cwd=project, timeout=180)
    found = last_json(done.stdout)
    assert (done.returncode, found["verdict"]) == (1, "diverged")
    assert found["first_difference"]["kind"] == "seed"
    assert "seed-from-clock" in [cause["id"] for cause in found["causes"][:2]]
    assert snapshot(project) == before
    listed = json.loads(reenact("ls", "--json", cwd=project).stdout)
    assert len(listed) == 1, "replays are not listed"
    assert [verdict["verdict"] for verdict in listed[0]["verdicts"]] == ["identical", "diverged"]


PLAIN = """
import os, random, sys
random.seed(1)
text = open("data.txt").read()
os.makedirs("out", exist_ok=True)
open("out/result.txt", "w").write(text + str(random.random()))
open("log.csv", "a").write("line\\n")
"""


def test_appended_file_starts_from_its_old_content(project: Path) -> None:
    (project / "train.py").write_text(PLAIN)
    (project / "data.txt").write_text("x" * 10)
    (project / "log.csv").write_text("head\n")
    assert reenact("run", "train.py", cwd=project).returncode == 0
    before = snapshot(project)
    found = last_json(reenact("verify", "last", "--json", cwd=project).stdout)
    assert found["verdict"] == "identical", found
    assert {output["path"] for output in found["outputs"]} == {"out/result.txt", "log.csv"}
    assert snapshot(project) == before
    assert (project / "log.csv").read_text() == "head\nline\n"


def test_verify_uses_the_recorded_code(project: Path) -> None:
    (project / "train.py").write_text("import helper\nopen('o.txt', 'w').write(str(helper.value))\n")
    (project / "helper.py").write_text("value = 1\n")
    assert reenact("run", "train.py", cwd=project).returncode == 0
    (project / "helper.py").write_text("value = 2\n")
    (project / "train.py").unlink()
    found = last_json(reenact("verify", "last", "--json", cwd=project).stdout)
    assert found["verdict"] == "identical", found
    assert (project / "o.txt").read_text() == "1"


def test_writes_outside_are_told_and_kept_away(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (project / "train.py").write_text(
        "import sys, os\np = sys.argv[1] + '/o.txt'\nopen(p, 'a').write('x')\nopen('n', 'w').write(open(p).read())\n"
    )
    assert reenact("run", "train.py", str(outside), cwd=project).returncode == 0
    assert (outside / "o.txt").read_text() == "x"
    done = reenact("verify", "last", "--json", cwd=project)
    assert (outside / "o.txt").read_text() == "x"
    if done.returncode == 3:  # no namespaces here: then it asks
        assert "--allow-outside-writes" in done.stderr
    else:
        assert "o.txt" in done.stderr
        assert last_json(done.stdout)["verdict"] == "identical"


def test_tolerance_gives_equivalent_and_ignore_leaves_out(project: Path) -> None:
    (project / "train.py").write_text(
        "import time\nopen('o.txt', 'w').write('loss 1.%09d' % (time.time_ns() % 10**6))\n"
    )
    assert reenact("run", "train.py", cwd=project).returncode == 0
    assert last_json(reenact("verify", "last", "--json", cwd=project).stdout)["verdict"] == "diverged"
    loose = reenact("verify", "last", "--json", "--tolerance", "0.01", cwd=project)
    assert (loose.returncode, last_json(loose.stdout)["verdict"]) == (0, "equivalent")
    ignored = last_json(reenact("verify", "last", "--json", "--ignore", "*.txt", cwd=project).stdout)
    assert ignored["verdict"] == "identical"
    assert [output["how"] for output in ignored["outputs"]] == ["ignored"]


def test_failing_run_verifies_too(project: Path) -> None:
    (project / "train.py").write_text("open('o', 'w').write('1')\nraise SystemExit(7)\n")
    assert reenact("run", "train.py", cwd=project).returncode == 7
    done = reenact("verify", "last", "--json", cwd=project)
    assert (done.returncode, last_json(done.stdout)["verdict"]) == (0, "identical")
    assert last_json(done.stdout)["exit_code"] == {"baseline": 7, "candidate": 7}


def test_already_tried_and_once(project: Path) -> None:
    (project / "train.py").write_text("import os\nopen('o', 'a').write('1')\nprint(os.environ.get('SIZE'))\n")
    first = last_json(reenact("run", "--json", "train.py", cwd=project).stdout)
    os.remove(project / "o")
    second = reenact("run", "--json", "--once", "train.py", cwd=project)
    assert last_json(second.stdout)["run"] == first["run"]
    assert not (project / "o").exists(), "--once did run it again"
    other = reenact("run", "--json", "--once", "train.py", cwd=project, env={"SIZE": "3"})
    assert last_json(other.stdout)["run"] != first["run"], "a variable that the program reads is part of what it is"
    (project / "train.py").write_text("print(1)\n")
    changed = reenact("run", "--json", "--once", "train.py", cwd=project)
    assert last_json(changed.stdout)["run"] != first["run"]


def test_files_that_were_only_looked_for_are_there_again(project: Path) -> None:
    (project / "data").mkdir()
    for name in ("a.txt", "b.txt"):
        (project / "data" / name).write_text(name)
    (project / "flag").touch()
    (project / "train.py").write_text(
        "import os\n"
        "assert os.path.exists('data/b.txt') and os.path.exists('flag') and not os.path.exists('o.txt')\n"
        "open('o.txt', 'w').write(open('data/a.txt').read())\n"
    )
    assert reenact("run", "train.py", cwd=project).returncode == 0
    done = reenact("verify", "last", "--json", cwd=project)
    assert last_json(done.stdout)["verdict"] == "identical", done.stderr


def test_what_is_printed_is_compared_where_there_is_nothing_else(project: Path) -> None:
    (project / "train.py").write_text("import time\nprint('at', time.time_ns())\n")
    assert reenact("run", "train.py", cwd=project).returncode == 0
    done = reenact("verify", "last", "--json", cwd=project)
    found = last_json(done.stdout)
    assert (done.returncode, found["verdict"]) == (1, "diverged"), found
    assert [(one["path"], one["equal"]) for one in found["outputs"]] == [("log.txt (terminal output)", False)]
    assert [cause["id"] for cause in found["causes"]] == ["output-only"]
    (project / "train.py").write_text(
        # A pause between them: what two pipes hold at once comes in no certain order.
        "import sys, time\nprint('same', flush=True)\ntime.sleep(0.5)\nprint('too', file=sys.stderr)\n"
    )
    assert reenact("run", "train.py", cwd=project).returncode == 0
    done = reenact("verify", "last", "--json", cwd=project)
    found = last_json(done.stdout)
    assert (done.returncode, found["verdict"]) == (0, "identical"), found
    assert [one["equal"] for one in found["outputs"]] == [True]
    assert "nothing-compared" not in {gap["id"] for gap in found["gaps"]}
    (project / "train.py").write_text("pass\n")
    assert reenact("run", "train.py", cwd=project).returncode == 0
    found = last_json(reenact("verify", "last", "--json", cwd=project).stdout)
    assert (found["verdict"], found["outputs"]) == ("identical", [])
    assert "nothing-compared" in {gap["id"] for gap in found["gaps"]}


@pytest.mark.parametrize("words", [["--", "./go.sh"], ["--", "bash", "go.sh"]])
def test_shell_script_is_replayed_as_recorded(project: Path, words: list[str]) -> None:
    script = project / "go.sh"
    script.write_text("#!/bin/bash\ncat $0 > copy.txt\n")
    script.chmod(0o755)
    assert reenact("run", *words, cwd=project).returncode == 0
    data = json.loads((project / ".reenact" / "runs").glob("*/manifest.json").__next__().read_bytes())
    assert [(one["path"], one["mode"]) for one in data["code"]["files"]] == [("go.sh", 0o755)]
    script.write_text("#!/bin/bash\necho other > copy.txt\n")
    script.chmod(0o644)
    done = reenact("verify", "last", "--json", cwd=project)
    assert (done.returncode, last_json(done.stdout)["verdict"]) == (0, "identical"), done.stdout + done.stderr


def test_an_input_that_is_gone_is_said_to_come_from_the_store(project: Path) -> None:
    (project / "train.py").write_text("open('o.txt', 'w').write(open('in.txt').read())\n")
    (project / "in.txt").write_text("1")
    assert reenact("run", "train.py", cwd=project).returncode == 0
    (project / "in.txt").unlink()
    done = reenact("verify", "last", "--json", cwd=project)
    assert (done.returncode, last_json(done.stdout)["verdict"]) == (0, "identical"), done.stderr
    assert "in.txt is gone: the content that the store kept is used" in done.stderr


def test_an_input_outside_is_not_called_written(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "in.txt").write_text("1")
    (project / "train.py").write_text("import sys\nopen('o.txt', 'w').write(open(sys.argv[1]).read())\n")
    assert reenact("run", "train.py", str(outside / "in.txt"), cwd=project).returncode == 0
    (outside / "in.txt").unlink()
    done = reenact("verify", "last", "--json", cwd=project)
    assert "the run writes" not in done.stderr
    if done.returncode != 3:  # 3: there are no namespaces here
        assert last_json(done.stdout)["verdict"] == "identical"
        assert f"{outside / 'in.txt'} is shown with its recorded content" in done.stderr


def test_a_verdict_with_fresh_entropy_does_not_stand(project: Path) -> None:
    (project / "train.py").write_text("import random\nopen('o.txt', 'w').write(str(random.random()))\n")
    assert reenact("run", "train.py", cwd=project).returncode == 0
    assert last_json(reenact("verify", "last", "--json", cwd=project).stdout)["verdict"] == "identical"
    fresh = last_json(reenact("verify", "last", "--json", "--fresh-entropy", cwd=project).stdout)
    assert (fresh["verdict"], fresh["fresh_entropy"]) == ("diverged", True)
    assert "identical" in (table := reenact("ls", cwd=project).stdout) and "diverged" not in table
    (listed,) = json.loads(reenact("ls", "--json", cwd=project).stdout)
    assert [one["fresh_entropy"] for one in listed["verdicts"]] == [False, True]
    assert "diverged, with fresh entropy" in reenact("show", "last", cwd=project).stdout
