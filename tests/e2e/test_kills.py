"""kill -9 at random instants, to the script, to reenact, or to both: the record stays readable and true."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from endtoend import COMMAND, assert_blobs_whole, blobs, environment, last_json, manifest, reenact, run_folder

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to find processes")

KILLS = int(os.environ.get("REENACT_KILLS", "30"))
SEED = 20261121
VICTIMS = ("script", "reenact", "both")

WRITING = """
import os, random, time
from pathlib import Path
data = Path('in put.txt').read_text()
random.seed()
for step in range(60):
    Path(f'out {step % 7}.txt').write_text(data + str(random.random()) * 50)
    with open('log.csv', 'a') as log: log.write(f'{step}\\n')
    print('step', step, flush=True)
    time.sleep(0.01)
Path('last.txt').write_text('done')
"""


class Process:
    """One `reenact` command that may be killed, with what it started."""

    def __init__(self, project: Path, *words: str, env: dict[str, str | None] | None = None) -> None:
        self.project = project
        before = set(unsealed_or_new(project))
        self.child = subprocess.Popen(
            [*COMMAND, *words],
            cwd=project,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.before = before

    @property
    def run(self) -> str | None:
        """The id of the run that it made, if it came so far."""
        return next((run for run in unsealed_or_new(self.project) if run not in self.before), None)

    @property
    def script(self) -> int | None:
        """The pid of the command that reenact started, while it is alive."""
        if self.run is None:
            return None
        try:
            told = json.loads((run_folder(self.project, self.run) / "process.json").read_bytes())
        except (OSError, ValueError):
            return None
        return told["pid"] if alive(told["pid"], told["start_ticks"]) else None

    def kill(self, victim: str) -> None:
        """SIGKILL; when there is no script (yet, any more), reenact dies instead of it."""
        script = self.script
        if victim in ("script", "both") and script is not None:
            os.kill(script, signal.SIGKILL)
        if victim != "script" or script is None:
            self.child.kill()
        self.child.wait(timeout=60)

    def end(self) -> None:
        """Wait until nothing of it runs any more."""
        deadline = time.monotonic() + 30
        while self.script is not None:
            assert time.monotonic() < deadline, "the script does not end"
            time.sleep(0.02)


def alive(pid: int, ticks: int | None) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0] not in "ZX" and int(fields[19]) == ticks


def unsealed_or_new(project: Path) -> list[str]:
    folder = project / ".reenact" / "runs"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def listed(project: Path) -> dict[str, dict[str, Any]]:
    done = reenact("ls", "--json", "--all", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and "error" not in done.stderr
    return {row["id"]: row for row in last_json(done.stdout)}


def sealed(project: Path) -> dict[str, bytes]:
    """The manifests, by run."""
    return {path.parent.name: path.read_bytes() for path in (project / ".reenact").glob("runs/*/manifest.json")}


def assert_no_rubbish(project: Path) -> None:
    """After gc: whole blobs, all needed; nothing under tmp; no temporary file and no unknown file anywhere."""
    done = reenact("gc", "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    assert last_json(done.stdout)["blocked"] == []
    store = project / ".reenact"
    assert list((store / "tmp").iterdir()) == []
    assert [path for path in store.rglob("*") if path.name.endswith(".tmp")] == []
    assert {path.name for path in store.iterdir()} <= {
        *("blobs", "cache", "runs", "tmp", "oci-layout", "index.json", "index.sqlite", ".gitignore")
    }
    assert_blobs_whole(project)
    needed: set[str] = set()
    for content in sealed(project).values():
        text = json.dumps(json.loads(content))
        needed |= {path.name for path in blobs(project) if path.name in text}
    for entry in json.loads((store / "index.json").read_bytes())["manifests"]:
        image = entry["digest"].partition(":")[2]
        needed |= {image, *(name for name in _digests(store / "blobs" / "sha256" / image))}
    assert {path.name for path in blobs(project)} == needed
    known = {"start.json", "process.json", "probe.json", "environment.json", "source.json", "log.txt", "code.patch"}
    known |= {"constants.json", "pylock.toml", "freeze.txt", "end.json", "manifest.json", "labels.json"}
    known |= {"journal", "trace", "metrics", "verdicts"}
    for folder in (store / "runs").iterdir():
        assert {path.name for path in folder.iterdir()} <= known


def _digests(image: Path) -> list[str]:
    data = json.loads(image.read_bytes())
    return [one["digest"].partition(":")[2] for one in (data["config"], *data["layers"])]


def check(project: Path, process: Process, earlier: dict[str, bytes], what: str) -> str:
    """All that must hold right after a kill; the status that the run ended up with."""
    run, script = process.run, process.script
    if process.run is not None and (run_folder(project, process.run) / "start.json").exists():
        rows = listed(project)
        row = rows[process.run]
        if row["status"] == "running":
            assert script is not None, f"{what}: nothing of it runs"
        elif script is not None:
            assert process.script is None, f"{what}: {row['status']}, but it still runs"
        process.end()
        row = listed(project)[process.run]
        assert row["status"] in ("interrupted", "failed", "finished"), what
        found = manifest(project, process.run)
        assert found["status"] == row["status"]
        assert row["status"] != "finished" or found["exit_code"] == 0
        told = reenact("show", process.run, cwd=project)
        assert told.returncode == 0 and row["status"] in told.stdout and "Traceback" not in told.stderr, told.stderr
        status = str(row["status"])
    else:
        assert run is None or run not in listed(project)
        status = "not begun"
    now = sealed(project)
    assert {name: now.get(name) for name in earlier} == earlier, f"{what}: a sealed run has changed"
    return status


def wait_for(path: Path, child: subprocess.Popen[bytes]) -> None:
    """Until the file is there or the process has ended."""
    while not path.exists() and child.poll() is None:
        time.sleep(0.002)


def life(project: Path) -> tuple[float, float]:
    """Seconds that the command takes undisturbed, in all and from the script's end to its own."""
    began = time.monotonic()
    process = Process(project, "run", "--quiet", "script.py")
    while process.run is None:
        time.sleep(0.005)
    wait_for(run_folder(project, process.run) / "end.json", process.child)
    ended = time.monotonic()
    assert process.child.wait(timeout=60) == 0
    return time.monotonic() - began, time.monotonic() - ended


def strike(project: Path, number: int, dice: random.Random, whole: float, sealing: float) -> tuple[Process, str]:
    """Start a run and kill something of it: mostly at any instant, sometimes just as it begins or as it is sealed."""
    victim = VICTIMS[number % 3]
    process = Process(project, "run", "--quiet", "script.py")
    phase = ("any", "any", "any", "beginning", "sealing")[number % 5]
    if phase == "any":
        instant = 1.1 * whole * dice.random()
    else:
        while process.run is None and process.child.poll() is None:
            time.sleep(0.002)
        instant = 1.5 * sealing * dice.random()
        if phase == "sealing":
            wait_for(run_folder(project, str(process.run)) / "end.json", process.child)
    time.sleep(instant)
    process.kill(victim)
    return process, f"kill {number} of {victim}, {phase} {instant:.3f} s"


def test_kills(project: Path) -> None:
    (project / "script.py").write_text(WRITING)
    (project / "in put.txt").write_text("input")
    whole, sealing = life(project)
    dice = random.Random(SEED)
    seen: dict[str, int] = {}
    earlier = sealed(project)
    for number in range(KILLS):
        for left in project.glob("*.txt"):
            if left.name != "in put.txt":
                left.unlink()
        process, what = strike(project, number, dice, whole, sealing)
        status = check(project, process, earlier, what)
        seen[status] = seen.get(status, 0) + 1
        earlier = sealed(project)
        if number % 10 == 9 or number == KILLS - 1:
            assert_no_rubbish(project)
            assert sealed(project) == earlier
    print(f"{KILLS} kills over {whole:.1f} s, {sealing:.2f} s of it sealing: {seen}")
    # The instants were spread over the whole life of a run, or this test would show little.
    assert seen.get("interrupted", 0) >= KILLS // 4
    assert len(seen) >= 2


def test_script_goes_on_without_reenact(project: Path) -> None:
    (project / "script.py").write_text(
        "import time\nfrom pathlib import Path\n"
        "Path('begun').touch()\nwhile not Path('go').exists(): time.sleep(0.01)\nPath('made.txt').write_text('x')\n"
    )
    process = Process(project, "run", "script.py")
    while not (project / "begun").exists():
        time.sleep(0.02)
    process.kill("reenact")
    run = process.run
    assert run is not None
    assert listed(project)[run]["status"] == "running"
    told = reenact("show", run, cwd=project)
    assert told.returncode == 0 and "running" in told.stdout
    refused = reenact("rm", "--yes", run, cwd=project)
    assert refused.returncode == 2 and "still running" in refused.stderr
    (project / "go").touch()
    process.end()
    assert listed(project)[run]["status"] == "interrupted"
    found = manifest(project, run)
    assert "made.txt" in [one["path"] for one in found["outputs"]]
    assert "end-not-seen" in [gap["id"] for gap in found["gaps"]]
    assert_no_rubbish(project)


TRAINING = """
import time, torch
torch.manual_seed(0)
layer = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for step in range(400):
    loss = layer(torch.ones(2, 4)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step == 20: open('begun', 'w').close()
    time.sleep(0.01)
"""


@pytest.mark.parametrize("victim", VICTIMS)
def test_training_that_is_killed_keeps_its_trace(project: Path, victim: str) -> None:
    pytest.importorskip("torch")
    (project / "train.py").write_text(TRAINING)
    process = Process(project, "run", "train.py")
    while not (project / "begun").exists():
        assert process.child.poll() is None
        time.sleep(0.05)
    process.kill(victim)
    if victim == "reenact":
        script = process.script
        assert script is not None
        assert listed(project)[str(process.run)]["status"] == "running"
        os.kill(script, signal.SIGKILL)
    assert check(project, process, {}, victim) == "interrupted"
    found = manifest(project, str(process.run))
    assert found["traces"][0]["steps"] >= 20
    assert found["metrics"]["loss"]["count"] >= 20
    assert_no_rubbish(project)
    if victim == "script":
        # What there is of it can be verified; how far the kill let it come is nothing that a replay could repeat.
        done = reenact("verify", "--json", "last", cwd=project)
        assert done.returncode == 0, done.stderr + done.stdout
        told = last_json(done.stdout)
        assert told["verdict"] == "identical" and told["steps_compared"] == found["traces"][0]["steps"]
        assert told["outputs_compared"] is False
        assert manifest(project, told["candidate"])["traces"][0]["steps"] < 400, "it went on for nothing"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_verify_that_is_stopped_gives_no_verdict(project: Path, number: int) -> None:
    (project / "script.py").write_text(WRITING)
    (project / "in put.txt").write_text("input")
    assert reenact("run", "script.py", cwd=project).returncode == 0
    (baseline,) = listed(project)
    process = Process(project, "verify", baseline)
    while process.script is None:
        assert process.child.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    process.child.send_signal(number)
    assert process.child.wait(timeout=60) == 128 + number
    assert listed(project)[baseline]["verdicts"] == []
    assert list((project / ".reenact" / "tmp").iterdir()) == []


def test_replay_dies_with_reenact(project: Path) -> None:
    # Only a secret variable comes from the environment of the replay.
    (project / "script.py").write_text(
        "import os, time\ntime.sleep(60 if os.environ['API_TOKEN'] == 'sleep-for-long' else 0)\nopen('o', 'w').write('x')\n"
    )
    assert reenact("run", "script.py", cwd=project, env={"API_TOKEN": "do-not-sleep"}).returncode == 0
    process = Process(project, "verify", "last", env={"API_TOKEN": "sleep-for-long"})
    while process.script is None:
        assert process.child.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    process.kill("reenact")
    process.end()
    assert_no_rubbish(project)


def test_run_that_was_killed_early_cannot_be_verified(project: Path) -> None:
    (project / "script.py").write_text(
        "import os, signal\nopen('o', 'w').write('x')\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert reenact("run", "script.py", cwd=project).returncode == 137
    done = reenact("verify", "last", cwd=project)
    assert done.returncode == 3 and "was interrupted and has no trace" in done.stderr


def test_verify_that_is_killed_leaves_nothing(project: Path) -> None:
    (project / "script.py").write_text(WRITING)
    (project / "in put.txt").write_text("input")
    assert reenact("run", "script.py", cwd=project).returncode == 0
    (baseline,) = listed(project)
    began = time.monotonic()
    assert reenact("verify", baseline, cwd=project).returncode == 0
    whole = time.monotonic() - began
    files = {path.name: path.read_bytes() for path in project.iterdir() if path.is_file()}
    kept = sealed(project)
    workspaces = 0
    for part in (0.15, 0.35, 0.5, 0.65, 0.8, 0.95):
        process = Process(project, "verify", baseline)
        time.sleep(whole * part)
        process.kill("reenact")
        workspaces += len(list((project / ".reenact" / "tmp").glob(".replay-*")))
        process.end()
        rows = listed(project)
        assert {run: rows[run]["status"] for run in kept} == {run: json.loads(kept[run])["status"] for run in kept}
        assert {path.name: path.read_bytes() for path in project.iterdir() if path.is_file()} == files
        if process.run in rows and rows[process.run]["status"] == "interrupted":
            # The replay's workspace is out of reach by now: what lies in the project is not its work.
            assert manifest(project, process.run)["outputs"] == []
        assert_no_rubbish(project)
        now = sealed(project)
        assert {run: now.get(run) for run in kept} == kept
        kept = now
    assert workspaces > 0, "no kill came while there was a workspace"
    again = reenact("verify", "--json", baseline, cwd=project)
    assert again.returncode == 0, again.stderr
    assert last_json(again.stdout)["verdict"] == "identical"
