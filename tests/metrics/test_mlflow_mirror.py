"""``reenact mirror mlflow``: what MLflow's own client gives back, in a real store of its; never twice, never to the run's harm."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import last_json, manifest, record, reenact

pytest.importorskip("mlflow", reason="mlflow is not installed")
pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed")

SCRIPT = """\
import reenact
lr = 0.1
for i in range(1500):
    reenact.log({"val/loss": 1 / (i + 1)}, step=i)
reenact.log({'odd "name" ü': float("nan")}, step=3)
open("model.bin", "w").write("weights")
print("printed")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "proj"
    folder.mkdir()
    (folder / "train.py").write_text(SCRIPT)
    return folder


def client(project: Path):
    from mlflow import MlflowClient

    uri = f"sqlite:///{project / '.reenact' / 'mlflow.db'}"
    return MlflowClient(uri, uri)


def runs(project: Path) -> list:
    found = client(project)
    names = [one.experiment_id for one in found.search_experiments()]
    return found.search_runs(names, order_by=["attributes.start_time"])


def test_everything_is_there_once(project: Path) -> None:
    run = record("--name", "first", "--tag", "good", "--note", "a note", "train.py", cwd=project)
    for fresh in (True, False, False):
        done = reenact("mirror", "mlflow", "--all", cwd=project, timeout=180)
        assert done.returncode == 0, done.stderr
        assert ("1 of 1 runs copied" in done.stderr) is fresh
    (copy,) = runs(project)
    assert (copy.info.run_name, copy.info.status) == ("first", "FINISHED")
    assert copy.data.params["lr"] == "0.1"
    assert copy.data.tags["reenact.run"] == run and copy.data.tags["tag.good"] == "true"
    assert copy.data.tags["mlflow.note.content"] == "a note"
    assert copy.data.tags["reenact.result"] == manifest(project, run)["result"]
    found = client(project)
    history = sorted((one.step, one.value) for one in found.get_metric_history(copy.info.run_id, "val/loss"))
    assert history == [(i, 1 / (i + 1)) for i in range(1500)]
    (odd,) = found.get_metric_history(copy.info.run_id, "odd _name_ _")
    assert odd.step == 3 and math.isnan(odd.value)
    place = Path(found.download_artifacts(copy.info.run_id, "outputs/model.bin"))
    assert place.read_text() == "weights"
    assert "printed" in Path(found.download_artifacts(copy.info.run_id, "reenact/log.txt")).read_text()
    # A verdict comes later, and is told without another copy.
    assert reenact("verify", run, cwd=project).returncode == 0
    assert reenact("mirror", "mlflow", run, cwd=project, timeout=180).returncode == 0
    (copy,) = runs(project)
    assert copy.data.tags["reenact.verdict"] == "identical"


def test_one_that_was_cut_short_is_made_anew(project: Path) -> None:
    run = record("train.py", cwd=project)
    assert reenact("mirror", "mlflow", run, cwd=project, timeout=180).returncode == 0
    (half,) = runs(project)
    client(project).delete_tag(half.info.run_id, "reenact.mirrored")
    assert reenact("mirror", "mlflow", run, cwd=project, timeout=180).returncode == 0
    (copy,) = runs(project)
    assert copy.info.run_id != half.info.run_id
    assert len(client(project).get_metric_history(copy.info.run_id, "val/loss")) == 1500


def test_trials_are_below_their_sweep(project: Path) -> None:
    (project / "train.py").write_text(
        "import hydra, reenact\n@hydra.main(version_base=None)\ndef main(cfg):\n    reenact.log(x=cfg.a)\nmain()\n"
    )
    sweep = record("train.py", "-m", "+a=1,2", cwd=project)
    assert reenact("mirror", "mlflow", sweep, f"{sweep}.0", f"{sweep}.1", cwd=project, timeout=180).returncode == 0
    found = {copy.data.tags["reenact.run"]: copy for copy in runs(project)}
    assert set(found) == {sweep, f"{sweep}.0", f"{sweep}.1"}
    for number in (0, 1):
        trial = found[f"{sweep}.{number}"]
        assert trial.data.tags["mlflow.parentRunId"] == found[sweep].info.run_id
        assert trial.data.metrics["x"] == number + 1


def test_a_server_that_is_down_costs_the_run_nothing(project: Path) -> None:
    env = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    done = reenact("run", "--json", "--mlflow", "train.py", cwd=project, env=env, timeout=180)
    assert done.returncode == 0 and "not copied to MLflow" in done.stderr
    run = last_json(done.stdout)["run"]
    done = reenact("mirror", "mlflow", run, cwd=project, env=env, timeout=180)
    assert done.returncode == 4 and "cannot be reached" in done.stderr and "Traceback" not in done.stderr
    # Later, with one that is there, nothing is lost.
    assert reenact("mirror", "mlflow", "--all", cwd=project, timeout=180).returncode == 0
    assert [copy.data.tags["reenact.run"] for copy in runs(project)] == [run]


def test_the_option_of_run(project: Path) -> None:
    (project / "train.py").write_text("import reenact, sys\nreenact.log(a=1)\nsys.exit(3)\n")
    done = reenact("run", "--mlflow", "train.py", cwd=project, timeout=180)
    assert done.returncode == 3 and "copied to MLflow" in done.stderr, done.stderr
    (copy,) = runs(project)
    assert copy.info.status == "FAILED" and copy.data.metrics == {"a": 1.0}
    done = reenact("mirror", "mlflow", cwd=project)
    assert done.returncode == 2 and "--all" in done.stderr
