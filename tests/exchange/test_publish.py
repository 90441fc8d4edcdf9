"""``reenact publish``: small text whose bytes depend on the runs only; ``import published`` reads it back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import last_json, manifest, record, reenact, run_folder

from reenact.record import series

SCRIPT = """\
import argparse, os, reenact
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
lr = parser.parse_args().lr
print("\\x1b[31mred\\x1b[0m", bool(os.environ.get("MINE")))
for i in range(3000):
    reenact.log({"val/loss": lr / (i + 1)}, step=i)
reenact.log(acc=lr, nan=float("nan"))
open("weights.bin", "wb").write(os.urandom(200_000))
for i in range(2000):
    print("line", i)
"""


DRAWS = """\
reenact.log(draw=random.random())
open("out.txt", "w").write(str(random.random()))
"""


def test_the_table_is_in_the_order_of_beginning(project: Path, tmp_path: Path) -> None:
    """Not of ids, whose last characters are random: runs of one second would stand in any order."""
    runs = sorted(record("train.py", cwd=project) for _ in range(2))
    folder = tmp_path / "published"

    def table() -> list[str]:
        assert reenact("publish", "--git", str(folder), runs[0], cwd=project).returncode == 0
        return re.findall(r"^\| \[(.+?)\]", (folder / "README.md").read_text(), re.MULTILINE)

    assert reenact("publish", "--git", str(folder), cwd=project).returncode == 0
    for year, order in (("1999", runs), ("2999", runs[::-1])):
        path = folder / "runs" / runs[1] / "manifest.json"
        told = json.loads(path.read_bytes())
        told["started"] = year + told["started"][4:]
        path.write_text(json.dumps(told))
        assert table() == order, year


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text(SCRIPT)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_there_and_back(project: Path, tmp_path: Path) -> None:
    env = {"MINE": "looked up", "OTHER": "what my shell has"}
    runs = [
        record("--name", "a|b", "--tag", "t", "train.py", "--lr", "0.5", cwd=project, env=env),
        record("--name", "ü", "train.py", cwd=project),
    ]
    assert reenact("note", runs[0], "a note", cwd=project).returncode == 0
    folder = tmp_path / "repository" / "runs"
    done = reenact("publish", "--git", str(folder), "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    told = last_json(done.stdout)
    assert told["runs"] == runs and told["there"] == 2
    before = content(folder)
    assert told["bytes"] == sum(map(len, before.values())) < 400_000
    # The same again is the same, whichever runs are named; git sees no change.
    assert reenact("publish", "--git", str(folder), "last", cwd=project).returncode == 0
    assert reenact("publish", "--git", str(folder), cwd=project).returncode == 0
    assert content(folder) == before
    assert not any(b"what my shell has" in data for data in before.values())
    log = before[f"runs/{runs[0]}/log.txt"].decode()
    assert log.endswith("line 1999\n") and "\x1b" not in log and len(log) <= 16_384
    table = before["README.md"].decode().splitlines()
    (head,) = [line for line in table if line.startswith("| run |")]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table if line.startswith("| [")]
    columns = [cell.strip() for cell in head.strip("|").split("|")]
    found = [dict(zip(columns, (cell.strip() for cell in row))) for row in rows]
    assert [row["name"] for row in found] == ["ü", "a\\|b"] and [row["lr"] for row in found] == ["0.1", "0.5"]
    assert [row["acc"] for row in found] == ["0.1", "0.5"]
    # Another store shows it like its own.
    other = tmp_path / "other"
    other.mkdir()
    done = reenact("import", "published", str(folder), cwd=other)
    assert done.returncode == 0 and "2 runs imported" in done.stderr, done.stderr
    assert "0 runs imported; 2 had" in reenact("import", "published", str(folder), cwd=other).stderr
    listed = {one["id"]: one for one in json.loads(reenact("ls", "--json", cwd=other).stdout)}
    assert set(listed) == set(runs) and listed[runs[0]]["params"]["lr"] == 0.5
    back, ours = manifest(other, runs[0]), manifest(project, runs[0])
    assert (back["recipe"], back["result"], back["params"]) == (ours["recipe"], ours["result"], ours["params"])
    assert back["imported"]["from"] == "published" and not back["complete"]
    there = series.read(run_folder(other, runs[0]))["val/loss"]
    full = series.read(run_folder(project, runs[0]))["val/loss"]
    pairs = set(zip(full.steps, full.values))
    assert 500 < len(there) <= 1000 and set(zip(there.steps, there.values)) <= pairs
    assert (there.values[0], there.values[-1]) == (full.values[0], full.values[-1])
    for words in (["show", runs[0]], ["compare", *runs], ["logs", runs[0]], ["export", "--points"], ["du"]):
        done = reenact(*words, cwd=other)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    done = reenact("verify", runs[0], cwd=other)
    assert done.returncode == 3 and "imported from published" in done.stderr
    # What was read back can be published again, and is what it was but for the mark.
    again = tmp_path / "again"
    assert reenact("publish", "--git", str(again), cwd=other).returncode == 0
    assert content(again)["README.md"] == before["README.md"]


def test_verdicts_come_back(project: Path, tmp_path: Path) -> None:
    """One that stands and one with fresh entropy: `ls` and the table say the same, here and there."""
    (project / "train.py").write_text("import random, reenact\nrandom.seed(random.SystemRandom().random())\n" + DRAWS)
    run = record("train.py", cwd=project)
    assert reenact("verify", run, cwd=project).returncode == 0
    assert reenact("verify", run, "--fresh-entropy", cwd=project).returncode == 1
    folder, other, again = tmp_path / "published", tmp_path / "other", tmp_path / "again"
    assert reenact("publish", "--git", str(folder), run, cwd=project).returncode == 0
    assert "| identical |" in (folder / "README.md").read_text()
    other.mkdir()
    assert reenact("import", "published", str(folder), cwd=other).returncode == 0

    def verdicts(place: Path) -> list[dict[str, object]]:
        (row,) = json.loads(reenact("ls", "--json", cwd=place).stdout)
        return sorted(row["verdicts"], key=lambda one: str(one["candidate"]))

    assert len(verdicts(project)) == 2 and verdicts(other) == verdicts(project)
    assert "identical" in reenact("ls", cwd=other).stdout
    assert "candidate" in reenact("show", run, cwd=other).stdout
    for path in (run_folder(project, run) / "verdicts").iterdir():
        ours, theirs = (
            json.loads((run_folder(place, run) / "verdicts" / path.name).read_bytes()) for place in (project, other)
        )
        assert theirs["subject"] == ours["subject"] and "differences" not in theirs["predicate"]
    assert reenact("publish", "--git", str(again), cwd=other).returncode == 0
    assert content(again)["README.md"] == content(folder)["README.md"]
    assert content(again)[f"runs/{run}/published.json"] == content(folder)[f"runs/{run}/published.json"]
    # A candidate's name that leads out of the folder is none; what is no attestation is passed over.
    notes = json.loads((folder / "runs" / run / "published.json").read_bytes())
    notes["verdicts"][0]["predicate"]["candidate"] = "../../../../outside"
    notes["verdicts"] += [5, {"predicate": 7}, {}]
    (folder / "runs" / run / "published.json").write_text(json.dumps(notes))
    third = tmp_path / "third"
    third.mkdir()
    assert reenact("import", "published", str(folder), cwd=third).returncode == 0
    assert len(verdicts(third)) == 1 and not list(tmp_path.rglob("outside*"))


def test_what_is_refused(project: Path, tmp_path: Path) -> None:
    run = record("train.py", cwd=project)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "README.md").write_text("# My project\n")
    done = reenact("publish", "--git", str(theirs), cwd=project)
    assert done.returncode == 2 and (theirs / "README.md").read_text() == "# My project\n"
    (tmp_path / "file").write_text("")
    assert reenact("publish", "--git", str(tmp_path / "file"), cwd=project).returncode == 2
    assert reenact("import", "published", str(theirs), cwd=project).returncode == 2
    # A name that leads out of the folder is no run.
    folder = tmp_path / "published"
    assert reenact("publish", "--git", str(folder), run, cwd=project).returncode == 0
    odd = json.loads((folder / "runs" / run / "manifest.json").read_bytes())
    odd["run"] = "../../outside"
    (folder / "runs" / run / "manifest.json").write_text(json.dumps(odd))
    done = reenact("import", "published", str(folder), cwd=project)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    (folder / "runs" / run / "manifest.json").write_text("{")
    done = reenact("import", "published", str(folder), cwd=project)
    assert done.returncode == 3 and "Traceback" not in done.stderr


def test_du_says_whether_git_is_a_place_for_it(project: Path) -> None:
    run = record("train.py", cwd=project)
    told = last_json(reenact("du", "--json", cwd=project).stdout)
    assert told["mlflow"] is None and told["git"]["fit"] is True and told["git"]["blobs"] > 200_000
    assert "git" in reenact("du", run, cwd=project).stdout
    # Much text is not for git.
    log = run_folder(project, run) / "log.txt"
    log.write_bytes(log.read_bytes() + b"x" * 2_000_000)
    told = last_json(reenact("du", "--json", cwd=project).stdout)
    assert told["git"]["fit"] is False and "publish" in told["git"]["why"]
    pytest.importorskip("mlflow")
    assert reenact("mirror", "mlflow", run, cwd=project, timeout=120).returncode == 0
    told = last_json(reenact("du", "--json", cwd=project).stdout)
    assert told["mlflow"]["runs"] == 1 and told["mlflow"]["artifacts"] > 200_000
    assert "MLflow" in reenact("du", cwd=project).stdout
    subprocess.run(["git", "init", "-q", "."], cwd=project, check=True)
    seen = subprocess.run(["git", "status", "--porcelain", "-uall"], cwd=project, capture_output=True, text=True).stdout
    assert "mlflow" not in seen and "manifest.json" in seen
