"""Sweeps: each job of a multirun is a run of its own, can be executed again by itself, and a killed sweep goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from endtoend import COMMAND, environment, last_json, manifest, record, reenact, run_folder

from reenact.replay.sandbox import available

# Nothing is seeded: what a job draws must come out again all the same. A job stops where a file of its name lies.
APP = """\
import os
import random
import time

import hydra
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    hydra_cfg = HydraConfig.get()
    here = hydra_cfg.runtime.output_dir
    if hydra_cfg.mode.name == "MULTIRUN" and os.path.exists(f"stop{hydra_cfg.job.num}"):
        open("reached", "w").close()
        time.sleep(60)
    if hydra_cfg.mode.name == "MULTIRUN" and os.path.exists(f"raise{hydra_cfg.job.num}"):
        raise ValueError("as asked")
    value = random.random() * cfg.optim.lr + cfg.model.hidden
    with open(here + "/result.txt", "w") as file:
        file.write(f"{value} {cfg.stamp}")
    return value


if __name__ == "__main__":
    main()
"""


@pytest.fixture
def sweep_app(app: Path) -> Path:
    """An app whose jobs draw numbers, and return one."""
    (app / "sweep.py").write_text(APP)
    config = app / "conf" / "config.yaml"
    config.write_text(config.read_text().replace("noise: ${random:}\n", ""))
    return app


def _trials(app: Path, run: str) -> list[dict[str, Any]]:
    return json.loads(reenact("sweep", "show", run, "--json", cwd=app).stdout)


def _results(app: Path, trials: list[dict[str, Any]]) -> list[tuple[Any, str]]:
    """(value returned, digest of result.txt) of each trial."""
    found = []
    for trial in trials:
        (digest,) = [o["digest"] for o in manifest(app, trial["run"])["outputs"] if o["path"].endswith("result.txt")]
        found.append((trial["returned"], digest))
    return found


def _killed(app: Path, *words: str, at: int, number: int = signal.SIGKILL) -> str:
    """A sweep that gets a signal while its job ``at`` is going on; its id."""
    (app / f"stop{at}").touch()
    (app / "reached").unlink(missing_ok=True)
    before = set(os.listdir(app / ".reenact" / "runs")) if (app / ".reenact").exists() else set()
    process = subprocess.Popen(
        [*COMMAND, "run", "--quiet", "sweep.py", "-m", *words],
        cwd=app,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (app / "reached").exists():
        assert process.poll() is None
        time.sleep(0.05)
    (run,) = (one for one in set(os.listdir(app / ".reenact" / "runs")) - before if "." not in one)
    _kill(app, run, process, number)
    (app / f"stop{at}").unlink()
    return run


def _kill(app: Path, run: str, process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
    """The program gets the signal; with SIGKILL reenact too, first."""
    if number == signal.SIGKILL:
        process.kill()
    os.kill(json.loads((run_folder(app, run) / "process.json").read_bytes())["pid"], number)
    process.wait()


def test_each_job_is_a_run_of_its_own(sweep_app: Path) -> None:
    run = record("sweep.py", "-m", "optim.lr=0.1,0.2", "model=mlp,wide", cwd=sweep_app)
    trials = _trials(sweep_app, run)
    assert [trial["overrides"][0] for trial in trials] == [
        "optim.lr=0.1",
        "optim.lr=0.1",
        "optim.lr=0.2",
        "optim.lr=0.2",
    ]
    assert [trial["run"] for trial in trials] == [f"{run}.{n}" for n in range(4)]
    assert all(trial["status"] == "completed" and isinstance(trial["returned"], float) for trial in trials)
    third = manifest(sweep_app, f"{run}.3")
    assert third["trial_of"] == {"run": run, "job": 3}
    assert (third["params"]["optim.lr"], third["params"]["model.hidden"]) == (0.2, 32)
    assert third["origins"]["model.hidden"]["kind"] == "choice" and third["complete"]
    written = [output["path"] for output in third["outputs"]]
    assert len(written) == 5 and all("/3/" in path for path in written), written
    listed = reenact("ls", "--json", "--where", f"sweep={run} and optim.lr=0.2", cwd=sweep_app)
    assert [row["id"] for row in json.loads(listed.stdout)] == [f"{run}.3", f"{run}.2"]
    table = reenact("ls", cwd=sweep_app).stdout
    assert "sweep.py optim.lr=0.2 model=wide" in table
    assert f"job 3 of the sweep {run}" in reenact("show", f"{run}.3", cwd=sweep_app).stdout
    for word in ("last.3", f"{run[:-1]}.3"):
        assert reenact("path", word, cwd=sweep_app).stdout.strip().endswith(f"{run}.3")
    done = reenact("show", "last.4", cwd=sweep_app)
    assert done.returncode == 2 and f"{run} has no trial 4" in done.stderr and f"{run}.3" in done.stderr
    # The sweep is what `last` and the beginning of its id mean.
    for word in ("last", run[:-1]):
        assert reenact("path", word, cwd=sweep_app).stdout.strip().endswith(run)


def test_a_sweep_and_one_trial_come_out_again(sweep_app: Path) -> None:
    run = record("sweep.py", "-m", "optim.lr=0.1,0.2,0.3", cwd=sweep_app)
    whole = last_json(reenact("verify", run, "--json", cwd=sweep_app).stdout)
    assert whole["verdict"] == "identical", whole
    alone = last_json(reenact("verify", f"{run}.2", "--json", cwd=sweep_app).stdout)
    assert (alone["verdict"], alone["baseline"]) == ("identical", f"{run}.2"), alone
    # The others were not executed for it, and a replay makes no trials.
    candidate = manifest(sweep_app, alone["candidate"])
    (path,) = [one["path"] for one in candidate["outputs"] if one["path"].endswith("result.txt")]
    assert path.endswith("/2/result.txt")
    assert not [name for name in os.listdir(sweep_app / ".reenact" / "runs") if name.startswith(candidate["run"] + ".")]


def test_parallel_workers_take_other_jobs_and_all_comes_out_again(sweep_app: Path) -> None:
    words = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "optim.lr=0.1,0.2,0.3,0.4")
    run = record("sweep.py", "-m", *words, cwd=sweep_app)
    assert len(_trials(sweep_app, run)) == 4
    for ref in (run, f"{run}.3"):
        found = last_json(reenact("verify", ref, "--json", cwd=sweep_app).stdout)
        assert found["verdict"] == "identical", found


def test_steps_are_those_of_the_job(app: Path) -> None:
    text = (app / "train.py").read_text()
    (app / "train.py").write_text(text.replace("torch.randn(", "(1 + cfg.get('shift', 0)) * torch.randn("))
    first = record("train.py", "-m", "optim.lr=0.1,0.2", "steps=3", cwd=app)
    found = last_json(reenact("diff", "--json", f"{first}.0", f"{first}.1", cwd=app).stdout)
    difference = found["first_difference"]
    assert (difference["process"], difference["step"], difference["kind"]) == ("rank0", 0, "hyper")
    assert [one["name"] for one in found["inputs"] if one["kind"] == "param"] == ["lr", "optim.lr"]
    assert not [one for one in found["inputs"] if one["kind"] == "seed"]
    assert {one["path"].rpartition("/")[2] for one in found["outputs"]} >= {"train.log", "config.yaml"}
    assert not [one for one in found["outputs"] if "only" in one["how"]]
    second = record("train.py", "-m", "optim.lr=0.1,0.2", "steps=3", "+shift=0,1", cwd=app)
    assert [trial["params"]["steps"] for trial in _trials(app, second)] == [3, 3, 3, 3]
    assert manifest(app, f"{second}.1")["traces"][0]["steps"] == 3


def test_the_first_difference_of_a_sweep_names_the_job(app: Path) -> None:
    text = (app / "train.py").read_text()
    # Job 1 computes with what lies outside of what a replay gives back: how often it was started.
    text = text.replace(
        "    model = ", "    factor = 1 + os.stat('/proc/self/stat').st_ino % 1000 * cfg.get('odd', 0)\n    model = "
    )
    text = text.replace("torch.randn(", "factor * torch.randn(").replace("import logging", "import logging\nimport os")
    (app / "train.py").write_text(text)
    run = record("train.py", "-m", "+odd=0,1,0", cwd=app)
    found = last_json(reenact("verify", run, "--json", cwd=app).stdout)
    assert found["verdict"] == "diverged"
    difference = found["first_difference"]
    assert (difference["process"], difference["step"]) == ("job1", 0), difference
    assert found["steps_compared"] in (3, 6)  # it may have got to job 2 by then
    assert last_json(reenact("verify", f"{run}.2", "--json", cwd=app).stdout)["verdict"] == "identical"


def test_a_killed_sweep_goes_on_as_if_nothing_had_happened(sweep_app: Path) -> None:
    words = ("optim.lr=0.1,0.2", "model=mlp,wide")
    run = _killed(sweep_app, *words, at=2)
    trials = _trials(sweep_app, run)
    assert [trial["status"] for trial in trials] == ["completed", "completed", "unknown", "missing"]
    assert manifest(sweep_app, f"{run}.1")["complete"]
    # What was edited since is not what the sweep goes on with, and stays as it was edited.
    (sweep_app / "conf" / "model" / "wide.yaml").write_text("dim: 4\nhidden: 99\n")
    (sweep_app / "sweep.py").write_text("raise SystemExit('edited')\n")
    done = reenact("sweep", "resume", run, "--json", cwd=sweep_app)
    if available() is None:  # edited files can only be shown as they were where there are mount namespaces
        assert done.returncode == 3 and "cannot be shown to it as they were" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert "2 trials to do: 2 (optim.lr=0.2 model=mlp), 3 (optim.lr=0.2 model=wide)" in done.stderr
    assert (sweep_app / "conf" / "model" / "wide.yaml").read_text() == "dim: 4\nhidden: 99\n"
    later = last_json(done.stdout)["run"]
    both = manifest(sweep_app, later)
    assert both["resumes"] == run and both["complete"], both["gaps"]
    after = _trials(sweep_app, later)
    assert [trial["run"] for trial in after] == [f"{run}.0", f"{run}.1", f"{later}.2", f"{later}.3"]
    assert [int(trial["returned"]) for trial in after] == [8, 32, 8, 32]
    folders = {output["path"].split("/")[2] for one in after for output in manifest(sweep_app, one["run"])["outputs"]}
    assert len(folders) == 1  # the time in multirun/DATE/TIME is that of the first
    for ref in (later, f"{later}.3", f"{run}.1"):
        assert last_json(reenact("verify", ref, "--json", cwd=sweep_app).stdout)["verdict"] == "identical"
    again = reenact("sweep", "resume", run, cwd=sweep_app)
    assert again.returncode == 0 and "nothing to do: all 4 trials have ended" in again.stderr
    assert f"was gone on with already, as {later}" in again.stderr
    assert f"it was gone on with as {later}" in reenact("sweep", "show", run, cwd=sweep_app).stderr


def test_a_sweep_that_is_killed_twice(sweep_app: Path) -> None:
    whole = record("sweep.py", "-m", "optim.lr=0.1,0.2,0.3,0.4", cwd=sweep_app)
    run = _killed(sweep_app, "optim.lr=0.1,0.2,0.3,0.4", at=1)
    first = _results(sweep_app, _trials(sweep_app, run)[:1])
    (sweep_app / "stop3").touch()
    (sweep_app / "reached").unlink()
    before = set(os.listdir(run_folder(sweep_app, run).parent))
    process = subprocess.Popen(
        [*COMMAND, "sweep", "resume", run], cwd=sweep_app, env=environment(), stderr=subprocess.DEVNULL
    )
    while not (sweep_app / "reached").exists():
        assert process.poll() is None
        time.sleep(0.05)
    (second,) = set(os.listdir(run_folder(sweep_app, run).parent)) - before
    _kill(sweep_app, second, process)
    (sweep_app / "stop3").unlink()
    done = reenact("sweep", "resume", run, "--json", cwd=sweep_app)
    assert done.returncode == 0 and "1 trial to do: 3 (optim.lr=0.4)" in done.stderr, done.stderr
    trials = _trials(sweep_app, last_json(done.stdout)["run"])
    assert [trial["status"] for trial in trials] == ["completed"] * 4
    assert _results(sweep_app, trials)[:1] == first
    assert len({trial["run"].partition(".")[0] for trial in trials}) == 3
    assert whole not in {trial["run"].partition(".")[0] for trial in trials}


def test_interrupted_by_the_user_and_failed_jobs(sweep_app: Path) -> None:
    (sweep_app / "raise0").touch()
    run = _killed(sweep_app, "optim.lr=0.1,0.2,0.3", at=1, number=signal.SIGINT)
    assert [trial["status"] for trial in _trials(sweep_app, run)] == ["failed", "ended", "missing"]
    assert (manifest(sweep_app, f"{run}.0")["status"], manifest(sweep_app, f"{run}.1")["status"]) == (
        "failed",
        "interrupted",
    )
    assert manifest(sweep_app, f"{run}.0")["configs"][0]["error"] == {"type": "ValueError", "message": "as asked"}
    assert "ValueError: as asked" in reenact("show", f"{run}.0", cwd=sweep_app).stdout
    (sweep_app / "raise0").unlink()
    done = reenact("sweep", "resume", run, cwd=sweep_app)
    assert "2 trials to do: 1 (optim.lr=0.2), 2 (optim.lr=0.3)" in done.stderr
    more = reenact("sweep", "resume", run, cwd=sweep_app)
    assert "1 failed (--failed executes them again)" in more.stderr
    done = reenact("sweep", "resume", run, "--failed", "--json", cwd=sweep_app)
    assert [trial["status"] for trial in _trials(sweep_app, last_json(done.stdout)["run"])] == ["completed"] * 3


def test_what_a_later_job_overwrote_is_a_gap(sweep_app: Path) -> None:
    (sweep_app / "sweep.py").write_text(APP.replace('here + "/result.txt"', '"result.txt"'))
    run = record("sweep.py", "-m", "optim.lr=0.1,0.2", cwd=sweep_app)
    first, second = (manifest(sweep_app, f"{run}.{n}") for n in range(2))
    assert [gap["id"] for gap in first["gaps"]] == ["output-overwritten"] and second["complete"]
    assert "result.txt was written again by job 1" in first["gaps"][0]["detail"]
    assert "result.txt" in [output["path"] for output in second["outputs"]]
    assert "result.txt" not in [output["path"] for output in first["outputs"]]


def test_removing_a_sweep_removes_its_trials(sweep_app: Path) -> None:
    run = record("sweep.py", "-m", "optim.lr=0.1,0.2", cwd=sweep_app)
    assert reenact("rm", "-y", run, cwd=sweep_app).returncode == 0
    assert os.listdir(sweep_app / ".reenact" / "runs") == []


def test_what_is_no_sweep_and_what_cannot_go_on(sweep_app: Path) -> None:
    plain = record("sweep.py", cwd=sweep_app)
    for verb in ("show", "resume"):
        done = reenact("sweep", verb, plain, cwd=sweep_app)
        assert done.returncode == 2 and "is no sweep" in done.stderr and "Traceback" not in done.stderr
    run = _killed(sweep_app, "optim.lr=0.1,0.2", at=1)
    (sweep_app / "conf" / "optim" / "sgd.yaml").unlink()
    done = reenact("sweep", "resume", run, cwd=sweep_app)
    assert done.returncode == 3 and "gone since the sweep was recorded: conf/optim/sgd.yaml" in done.stderr
    before = set(os.listdir(run_folder(sweep_app, run).parent))
    assert set(os.listdir(run_folder(sweep_app, run).parent)) == before


def test_what_the_first_job_imports_is_the_process_s(sweep_app: Path) -> None:
    # It draws while it is imported, by whichever job comes first: alone, job 1 imports it itself.
    (sweep_app / "lib.py").write_text("import os\nimport random\n\nKEY = os.urandom(4).hex()\nOWN = random.Random()\n")
    text = APP.replace("    value = ", "    import lib\n\n    value = ").replace(
        "{cfg.stamp}", "{lib.KEY} {lib.OWN.random()}"
    )
    (sweep_app / "sweep.py").write_text(text)
    run = record("sweep.py", "-m", "optim.lr=0.1,0.2", cwd=sweep_app)
    for ref in (f"{run}.0", run):
        assert last_json(reenact("verify", ref, "--json", cwd=sweep_app).stdout)["verdict"] == "identical"
    # lib.OWN has been drawn from once by then: that is another job's doing, and told so.
    done = reenact("verify", f"{run}.1", "--json", cwd=sweep_app)
    alone = last_json(done.stdout)
    assert f"`reenact verify {run}` executes them all" in done.stderr
    (result,) = [one for one in alone["outputs"] if one["path"].endswith("result.txt")]
    assert alone["verdict"] == "diverged" and not result["equal"]
    texts = [
        (sweep_app / ".reenact" / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_text().split()
        for one in (f"{run}.1", alone["candidate"])
        for digest in [o["digest"] for o in manifest(sweep_app, one)["outputs"] if o["path"].endswith("result.txt")]
    ]
    assert texts[0][:2] == texts[1][:2] and texts[0][2] != texts[1][2]


def test_an_optuna_study_goes_on_as_the_same_study(sweep_app: Path) -> None:
    words = (
        "hydra/sweeper=optuna",
        "hydra.sweeper.n_trials=6",
        "hydra.sweeper.n_jobs=2",
        "optim.lr=interval(0.001,0.3)",
    )
    run = _killed(sweep_app, *words, at=3)
    begun = _trials(sweep_app, run)
    done = reenact("sweep", "resume", run, "--json", cwd=sweep_app, timeout=120)
    assert done.returncode == 0, done.stderr
    later = last_json(done.stdout)["run"]
    trials = _trials(sweep_app, later)
    # The sampler is not seeded, and the study lives in memory: it makes the same choices, told the same results.
    assert [trial["overrides"] for trial in trials][: len(begun)] == [trial["overrides"] for trial in begun]
    assert len(trials) == 6 and all(trial["status"] == "completed" for trial in trials)
    assert [trial["run"].partition(".")[0] for trial in trials] == [run] * 3 + [later] * 3
    (results,) = [o for o in manifest(sweep_app, later)["outputs"] if o["path"].endswith("optimization_results.yaml")]
    best = min(trials, key=lambda trial: trial["returned"])
    text = (sweep_app / results["path"]).read_text()
    assert f"optim.lr: {best['params']['optim.lr']}" in text
    for ref in (later, f"{later}.5"):
        assert last_json(reenact("verify", ref, "--json", cwd=sweep_app, timeout=120).stdout)["verdict"] == "identical"
