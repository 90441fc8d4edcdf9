"""``reenact import``: from real files and stores of MLflow, Hydra, TensorBoard and W&B, written by themselves; twice is once."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import environment, last_json, manifest, record, reenact, run_folder

from reenact.record import series


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def python(code: str, cwd: Path, *words: str, **env: str) -> None:
    """Another tool at work, with nothing of reenact's in it."""
    (cwd / "other.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "other.py", *words], cwd=cwd, env=environment(env), capture_output=True, text=True, timeout=180
    )
    assert done.returncode in (0, 3), done.stderr


def bring(project: Path, *words: str, runs: int) -> list[str]:
    """Import, twice; the ids."""
    done = reenact("import", *words, "--json", cwd=project, timeout=120)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    told = last_json(done.stdout)
    assert len(told) == runs and all(one["fresh"] for one in told)
    again = reenact("import", *words, "--json", cwd=project, timeout=120)
    assert [one["run"] for one in last_json(again.stdout)] == [one["run"] for one in told]
    assert not any(one["fresh"] for one in last_json(again.stdout)) and "0 runs imported" in again.stderr
    listed = json.loads(reenact("ls", "--json", cwd=project).stdout)
    assert {one["id"] for one in listed} >= {one["run"] for one in told}
    return [one["run"] for one in told]


def points(project: Path, run: str, name: str) -> list[tuple[int, float]]:
    found = series.read(run_folder(project, run))[name]
    return list(zip(found.steps, found.values))


def assert_imported(project: Path, run: str, source: str) -> dict[str, Any]:
    """It is marked, listed and compared, and nothing is claimed of it that nobody saw."""
    known = manifest(project, run)
    assert known["imported"]["from"] == source and known["complete"] is False
    assert [gap["id"] for gap in known["gaps"] if gap["replay"]] == ["imported"]
    done = reenact("verify", run, cwd=project)
    assert done.returncode == 3 and "was imported from " + source in done.stderr
    shown = reenact("show", run, cwd=project)
    assert shown.returncode == 0 and f"from {source}" in shown.stdout
    assert reenact("compare", run, "--json", cwd=project).returncode == 0
    assert run in reenact("export", cwd=project).stdout
    return known


MLFLOW = """\
import sys, time
from mlflow import MlflowClient
from mlflow.entities import Metric
client = MlflowClient(sys.argv[1], sys.argv[1])
for name in ("one", "two"):
    id = client.create_experiment(name, "file:" + sys.argv[2])
    run = client.create_run(id, 1_700_000_000_000, {"kind": "big", "mlflow.note.content": "why"}, name + " run")
    client.log_batch(run.info.run_id, [Metric("acc", i / 3, 1_700_000_000_000 + i * 1500, i) for i in range(1200)])
    client.log_metric(run.info.run_id, "odd", float("nan"), 1_700_000_001_000, 7)
    client.log_param(run.info.run_id, "lr", "0.01")
    client.log_text(run.info.run_id, "weights", "model/w.txt")
    client.set_terminated(run.info.run_id, "FAILED" if name == "two" else "FINISHED", 1_700_000_060_000)
"""


def test_mlflow(project: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path}/theirs.db"
    python(MLFLOW, tmp_path, uri, str(tmp_path / "artifacts"))
    first, second = bring(project, "mlflow", uri, "--artifacts", runs=2)
    known = assert_imported(project, first, "mlflow")
    assert (known["name"], known["experiment"], known["note"], known["tags"]) == ("one run", "one", "why", ["kind=big"])
    assert known["started"] == "2023-11-14T22:13:20.000Z" and known["resources"]["wall"] == 60.0
    assert known["params"] == {"lr": "0.01"} and known["status"] == "finished"
    assert points(project, first, "acc") == [(i, i / 3) for i in range(1200)]
    times = series.read(run_folder(project, first))["acc"].times
    assert times is not None and times[2] == 3.0
    (odd,) = points(project, first, "odd")
    assert odd[0] == 7 and math.isnan(odd[1])
    assert [one["path"].rpartition("/")[2] for one in known["outputs"]] == ["w.txt"]
    assert manifest(project, second)["status"] == "failed"
    assert not (project / "mlruns").exists()
    # What came from there is not copied back.
    done = reenact("mirror", "mlflow", "--all", "--uri", uri, cwd=project, timeout=120)
    assert done.returncode == 0 and "0 of 2 runs copied" in done.stderr
    # One experiment only; one that is not there; a database that is none.
    other = project.parent / "other"
    other.mkdir()
    assert len(bring(other, "mlflow", uri, "--experiment", "two", runs=1)) == 1
    done = reenact("import", "mlflow", uri, "--experiment", "three", cwd=other, timeout=60)
    assert done.returncode == 2 and "one, two" in done.stderr
    done = reenact("import", "mlflow", f"sqlite:///{tmp_path}/typo.db", cwd=other, timeout=60)
    assert done.returncode == 2 and not (tmp_path / "typo.db").exists(), done.stderr
    (tmp_path / "odd.db").write_text("no database")
    done = reenact("import", "mlflow", f"sqlite:///{tmp_path}/odd.db", cwd=other, timeout=60)
    assert done.returncode == 1 and "Traceback" not in done.stderr and "MLflow at" in done.stderr


def test_an_address_of_mlflow_that_is_none(project: Path, tmp_path: Path) -> None:
    """A database is taken by its file; what else has no scheme is told of in words of this command."""
    pytest.importorskip("mlflow")
    python(MLFLOW, tmp_path, f"sqlite:///{tmp_path}/theirs.db", str(tmp_path / "artifacts"))
    (tmp_path / "theirs.db").rename(project / "own.db")
    (project / "text.db").write_text("no database")
    for typed, words in (
        ("text.db", "no SQLite database"),
        ("typo.db", "no such file"),
        ("localhost:5000", "`reenact import mlflow http://localhost:5000`"),
    ):
        done = reenact("import", "mlflow", typed, cwd=project)
        assert done.returncode == 2 and words in done.stderr and "sqlite:///FILE" in done.stderr
        assert len(done.stderr.splitlines()) == 3 and "--uri" not in done.stderr
    done = reenact("import", "mlflow", "http://127.0.0.1:1", cwd=project, timeout=120)
    assert done.returncode == 4 and "import mlflow URI" in done.stderr and "--uri" not in done.stderr
    assert len(bring(project, "mlflow", "own.db", runs=2)) == 2
    # Without one it says where it looked.
    done = reenact("import", "mlflow", cwd=project)
    assert done.returncode == 2 and f"looking in sqlite:///{project}/.reenact/mlflow.db" in done.stderr
    done = reenact("import", "mlflow", cwd=project, env={"MLFLOW_TRACKING_URI": "own.db"}, timeout=120)
    assert f"looking in sqlite:///{project}/own.db (MLFLOW_TRACKING_URI)" in done.stderr and done.returncode == 0


def test_copies_of_our_own_runs_stay_where_they_are(project: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    (project / "train.py").write_text("import reenact\nreenact.log({'a@b': 2.0}, step=4)\nreenact.log(c=1)\n")
    run = record("--tag", "good", "train.py", cwd=project)
    uri = f"sqlite:///{tmp_path}/shared.db"
    assert reenact("mirror", "mlflow", run, "--uri", uri, cwd=project, timeout=120).returncode == 0
    assert bring(project, "mlflow", uri, runs=0) == []
    other = tmp_path / "other"
    other.mkdir()
    (there,) = bring(other, "mlflow", uri, runs=1)
    # Names that the mirror had to change are what they were.
    assert points(other, there, "a@b") == [(4, 2.0)] and manifest(other, there)["tags"] == ["good"]


HYDRA = """\
import hydra, logging
@hydra.main(version_base=None, config_path=None)
def main(cfg):
    logging.getLogger(__name__).info("lr is %s", cfg.lr)
    open("weights.txt", "w").write("w")
    if cfg.lr > 1:
        raise SystemExit(3)
main()
"""


def test_hydra_outputs(project: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    python(HYDRA, theirs, "+lr=0.5", "+model.size=3", "hydra.job.chdir=true")
    python(HYDRA, theirs, "-m", "+lr=0.1,0.2", "hydra.job.chdir=true")
    runs = bring(project, "hydra-outputs", str(theirs), "--artifacts", runs=3)
    found = [assert_imported(project, run, "hydra-outputs") for run in runs]
    assert sorted(one["params"]["lr"] for one in found) == [0.1, 0.2, 0.5]
    (single,) = [one for one in found if one["params"]["lr"] == 0.5]
    assert single["params"]["model.size"] == 3 and single["experiment"] == "other"
    assert single["command"]["argv"][1:] == ["+lr=0.5", "+model.size=3"] and single["ended"] >= single["started"]
    assert "lr is 0.5" in (run_folder(project, single["run"]) / "log.txt").read_text()
    assert [os.path.basename(one["path"]) for one in single["outputs"]] == ["weights.txt"]
    assert sum("multirun" in one["tags"] for one in found) == 2
    empty = tmp_path / "empty"
    empty.mkdir()
    done = reenact("import", "hydra-outputs", str(empty), cwd=project)
    assert done.returncode == 2 and "multirun" in done.stderr


def test_what_was_recorded_here_is_not_imported(project: Path) -> None:
    """Hydra's folders of a run and of trials; beside them one of another's, and what lies in a store."""
    (project / "other.py").write_text(HYDRA)
    record("other.py", "+lr=0.5", cwd=project)
    record("other.py", "-m", "+lr=0.1,0.2", cwd=project)
    kept = project / ".reenact" / "cache" / "old" / ".hydra"
    theirs = project / "nested" / ".reenact" / ".hydra"
    for folder in (kept, theirs):
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text("lr: 9\n")
    before = len(json.loads(reenact("ls", "--json", cwd=project).stdout))
    done = reenact("import", "hydra-outputs", ".", "--json", cwd=project)
    assert done.returncode == 0 and last_json(done.stdout) == [], done.stderr
    assert "3 folders left out" in done.stderr and "0 runs imported" in done.stderr
    assert len(json.loads(reenact("ls", "--json", cwd=project).stdout)) == before
    python(HYDRA, project, "+lr=0.7", "hydra.run.dir=outputs/mine")
    (run,) = bring(project, "hydra-outputs", ".", "--artifacts", runs=1)
    assert manifest(project, run)["params"]["lr"] == 0.7
    # A project that was moved has the same runs.
    moved = project.rename(project.parent / "moved")
    done = reenact("import", "hydra-outputs", ".", "--json", cwd=moved)
    assert [
        one["run"] for one in last_json(done.stdout) if not one["fresh"]
    ] == [] and "3 folders left out" in done.stderr


BOARD = """\
from tensorboardX import SummaryWriter
import sys
writer = SummaryWriter(sys.argv[1])
for i in range(5):
    writer.add_scalar("loss", 1 / (i + 1), i)
writer.close()
"""


def test_event_files_that_were_recorded_here_are_not_imported(project: Path) -> None:
    pytest.importorskip("tensorboard")
    pytest.importorskip("tensorboardX")
    (project / "train.py").write_text(BOARD)
    record("train.py", "logs/ours", cwd=project)
    assert reenact("tensorboard", "--write", ".reenact/cache/tensorboard", cwd=project).returncode == 0
    assert list((project / ".reenact" / "cache" / "tensorboard").rglob("*tfevents*"))
    done = reenact("import", "tensorboard", ".", "--json", cwd=project)
    assert done.returncode == 0 and last_json(done.stdout) == [], done.stderr
    assert "1 folder left out" in done.stderr
    done = reenact("import", "tensorboard", ".reenact/cache", cwd=project)
    assert done.returncode == 2 and "no event file" in done.stderr
    # Another's file beside it is imported, and it alone.
    python(BOARD.replace("loss", "gain"), project, "logs/ours")
    (run,) = bring(project, "tensorboard", ".", runs=1)
    assert set(manifest(project, run)["metrics"]) == {"gain"}


def test_a_name_goes_on_to_mean_the_run_that_was_recorded(project: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    pytest.importorskip("tensorboardX")
    (project / "train.py").write_text("import reenact\nreenact.log(a=1)\n")
    ours = record("--name", "base", "train.py", cwd=project)
    names = []
    for place in ("first", "second"):
        (tmp_path / place).mkdir()
        python(BOARD, tmp_path / place, "logs/base")
        (run,) = bring(project, "tensorboard", str(tmp_path / place / "logs"), runs=1)
        names.append(manifest(project, run)["name"])
    assert names == ["base (tensorboard)", "base (tensorboard 2)"]
    assert reenact("path", "base", cwd=project).stdout.strip().endswith(ours)
    assert reenact("show", "base (tensorboard)", cwd=project).returncode == 0


TENSORBOARD = """\
import sys
from torch.utils.tensorboard import SummaryWriter
for name in ("a", "b/c"):
    writer = SummaryWriter(sys.argv[1] + "/" + name)
    for i in range(50):
        writer.add_scalar("train/loss", 1 / (i + 1), i, walltime=1_700_000_000 + i)
    writer.add_scalar("new", 2.5, 3, walltime=1_700_000_050, new_style=True)
    writer.close()
"""


def test_tensorboard(project: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    pytest.importorskip("torch")
    logs = tmp_path / "logs"
    logs.mkdir()
    python(TENSORBOARD, tmp_path, str(logs))
    first, second = bring(project, "tensorboard", str(logs), runs=2)
    known = assert_imported(project, first, "tensorboard")
    assert known["name"] == "a" and manifest(project, second)["name"] == "b/c" and known["experiment"] == "logs"
    import struct

    def single(value: float) -> float:  # what TensorBoard keeps of a number
        return float(struct.unpack("f", struct.pack("f", value))[0])

    assert points(project, first, "train/loss") == [(i, single(1 / (i + 1))) for i in range(50)]
    assert points(project, first, "new") == [(3, 2.5)]
    # A file that was cut off is read as far as it goes; one that is none gives nothing.
    (file,) = (logs / "a").glob("*tfevents*")
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / "events.out.tfevents.1").write_bytes(file.read_bytes()[:-300])
    (other,) = bring(project, "tensorboard", str(cut), runs=1)
    assert 30 < len(points(project, other, "train/loss")) <= 50
    (cut / "events.out.tfevents.1").write_text("no events")
    done = reenact("import", "tensorboard", str(cut), "--json", cwd=project)
    assert done.returncode == 0 and last_json(done.stdout) == []


WANDB = """\
import sys, wandb
run = wandb.init(project="theirs", name="nice name", mode="offline", config={"lr": 0.5, "model": {"size": 3}}, tags=["t"], dir=sys.argv[1])
for i in range(3000):
    run.log({"loss": 1 / (i + 1), "text": "no number"}, step=i)
run.log({"odd": float("nan"), "deep": {"er": 2}})
run.finish(exit_code=int(sys.argv[2]))
"""


def test_wandb_offline(project: Path, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    for code in ("0", "3"):
        python(WANDB, tmp_path, str(tmp_path), code, WANDB_SILENT="true", WANDB_CONSOLE="wrap")
    runs = bring(project, "wandb-offline", str(tmp_path / "wandb"), runs=2)
    found = {manifest(project, run)["status"]: run for run in runs}
    assert set(found) == {"finished", "failed"}
    run = found["finished"]
    known = assert_imported(project, run, "wandb-offline")
    assert (known["name"], known["experiment"], known["tags"]) == ("nice name", "theirs", ["t"])
    assert known["params"]["lr"] == 0.5 and "_wandb" not in known["params"]
    assert points(project, run, "loss") == [(i, 1 / (i + 1)) for i in range(3000)]
    ((_, odd),) = points(project, run, "odd")
    assert math.isnan(odd) and "text" not in known["metrics"]
    (file,) = (one for one in (tmp_path / "wandb").rglob("*.wandb") if known["imported"]["place"] == str(one))
    cut = tmp_path / "cut.wandb"
    cut.write_bytes(file.read_bytes()[:60_000])
    other = tmp_path / "other"
    other.mkdir()
    (part,) = bring(other, "wandb-offline", str(cut), runs=1)
    assert manifest(other, part)["status"] == "interrupted" and 100 < len(points(other, part, "loss")) < 3000
    cut.write_text("no such file")
    done = reenact("import", "wandb-offline", str(cut), cwd=other)
    assert done.returncode == 2 and "W&B" in done.stderr


def test_two_that_would_have_one_id(project: Path) -> None:
    """The id has four characters of what a run is called elsewhere: another one with the same gets another."""
    from datetime import datetime, timezone

    from reenact.exchange import writer
    from reenact.store.project import Store

    store = Store(project)
    store.create()
    when = datetime(2024, 1, 1, tzinfo=timezone.utc)
    one = writer.Foreign("mlflow", "a", "here", when)
    run, fresh = writer.write(store, one)
    assert fresh
    # As if its four characters were those of another.
    other = writer.Foreign("mlflow", "b", "here", when)
    taken = store.run_dir(writer.run_id(other))
    store.run_dir(run).rename(taken)
    second, fresh = writer.write(store, other)
    assert fresh and second != taken.name and writer.write(store, other) == (second, False)
