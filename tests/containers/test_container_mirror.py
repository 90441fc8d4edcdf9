"""``run --image --mlflow``: a run in a container is copied while it goes on, as any other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reenact.engine.image import Image

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
sys.path.insert(0, str(Path(__file__).parent.parent / "mirror"))
from endtoend import COMMAND, environment, last_json
from servers import assert_the_same_points, copies, eventually

SCRIPT = """\
import os, reenact, time
rate = 0.5
for i in range(200):
    reenact.log(loss=1 / (i + 1))
while not os.path.exists("go"):
    time.sleep(0.05)
reenact.log(last=1)
"""


def test_it_is_there_while_it_runs(docker, base_image: Image, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow import MlflowClient

    project = tmp_path / 'a project\'s "näme", ☃'
    project.mkdir()
    (project / "train.py").write_text(SCRIPT)
    database = tmp_path / "tracking.db"
    uri = f"sqlite:///{database}"
    client = MlflowClient(uri, uri)
    process = subprocess.Popen(
        [*COMMAND, "run", "--json", "--mlflow", "--image", base_image.name, "train.py"],
        cwd=project,
        env=environment({"MLFLOW_TRACKING_URI": uri}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        live = eventually(lambda: [one for one in copies(client, project.name).values() if "loss" in one.data.metrics])
        assert live[0].info.status == "RUNNING"
    finally:
        (project / "go").touch()
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and "copied to MLflow" in err, err
    run = last_json(out)["run"]
    copy = copies(client, project.name)[run]
    assert copy.info.status == "FINISHED" and copy.data.params["rate"] == "0.5" and copy.data.tags["reenact.image"]
    assert_the_same_points(client, copy, project, run)
