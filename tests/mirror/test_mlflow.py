"""``reenact mirror mlflow``: what MLflow's own client gives back, from a real server on SQLite and on PostgreSQL; never twice."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers import Server, assert_the_same_points, copies

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import last_json, manifest, record, reenact

SCRIPT = """\
import pickle, reenact, sys
from sklearn.linear_model import LinearRegression
lr = 0.1
wide = 2
rows = [line.split(",") for line in open("data/points.csv").read().split()]
model = LinearRegression().fit([[float(x)] for x, _ in rows], [float(y) for _, y in rows])
for i in range(1500):
    reenact.log({"val/loss": 1 / (i + 1)}, step=i)
for value in (float("inf"), float("-inf"), float("nan"), -0.0, 5e-324, 2.0**60 + 1):
    reenact.log(odd=value)
for name in ("acc@1", "acc#1", "a//b", "../x", "ü", "x" * 300, "x" * 299 + "y", 'say "it"', ""):
    reenact.log({name: 1.0}, step=3)
for _ in range(3):
    reenact.log({"same": 0.5}, step=0)
pickle.dump(model, open("model.pkl", "wb"))
open("weights.bin", "w").write("weights")
print("printed")
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def tracker(request: pytest.FixtureRequest, killable: Callable[[str], Server]) -> Server:
    return killable(request.param)


def mirror(project: Path, server: Server, *words: str, expected: int = 0) -> Any:
    done = reenact("mirror", "mlflow", *words, cwd=project, env={"MLFLOW_TRACKING_URI": server.uri}, timeout=180)
    assert done.returncode == expected and "Traceback" not in done.stderr, done.stderr
    return done


def test_everything_is_there_once(
    project: Path, tracker: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "data").mkdir()
    (project / "data" / "points.csv").write_text("1,2\n2,4\n3,6\n")
    (project / "train.py").write_text(SCRIPT)
    run = record("--name", "first", "--tag", "good", "--tag", "a@b", "--note", "a note", "train.py", cwd=project)
    for fresh in (True, False, False):
        assert ("1 of 1 runs copied" in mirror(project, tracker, "--all").stderr) is fresh
    client = tracker.client()
    copy = copies(client, project.name)[run]
    known = manifest(project, run)
    assert (copy.info.run_name, copy.info.status) == ("first", "FINISHED")
    assert copy.data.params["lr"] == "0.1" and copy.data.params["wide"] == "2"
    tags = copy.data.tags
    assert tags["tag.good"] == "true" and tags["mlflow.note.content"] == "a note" and "tag.a_b" in " ".join(tags)
    assert (tags["reenact.recipe"], tags["reenact.result"]) == (known["recipe"], known["result"])
    assert tags["mlflow.source.name"].endswith("train.py")
    # The points: each of them, once, also of names that MLflow does not take.
    assert_the_same_points(client, copy, project, run)
    assert len(client.get_metric_history(copy.info.run_id, "same")) == 3
    odd = client.get_metric_history(copy.info.run_id, "odd")
    assert len(odd) == 6 and sum(math.isnan(one.value) for one in odd) == 1
    names = {
        key.removeprefix("reenact.metric."): name for key, name in tags.items() if key.startswith("reenact.metric.")
    }
    assert {"acc@1", "acc#1", "a//b", "../x", 'say "it"'} <= set(names.values()) and "ü" in copy.data.metrics
    # The data, by name and digest.
    (dataset,) = [one.dataset for one in copy.inputs.dataset_inputs if one.dataset.name == "data/points.csv"]
    (recorded,) = [one for one in known["inputs"] if one["path"] == "data/points.csv"]
    assert recorded["digest"].removeprefix("sha256:").startswith(dataset.digest) and len(dataset.digest) == 36
    assert json.loads(dataset.profile)["digest"] == recorded["digest"]
    # The files.
    place = Path(client.download_artifacts(copy.info.run_id, "outputs/weights.bin", str(tmp_path)))
    assert place.read_text() == "weights"
    assert "printed" in Path(client.download_artifacts(copy.info.run_id, "reenact/log.txt", str(tmp_path))).read_text()
    report = Path(client.download_artifacts(copy.info.run_id, "reenact/report.html", str(tmp_path))).read_text()
    assert run in report and '"name":"val/loss"' in report
    there = Path(client.download_artifacts(copy.info.run_id, "reenact/manifest.json", str(tmp_path)))
    assert json.loads(there.read_bytes())["result"] == known["result"]
    # The model is loaded by MLflow, whose business it is to unpickle.
    (output,) = copy.outputs.model_outputs
    logged = client.get_logged_model(output.model_id)
    assert logged.status.name == "READY" and logged.source_run_id == copy.info.run_id
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracker.uri)
    model = mlflow.sklearn.load_model(f"models:/{output.model_id}")
    assert round(float(model.predict([[4.0]])[0]), 6) == 8.0
    assert round(float(mlflow.pyfunc.load_model(logged.model_uri).predict([[4.0]])[0]), 6) == 8.0
    # A verdict and labels come later, and are told without another copy.
    assert reenact("verify", run, cwd=project).returncode in (0, 1)
    assert reenact("tag", run, "better", cwd=project).returncode == 0
    assert reenact("tag", run, "good", "--remove", cwd=project).returncode == 0
    mirror(project, tracker, run)
    later = copies(client, project.name)[run]
    assert later.info.run_id == copy.info.run_id and later.data.tags["reenact.verdict"]
    assert "tag.better" in later.data.tags and "tag.good" not in later.data.tags
    assert len(client.search_logged_models([later.info.experiment_id])) == 1


def test_one_that_was_cut_short_is_gone_on_with(project: Path, server: Server) -> None:
    (project / "train.py").write_text("import reenact\nfor i in range(2500): reenact.log(a=i % 7)\n")
    run = record("train.py", cwd=project)
    mirror(project, server, run)
    client = server.client()
    half = copies(client, project.name)[run]
    client.delete_tag(half.info.run_id, "reenact.mirrored")
    for path in (project / ".reenact" / "cache" / "mlflow").glob("*/*.json"):
        path.unlink()
    mirror(project, server, run)
    copy = copies(client, project.name)[run]
    assert copy.info.run_id == half.info.run_id
    assert_the_same_points(client, copy, project, run)
    # One that was put into the trash is made anew.
    client.delete_run(copy.info.run_id)
    mirror(project, server, run)
    anew = copies(client, project.name)[run]
    assert anew.info.run_id != copy.info.run_id
    assert_the_same_points(client, anew, project, run)


def test_trials_are_below_their_sweep(project: Path, server: Server) -> None:
    (project / "train.py").write_text(
        "import hydra, reenact\n@hydra.main(version_base=None)\ndef main(cfg):\n    reenact.log(x=cfg.a)\nmain()\n"
    )
    sweep = record("--name", "s", "train.py", "-m", "+a=1,2", cwd=project)
    mirror(project, server, f"{sweep}.1")  # alone, before its sweep
    mirror(project, server, "--all")
    found = copies(server.client(), project.name)
    assert set(found) == {sweep, f"{sweep}.0", f"{sweep}.1"}
    mirror(project, server, "--all")
    found = copies(server.client(), project.name)
    for number in (0, 1):
        trial = found[f"{sweep}.{number}"]
        assert trial.data.tags["mlflow.parentRunId"] == found[sweep].info.run_id
        assert trial.data.metrics["x"] == number + 1 and trial.info.run_name == f"s.{number}"


def test_long_and_odd_params(project: Path, tracker: Server) -> None:
    (project / "train.py").write_text("none = None\n")
    many = [word for i in range(120) for word in (f"--p{i}", "ü" * 900)]
    run = record("train.py", "--long", "x" * 7000, "--odd", "a\nb\t\"'☃", "--a", "1", "a@b=2", *many, cwd=project)
    mirror(project, tracker, run)
    copy = copies(tracker.client(), project.name)[run]
    params = copy.data.params
    assert params["long"] == "x" * 5999 + "…" and params["odd"] == "a\nb\t\"'☃" and params["none"] == "null"
    assert all(params[f"p{i}"] == "ü" * 900 for i in range(120))
    (key,) = [tag for tag, name in copy.data.tags.items() if name == "a@b"]
    assert params[key.removeprefix("reenact.param.")] == "2"


def test_the_file_in_the_store(project: Path) -> None:
    (project / "train.py").write_text(
        "import reenact, sys\nreenact.log(a=1)\nopen('out.txt', 'w').write('x')\nsys.exit(3)\n"
    )
    done = reenact("run", "--mlflow", "train.py", cwd=project, timeout=180)
    assert done.returncode == 3 and "copied to MLflow" in done.stderr, done.stderr
    from mlflow import MlflowClient

    uri = f"sqlite:///{project / '.reenact' / 'mlflow.db'}"
    (copy,) = copies(MlflowClient(uri, uri), project.name).values()
    assert copy.info.status == "FAILED" and copy.data.metrics["a"] == 1.0
    # Nothing of it lies in the project, and git does not see it.
    assert {path.name for path in project.iterdir()} == {".reenact", "train.py", "out.txt"}
    assert "/mlflow.db*" in (project / ".reenact" / ".gitignore").read_text()
    assert Path(copy.info.artifact_uri.removeprefix("file://").replace("%20", " ")).is_relative_to(project / ".reenact")
    done = reenact("mirror", "mlflow", cwd=project)
    assert done.returncode == 2 and "--all" in done.stderr


@pytest.mark.parametrize("content", [b"this is no database", b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_database_that_is_none(project: Path, content: bytes) -> None:
    (project / "train.py").write_text("print(1)\n")
    run = record("train.py", cwd=project)
    (project / "odd.db").write_bytes(content)
    done = reenact("mirror", "mlflow", run, "--uri", "sqlite:///odd.db", cwd=project, timeout=120)
    assert done.returncode == 1 and "MLflow at sqlite:///" in done.stderr and "Traceback" not in done.stderr, (
        done.stderr
    )
    assert (project / "odd.db").read_bytes() == content


def test_an_experiment_in_the_trash(project: Path, server: Server) -> None:
    (project / "train.py").write_text("print(1)\n")
    run = record("--experiment", project.name + " ü'\"", "train.py", cwd=project)
    mirror(project, server, run)
    client = server.client()
    client.delete_experiment(client.get_experiment_by_name(project.name + " ü'\"").experiment_id)
    for path in (project / ".reenact" / "cache" / "mlflow").glob("*/*.json"):
        path.unlink()
    done = mirror(project, server, run, expected=1)
    assert "trash" in done.stderr and "restore" in done.stderr


def test_secrets_behind_options_are_never_sent(project: Path, server: Server) -> None:
    """Which word of a command line is a secret is known only once the program parses it; nothing goes out before."""
    (project / "train.py").write_text(
        "import argparse, reenact, time\n"
        "parser = argparse.ArgumentParser()\nparser.add_argument('-k', '--api-key')\n"
        "for i in range(100): reenact.log(before=i)\n"
        "time.sleep(2.5)\n"
        "parser.parse_args()\n"
        "for i in range(100): reenact.log(after=i)\n"
    )
    env = {"MLFLOW_TRACKING_URI": server.uri}
    done = reenact("run", "--json", "--mlflow", "train.py", "-k", "hunter2hunter2", cwd=project, env=env, timeout=120)
    assert done.returncode == 0, done.stderr
    copy = copies(server.client(), project.name)[last_json(done.stdout)["run"]]
    assert "hunter2" not in json.dumps([copy.data.params, copy.data.tags])
    assert "hunter2" not in (server.folder / "server.log").read_text(errors="replace")


def test_in_a_browser(project: Path, server: Server, browser: Any) -> None:
    """MLflow's own page of a run shows its param, and its metric with a curve."""
    (project / "train.py").write_text(
        "import reenact\nrate = 0.125\nfor i in range(60): reenact.log(accuracy=i / (i + 9), loss=5 / (i + 5))\n"
    )
    run = record("--name", "seen in a browser", "--tag", "good", "train.py", cwd=project)
    assert reenact("verify", run, cwd=project).returncode == 0
    mirror(project, server, run)
    copy = copies(server.client(), project.name)[run]
    page = browser.new_page(viewport={"width": 1500, "height": 800})
    where = f"{server.uri}/#/experiments/{copy.info.experiment_id}/runs/{copy.info.run_id}"
    page.goto(where)
    page.get_by_text("seen in a browser").first.wait_for(timeout=60_000)
    for word in ("accuracy", "rate", "0.125"):
        page.get_by_text(word, exact=True).first.wait_for()
    if os.environ.get("REENACT_TEST_PICTURES"):
        page.screenshot(path=f"{os.environ['REENACT_TEST_PICTURES']}/mlflow.png")
    page.goto(f"{where}/model-metrics")
    page.locator(".js-plotly-plot").first.wait_for(timeout=60_000)
    if os.environ.get("REENACT_TEST_PICTURES"):
        page.screenshot(path=f"{os.environ['REENACT_TEST_PICTURES']}/mlflow2.png")
    page.close()
