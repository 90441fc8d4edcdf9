"""``run --mlflow``: a real server that is killed, stopped, missing; what MLflow has in the end is every point once, and nothing waits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from servers import Server, assert_the_same_points, copies, eventually

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import COMMAND, environment, last_json, manifest, reenact

# Goes on as the test says: it writes where it is, and waits for the word.
STAGES = """\
import os, reenact, time
lr = 0.1
def wait(name):
    open("at-" + name, "w").close()
    while not os.path.exists("go-" + name):
        time.sleep(0.02)
for i in range(400):
    reenact.log({"loss": 1 / (i + 1)}, step=i)
reenact.log(same=1.0)
wait("one")
for i in range(400, 2600):
    reenact.log({"loss": 1 / (i + 1), "again": 0.5}, step=i)
    reenact.log({"again": 0.5}, step=i)
wait("two")
for i in range(2600, 3000):
    reenact.log({"loss": 1 / (i + 1)}, step=i)
reenact.log({"late": float("nan")}, step=1)
open("model.bin", "w").write("weights")
"""


def begin(project: Path, server: Server, *words: str) -> subprocess.Popen[str]:
    """``reenact run --mlflow`` of the stages, up to its first word."""
    (project / "train.py").write_text(STAGES)
    process = subprocess.Popen(
        [*COMMAND, "run", "--json", "--mlflow", *words, "train.py"],
        cwd=project,
        env=environment({"MLFLOW_TRACKING_URI": server.uri}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually((project / "at-one").exists)
    return process


def progress(project: Path) -> dict[str, Any]:
    found = list((project / ".reenact" / "cache" / "mlflow").glob("*/*.json"))
    try:
        return json.loads(found[0].read_bytes()) if found else {}
    except FileNotFoundError:
        return {}


def follower(project: Path) -> int:
    """The process that copies, by what it is called and where it works."""
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes()
            if b"reenact.cli.mirroring" in words and os.readlink(entry / "cwd") == str(project / ".reenact"):
                return int(entry.name)
        except OSError:
            continue
    return 0


def arrived(server: Server, project: Path, key: str) -> int:
    """How many points of a metric MLflow has."""
    client = server.client()
    return sum(len(client.get_metric_history(one.info.run_id, key)) for one in copies(client, project.name).values())


def test_points_are_there_while_it_runs_and_a_server_that_is_killed_loses_none(project: Path, own: Server) -> None:
    process = begin(project, own)
    eventually(lambda: arrived(own, project, "loss") == 400)
    (copy,) = copies(own.client(), project.name).values()
    assert copy.info.status == "RUNNING"
    eventually(lambda: copies(own.client(), project.name).popitem()[1].data.params.get("lr") == "0.1")
    own.kill()
    (project / "go-one").touch()
    eventually((project / "at-two").exists)
    eventually(lambda: progress(project)["state"] == "unreached")
    own.start()
    eventually(lambda: arrived(own, project, "loss") == 2600)
    (project / "go-two").touch()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and "copied to MLflow at" in err, err
    run = last_json(out)["run"]
    copy = copies(own.client(), project.name)[run]
    assert copy.info.status == "FINISHED" and copy.data.tags["reenact.result"] == manifest(project, run)["result"]
    assert_the_same_points(own.client(), copy, project, run)


def test_a_server_that_is_killed_at_any_moment(project: Path, own: Server) -> None:
    """Again and again while points are being sent: some requests are answered, some were worked on and never answered."""
    process = begin(project, own)
    (project / "go-one").touch()
    for pause in (0.0, 0.05, 0.2):
        eventually(lambda: progress(project).get("state") == "sending")
        eventually(lambda: progress(project).get("trying") or progress(project).get("sent", {}).get("again"))
        signal_after(own, pause)
        own.start()
    (project / "go-two").touch()
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    run = last_json(out)["run"]
    eventually(lambda: progress(project)["state"] == "done", 120)
    assert_the_same_points(own.client(), copies(own.client(), project.name)[run], project, run)


def signal_after(server: Server, pause: float) -> None:
    import time

    time.sleep(pause)
    server.kill()


def test_the_mirror_is_killed_and_another_one_goes_on(project: Path, server: Server) -> None:
    process = begin(project, server)
    (project / "go-one").touch()
    eventually(lambda: arrived(server, project, "again") > 0)
    pid = eventually(lambda: follower(project))
    os.kill(pid, signal.SIGKILL)
    (project / "go-two").touch()
    out, err = process.communicate(timeout=60)
    run = last_json(out)["run"]
    assert process.returncode == 0 and f"reenact mirror mlflow {run}" in err, err
    done = reenact("mirror", "mlflow", run, cwd=project, env={"MLFLOW_TRACKING_URI": server.uri}, timeout=120)
    assert done.returncode == 0, done.stderr
    assert_the_same_points(server.client(), copies(server.client(), project.name)[run], project, run)


@pytest.mark.parametrize("lost", ["progress", "trying"])
def test_without_its_notes_the_server_is_asked(project: Path, server: Server, lost: str) -> None:
    process = begin(project, server)
    (project / "go-one").touch()
    eventually(lambda: arrived(server, project, "again") == 4400)
    os.kill(eventually(lambda: follower(project)), signal.SIGKILL)
    (path,) = (project / ".reenact" / "cache" / "mlflow").glob("*/*.json")
    if lost == "progress":
        path.unlink()
    else:
        # As if it had died between an answer and the note of it: what was sent last is not known to have arrived.
        notes = json.loads(path.read_bytes())
        notes["trying"] = notes["sent"]
        notes["sent"] = {name: count // 3 for name, count in notes["sent"].items()}
        path.write_text(json.dumps(notes))
    (project / "go-two").touch()
    out, _ = process.communicate(timeout=60)
    run = last_json(out)["run"]
    env = {"MLFLOW_TRACKING_URI": server.uri}
    assert reenact("mirror", "mlflow", run, cwd=project, env=env, timeout=120).returncode == 0
    assert_the_same_points(server.client(), copies(server.client(), project.name)[run], project, run)


@pytest.mark.parametrize("own", ["sqlite"], indirect=True)
def test_a_server_that_hangs_holds_nothing_up(project: Path, own: Server) -> None:
    process = begin(project, own)
    eventually(lambda: arrived(own, project, "loss") == 400)
    own.signal(signal.SIGSTOP)
    try:
        (project / "go-one").touch()
        (project / "go-two").touch()
        eventually((project / "model.bin").exists)  # the training is over, whatever the server does
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0 and "not copied to MLflow yet" in err, err
    finally:
        own.signal(signal.SIGCONT)
    run = last_json(out)["run"]
    # The process beside it has not given up.
    eventually(lambda: progress(project)["state"] == "done", 120)
    assert_the_same_points(own.client(), copies(own.client(), project.name)[run], project, run)


@pytest.mark.parametrize(
    "uri",
    [
        "http://no-such-host.invalid:5000",
        "http://127.0.0.1:9",
        "postgresql+psycopg2://u:geheim@no-such-host.invalid/db",
        "nonsense://somewhere",
    ],
)
def test_an_address_that_leads_nowhere(project: Path, uri: str) -> None:
    (project / "train.py").write_text("import reenact\nreenact.log(a=1)\n")
    settings = '[tool.reenact.mirror.mlflow]\nlive = true\npatience = 0\nuri = "' + uri + '"\n'
    (project / "pyproject.toml").write_text(settings)
    done = reenact("run", "--json", "train.py", cwd=project, timeout=120)
    assert done.returncode == 0 and "not copied to MLflow" in done.stderr and "Traceback" not in done.stderr
    assert "geheim" not in done.stderr
    run = last_json(done.stdout)["run"]
    done = reenact("mirror", "mlflow", run, cwd=project, timeout=120)
    assert done.returncode == (1 if uri.startswith("nonsense") else 4), done.stderr
    assert "MLflow at" in done.stderr and "Traceback" not in done.stderr and "geheim" not in done.stderr
    if not uri.startswith("nonsense"):
        return
    # Nothing is lost: another address has all of it.
    (project / "pyproject.toml").unlink()
    done = reenact("mirror", "mlflow", run, cwd=project, timeout=120)
    assert done.returncode == 0, done.stderr


def test_detached(project: Path, server: Server) -> None:
    env = {"MLFLOW_TRACKING_URI": server.uri}
    (project / "train.py").write_text("import reenact\nfor i in range(100): reenact.log(a=i)\n")
    done = reenact("run", "-d", "--mlflow", "train.py", cwd=project, env=env)
    assert done.returncode == 0, done.stderr
    run = done.stdout.strip()
    eventually(lambda: progress(project).get("state") == "done")
    copy = copies(server.client(), project.name)[run]
    assert_the_same_points(server.client(), copy, project, run)


def test_the_program_sees_nothing_of_it(project: Path, server: Server) -> None:
    (project / "train.py").write_text(
        "import json, os, sys\n"
        "env = {k: v for k, v in os.environ.items() if k not in ('MLFLOW_TRACKING_URI',)}\n"
        "children = open(f'/proc/{os.getpid()}/task/{os.getpid()}/children').read()\n"
        "print(json.dumps([env, sorted(sys.modules), children, os.nice(0)]))\n"
    )
    told = []
    for words in (["--mlflow"], []):
        done = reenact("run", *words, "train.py", cwd=project, env={"MLFLOW_TRACKING_URI": server.uri}, timeout=60)
        assert done.returncode == 0, done.stderr
        told.append(json.loads(done.stdout))
    assert told[0] == told[1]


def test_a_name_that_comes_to_mean_something_else(project: Path, server: Server) -> None:
    """The losses of the trace are ``loss`` until the program logs a ``loss`` of its own."""
    pytest.importorskip("torch")
    (project / "train.py").write_text(
        "import os, time, torch, reenact\n"
        "model = torch.nn.Linear(2, 1)\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.01)\n"
        "for step in range(40):\n"
        "    loss = model(torch.ones(4, 2)).square().mean()\n"
        "    optimizer.zero_grad(); loss.backward(); optimizer.step()\n"
        "    time.sleep(0.01)\n"
        "open('at-one', 'w').close()\n"
        "while not os.path.exists('go-one'): time.sleep(0.02)\n"
        "reenact.log(loss=42.0)\n"
    )
    env = environment({"MLFLOW_TRACKING_URI": server.uri})
    process = subprocess.Popen(
        [*COMMAND, "run", "--json", "--mlflow", "train.py"], cwd=project, env=env, stdout=subprocess.PIPE, text=True
    )
    eventually(lambda: arrived(server, project, "loss") > 20)
    (project / "go-one").touch()
    out, _ = process.communicate(timeout=60)
    run = last_json(out)["run"]
    (copy,) = copies(server.client(), project.name).values()
    assert copy.data.metrics["loss"] == 42.0
    assert_the_same_points(server.client(), copy, project, run)


def test_a_sweep_is_a_run_and_its_trials_are_below_it(project: Path, server: Server) -> None:
    (project / "train.py").write_text(
        "import hydra, reenact\n@hydra.main(version_base=None)\ndef main(cfg):\n    reenact.log(x=cfg.a)\nmain()\n"
    )
    env = {"MLFLOW_TRACKING_URI": server.uri}
    done = reenact("run", "--json", "--mlflow", "train.py", "-m", "+a=1,2", cwd=project, env=env, timeout=120)
    assert done.returncode == 0 and "copied to MLflow" in done.stderr, done.stderr
    sweep = last_json(done.stdout)["run"]
    found = copies(server.client(), project.name)
    assert set(found) == {sweep, f"{sweep}.0", f"{sweep}.1"}
    below = server.client().search_runs(
        [found[sweep].info.experiment_id], f"tags.`mlflow.parentRunId` = '{found[sweep].info.run_id}'"
    )
    assert {one.data.tags["reenact.run"]: one.data.params["a"] for one in below} == {
        f"{sweep}.0": "1",
        f"{sweep}.1": "2",
    }
    assert {one.data.metrics["x"] for one in below} == {1.0, 2.0}


def test_trials_are_there_while_their_sweep_goes_on(project: Path, server: Server) -> None:
    (project / "train.py").write_text(
        "import hydra, os, reenact, time\n@hydra.main(version_base=None)\ndef main(cfg):\n"
        "    for i in range(300): reenact.log({'x': cfg.a * i}, step=i)\n"
        "    while cfg.a == 2 and not os.path.exists('go-one'): time.sleep(0.05)\n"
        "    reenact.log(end=cfg.a)\nmain()\n"
    )
    env = environment({"MLFLOW_TRACKING_URI": server.uri})
    words = [*COMMAND, "run", "--json", "--mlflow", "--name", "s", "train.py", "-m", "+a=1,2"]
    process = subprocess.Popen(words, cwd=project, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def live() -> dict[str, Any]:
        found = {one.info.run_name: one for one in copies(server.client(), project.name).values()}
        whole = {"s", "s.0", "s.1"} == set(found) and all("x" in found[name].data.metrics for name in ("s.0", "s.1"))
        return found if whole and found["s.0"].data.params.get("a") == "1" else {}

    found = eventually(live)
    assert {one.info.status for one in found.values()} == {"RUNNING"}
    assert found["s.1"].data.tags["mlflow.parentRunId"] == found["s"].info.run_id
    (project / "go-one").touch()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and "copied to MLflow" in err, err
    sweep = last_json(out)["run"]
    there = copies(server.client(), project.name)
    assert set(there) == {sweep, f"{sweep}.0", f"{sweep}.1"}
    for number in (0, 1):
        trial = there[f"{sweep}.{number}"]
        assert trial.info.run_id == found[f"s.{number}"].info.run_id and trial.info.status == "FINISHED"
        assert_the_same_points(server.client(), trial, project, f"{sweep}.{number}")


def test_settings(project: Path) -> None:
    (project / "train.py").write_text("import reenact\nreenact.log(a=1)\n")
    (project / "reenact.toml").write_text("[mirror.mlflow]\nliev = true\n")
    done = reenact("run", "train.py", cwd=project)
    assert done.returncode == 2 and "liev" in done.stderr and "live" in done.stderr
    (project / "reenact.toml").write_text('[mirror.mlflow]\nlive = "yes"\n')
    done = reenact("run", "train.py", cwd=project)
    assert done.returncode == 2 and "live" in done.stderr and not list((project / ".reenact" / "runs").iterdir())
    (project / "reenact.toml").write_text(
        '[mirror.mlflow]\nlive = true\nuri = "sqlite:///my.db"\nexperiment = "ours"\n'
    )
    (project / "pyproject.toml").write_text("[tool.reenact.mirror.mlflow]\nlive = false\nartifacts = false\n")
    done = reenact("run", "--json", "train.py", cwd=project, timeout=120)
    assert "copied to MLflow" in done.stderr and (project / "my.db").exists(), done.stderr
    run = last_json(done.stdout)["run"]
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project}/my.db", f"sqlite:///{project}/my.db")
    assert client.list_artifacts(copies(client, "ours")[run].info.run_id) == []
    # A verdict is told without being asked, as every run is copied.
    assert reenact("verify", run, cwd=project).returncode == 0
    eventually(lambda: copies(client, "ours")[run].data.tags.get("reenact.verdict") == "identical")
    done = reenact("run", "--no-mlflow", "--json", "train.py", cwd=project)
    assert "MLflow" not in done.stderr and last_json(done.stdout)["run"] not in copies(client, "ours")
