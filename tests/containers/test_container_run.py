"""Runs in containers, in a real engine: the same record as on the machine itself, and the same verdicts."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import torch

from reenact.engine.cli import Engine
from reenact.engine.image import Image
from reenact.environment.images.layers import Entry, write_archive, write_layer

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import COMMAND, environment, last_json, manifest, reenact, run_folder

SITE = str(Path(torch.__file__).parent.parent)
"""Where torch lies on this machine: mounted, so that no image has to be built for it."""

TORCH = ("--mount", f"{SITE}:/site/site-packages:ro", "--env", "PYTHONPATH=/site/site-packages")

TRAIN = """\
import os, time
import torch

torch.set_num_threads(1)  # how work is split among threads may follow the load of the machine
torch.manual_seed(int(time.time() * 1000) % 2**32)
x = torch.randn(64, 8)
y = (x.sum(1) > 0).long()
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(20):
    loss = torch.nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
"""

PLAIN = """\
import random, sys
from pathlib import Path

words = Path("words.txt").read_text().split()
random.shuffle(words)
Path("out.txt").write_text(" ".join(words) + str(hash("a")))
print("shuffled", *sys.argv[1:])
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a name that breaks careless quoting."""
    folder = tmp_path / 'a project\'s "näme", ☃'
    folder.mkdir()
    (folder / "train.py").write_text(PLAIN)
    (folder / "words.txt").write_text("one two three four five six seven eight\n")
    return folder


@pytest.fixture
def run(docker: Engine, base_image: Image):
    """``reenact run --image BASE OPTIONS`` in a folder, which must succeed; its manifest."""

    def started(project: Path, *words: str) -> dict:
        done = reenact("run", "--json", "--image", base_image.name, *words, cwd=project, timeout=180)
        assert done.returncode == 0, done.stderr
        return manifest(project, last_json(done.stdout)["run"])

    return started


def containers(docker: Engine, run: str) -> list[str]:
    """Names of the containers of a run that are there."""
    words = ("ps", "--all", "--filter", f"label=dev.reenact.run={run}", "--format", "{{.Names}}")
    return docker.call(*words).stdout.split()


def of_project(docker: Engine, project: Path) -> list[str]:
    """Ids of all containers that have something of a project mounted: others may run at the same time."""
    ids = docker.call("ps", "--all", "--quiet", "--filter", "label=dev.reenact.run").stdout.split()
    told = [(one, docker.call("inspect", "--format", "{{json .Mounts}}", one, check=False).stdout) for one in ids]
    return [one for one, mounts in told if str(project.parent) in mounts]


def verified(project: Path, *words: str) -> dict:
    done = reenact("verify", "last", "--json", *words, cwd=project, timeout=180)
    found = last_json(done.stdout)
    assert (done.returncode, found["verdict"]) == (0, "identical"), (done.stdout, done.stderr)
    return found


def test_the_record_is_whole_and_verifies_in_the_image(docker: Engine, base_image: Image, run, project: Path) -> None:
    found = run(project, "train.py", "a b", "c'd")
    assert found["complete"], found["gaps"]
    assert found["command"]["argv"] == ["python", "train.py", "a b", "c'd"]
    assert [one["path"] for one in found["inputs"]] == ["words.txt"]
    assert [one["path"] for one in found["outputs"]] == ["out.txt"]
    assert found["container"]["image"]["id"] == base_image.id
    assert found["container"]["image"]["diff_ids"] == list(base_image.diff_ids)
    assert found["environment"]["python"]["prefix"] == "/usr/local"
    assert found["environment"]["platform"]["machine"] == os.uname().machine
    assert found["resources"]["user"] > 0 and found["resources"]["peak_rss"] > 1 << 20
    assert containers(docker, found["run"]) == []
    (project / "words.txt").touch()
    assert verified(project)["outputs"][0]["equal"]
    (project / "words.txt").write_text("changed\n")
    assert reenact("verify", "last", cwd=project, timeout=180).returncode == 3
    verified(project, "--stored-inputs")
    assert (project / "words.txt").read_text() == "changed\n"
    assert [path.name for path in project.iterdir()].count("out.txt") == 1


def test_a_training_has_the_same_trace_in_a_container_and_without_one(run, project: Path) -> None:
    (project / "train.py").write_text(TRAIN.replace("int(time.time() * 1000) % 2**32", "3"))
    inside = run(project, *TORCH, "train.py")
    done = reenact("run", "--json", "train.py", cwd=project)
    outside = manifest(project, last_json(done.stdout)["run"])
    assert inside["traces"][0]["steps"] == 20
    assert inside["traces"][0]["core"] == outside["traces"][0]["core"]
    assert inside["outputs"][0]["digest"] == outside["outputs"][0]["digest"]
    assert inside["result"] == outside["result"]


def test_an_unseeded_training_verifies_in_its_container(run, project: Path) -> None:
    (project / "train.py").write_text(TRAIN)
    run(project, *TORCH, "train.py")
    assert verified(project)["steps_compared"] == 20


def test_a_difference_is_named(run, project: Path) -> None:
    (project / "train.py").write_text(TRAIN.replace("lr=1e-2", "lr=float(open('../lr').read())"))
    (project.parent / "lr").write_text("0.01")
    run(project, *TORCH, "--mount", f"{project.parent}/lr:{project.parent}/lr:ro", "train.py")
    (project.parent / "lr").write_text("0.02")
    done = reenact("verify", "last", cwd=project, timeout=180)
    assert done.returncode == 3 and "lr" in done.stderr
    (project.parent / "lr").write_text("0.01")
    verified(project)


def test_mounted_data_is_hashed_and_a_replay_writes_into_a_copy(run, project: Path, tmp_path: Path) -> None:
    data = tmp_path / "data, really"
    (data / "sub").mkdir(parents=True)
    (data / "sub" / "in.txt").write_text("input")
    (data / "big.bin").write_bytes(b"x" * (2 << 20))
    (project / "train.py").write_text(
        "text = open('/data/sub/in.txt').read()\n"
        "size = len(open('/data/big.bin', 'rb').read())\n"
        "open('/data/sub/log.txt', 'a').write(f'{text} {size}')\n"
        "open('/data/made.txt', 'w').write('new')\n"
    )
    found = run(project, "--mount", f"{data}:/data", "train.py")
    assert {one["path"]: one["size"] for one in found["inputs"]} == {"/data/sub/in.txt": 5, "/data/big.bin": 2 << 20}
    assert {one["path"] for one in found["outputs"]} == {"/data/sub/log.txt", "/data/made.txt"}
    assert (data / "sub" / "log.txt").read_text() == "input 2097152"
    assert os.stat(data / "made.txt").st_uid == os.getuid()
    os.unlink(data / "made.txt")
    os.unlink(data / "sub" / "log.txt")
    verified(project)
    assert not (data / "made.txt").exists() and not (data / "sub" / "log.txt").exists()
    (data / "sub" / "in.txt").write_text("other")
    done = reenact("verify", "last", cwd=project, timeout=180)
    assert done.returncode == 3 and "/data/sub/in.txt" in done.stderr
    shutil.rmtree(data)
    done = reenact("verify", "last", cwd=project, timeout=180)
    assert done.returncode == 3 and "not there any more" in done.stderr


def test_a_mount_that_is_read_only_cannot_be_written(docker: Engine, base_image: Image, project: Path) -> None:
    (project / "train.py").write_text("open('/data/x', 'w')\n")
    words = ("--image", base_image.name, "--mount", f"{project.parent}:/data:ro", "train.py")
    done = reenact("run", *words, cwd=project, timeout=180)
    assert done.returncode == 1 and "Read-only file system" in done.stderr


def test_variables_limits_and_the_user(run, project: Path) -> None:
    (project / "train.py").write_text(
        "import getpass, json, os, shutil\n"
        "from pathlib import Path\n"
        "Path.home().joinpath('x').write_text('home can be written')\n"
        "print(json.dumps([os.environ.get('A'), os.environ.get('OMP_NUM_THREADS'), os.environ.get('SECRET_TOKEN'),\n"
        "    os.environ.get('REENACT_PROBE'), os.environ.get('PYTHONPATH'), os.getuid(), getpass.getuser(),\n"
        "    shutil.disk_usage('/dev/shm').total]))\n"
    )
    os.environ["OMP_NUM_THREADS"] = "3"
    try:
        found = run(project, "--env", "A=b c", "--env", "SECRET_TOKEN=hunter2", "--shm-size", "96m", "train.py")
    finally:
        os.environ["OMP_NUM_THREADS"] = "1"
    told = json.loads((run_folder(project, found["run"]) / "log.txt").read_text())
    assert told[:6] == ["b c", "3", "hunter2", None, None, os.getuid()]
    assert told[7] == 96 << 20
    assert "hunter2" not in (run_folder(project, found["run"]) / "manifest.json").read_text()
    assert found["container"]["shm_size"] == "96m"


def test_another_user_and_the_files_it_leaves(run, project: Path) -> None:
    project.chmod(0o777)
    (project / ".reenact").mkdir()
    found = run(project, "--user", f"{os.getuid()}:{os.getgid()}", "train.py")
    assert found["container"]["user"] == f"{os.getuid()}:{os.getgid()}"
    assert os.stat(project / "out.txt").st_uid == os.getuid()


def test_the_exit_code_and_a_traceback_are_the_programs_own(docker: Engine, base_image: Image, project: Path) -> None:
    (project / "train.py").write_text("import sys\nprint('out')\nsys.exit(7)\n")
    done = reenact("run", "--image", base_image.name, "train.py", cwd=project, timeout=180)
    assert (done.returncode, done.stdout) == (7, "out\n")
    (project / "train.py").write_text("1 / 0\n")
    done = reenact("run", "--quiet", "--image", base_image.name, "train.py", cwd=project, timeout=180)
    bare = subprocess.run([sys.executable, "train.py"], cwd=project, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, bare.stderr)


def test_what_stays_in_the_container_is_fetched_and_committed(docker: Engine, run, project: Path) -> None:
    (project / "train.py").write_text(
        "import os\nos.makedirs('/results/deep')\nopen('/results/deep/x', 'w').write('kept')\nopen('o', 'w').write('o')\n"
    )
    found = run(project, "train.py")
    assert containers(docker, found["run"]) == [f"reenact-{found['run']}"]
    assert [one["path"] for one in found["outputs"]] == ["o"]
    assert reenact("cp", "last:/results/deep/x", "x", cwd=project).returncode == 0
    assert (project / "x").read_text() == "kept"
    missing = reenact("cp", "last:/nothing", ".", cwd=project)
    assert missing.returncode == 2 and "/results/deep/x" in missing.stderr
    name = "reenact-test-run/tcommitted:1"
    try:
        done = reenact("commit", "last", name, cwd=project)
        assert done.returncode == 0 and "Dockerfile" in done.stderr
        words = ("run", "--rm", "--network", "none", name, "python", "-c")
        told = docker.call(*words, "import os; print(open('/results/deep/x').read(), 'REENACT_PROBE' in os.environ)")
        assert told.stdout.split() == ["kept", "False"]
    finally:
        docker.call("rmi", "--force", name, check=False)
    assert reenact("rm", "--yes", found["run"], cwd=project).returncode == 0
    assert containers(docker, found["run"]) == []


def test_a_commit_on_an_image_with_a_user_of_its_own(
    docker: Engine, base_image: Image, project: Path, tmp_path: Path
) -> None:
    """As the images of `reenact image build` have; its name is in no passwd that the engine knows."""
    name, committed = "reenact-test-run/tuser:1", "reenact-test-run/tcommitted:2"
    (tmp_path / "ctx").mkdir()
    (tmp_path / "ctx" / "Dockerfile").write_text(
        f"FROM {base_image.name}\nRUN echo 'app:x:1000:1000::/home/app:/bin/sh' >> /etc/passwd\nUSER app\n"
    )
    docker.call("build", "--network", "none", "--tag", name, str(tmp_path / "ctx"))
    (project / "train.py").write_text("import os\nos.makedirs('/srv/deep')\nopen('/srv/deep/x', 'w').write('kept')\n")
    try:
        assert reenact("run", "--image", name, "train.py", cwd=project, timeout=120).returncode == 0
        done = reenact("commit", "last", committed, cwd=project)
        assert done.returncode == 0, done.stderr
        told = docker.call("run", "--rm", "--network", "none", committed, "sh", "-c", "cat /srv/deep/x; id -u")
        assert told.stdout == "kept1000\n"
        assert reenact("commit", "last", "Bad Name", cwd=project).returncode == 2
    finally:
        docker.call("rmi", "--force", committed, name, check=False)
        reenact("rm", "--yes", "last", cwd=project)


def test_what_has_been_run_is_not_run_again(run, base_image: Image, project: Path) -> None:
    first = run(project, "train.py")
    done = reenact("run", "--once", "--image", base_image.name, "train.py", cwd=project, timeout=120)
    assert done.returncode == 0 and f"run before as {first['run']}" in done.stderr and "not run again" in done.stderr
    (project / "words.txt").write_text("other words\n")
    done = reenact("run", "--once", "--image", base_image.name, "train.py", cwd=project, timeout=120)
    assert "not run again" not in done.stderr


def test_an_output_that_stays_in_the_container_is_a_gap(docker: Engine, run, project: Path) -> None:
    (project / "train.py").write_text(
        "import reenact\nopen('/srv/m.bin', 'w').write('1')\nreenact.output('/srv/m.bin')\n"
    )
    found = run(project, "train.py")
    assert [gap["id"] for gap in found["gaps"]] == ["output-not-kept"]
    reenact("rm", "--yes", "last", cwd=project)
    assert containers(docker, found["run"]) == []


def test_an_image_without_python(docker: Engine, base_image: Image, project: Path) -> None:
    done = reenact("run", "--image", base_image.name, "--python", "python2.0", "train.py", cwd=project, timeout=120)
    assert done.returncode == 4 and "Python 3.9 or newer" in done.stderr, done.stderr
    assert reenact("ls", "--json", cwd=project).stdout.strip() in ("[]", "")


def test_outputs_are_copied_from_the_record(run, project: Path) -> None:
    (project / "train.py").write_text(
        "import os\nos.makedirs('m/n')\nopen('m/a', 'w').write('1')\nopen('m/n/b', 'w').write('2')\n"
    )
    run(project, "train.py")
    shutil.rmtree(project / "m")
    assert reenact("cp", "last:m", "again", cwd=project).returncode == 0
    assert (project / "again" / "a").read_text() == "1" and (project / "again" / "n" / "b").read_text() == "2"
    assert reenact("cp", "last:m/n/b", "again", cwd=project).returncode == 0
    assert (project / "again" / "b").read_text() == "2"
    assert reenact("cp", "last:m/n/b", "-", cwd=project).stdout == "2"
    assert reenact("cp", "last:m", "-", cwd=project).returncode == 2
    done = reenact("cp", "last:m/a", "no/such/folder/x", cwd=project)
    assert done.returncode == 2 and not (project / "no").exists()


def test_a_program_that_is_no_python(run, project: Path) -> None:
    (project / "make.sh").write_text("sort words.txt > sorted.txt; echo made\n")
    found = run(project, "--", "sh", "make.sh")
    assert [one["path"] for one in found["outputs"]] == ["sorted.txt"]
    assert verified(project)["differences"] == []


def test_a_sweep_and_one_trial_of_it(run, project: Path) -> None:
    (project / "train.py").write_text(
        "import hydra, random\n\n"
        "@hydra.main(version_base=None)\ndef main(cfg):\n"
        "    open(f'{cfg.a}.txt', 'w').write(str(random.random()))\n    return cfg.a\n\nmain()\n"
    )
    found = run(project, *TORCH, "train.py", "-m", "+a=1,2")
    assert [trial["returned"] for trial in found["trials"]] == [1, 2]
    verified(project)
    done = reenact("verify", f"{found['run']}.1", "--json", cwd=project, timeout=180)
    assert (done.returncode, last_json(done.stdout)["verdict"]) == (0, "identical"), done.stderr


SLOW = """\
import os, signal, sys, time
print("begun", flush=True)
while not os.path.exists("go"):
    time.sleep(0.02)
print("done", flush=True)
sys.exit(7)
"""


@pytest.fixture
def detached(docker: Engine, base_image: Image, project: Path) -> tuple[Path, str]:
    """A detached run in a container, which goes on until there is a file ``go`` in the project."""
    (project / "train.py").write_text(SLOW)
    done = reenact("run", "-d", "--image", base_image.name, "train.py", cwd=project)
    assert done.returncode == 0, done.stderr
    return project, done.stdout.strip()


def _running(project: Path) -> list[str]:
    return [one["id"] for one in json.loads(reenact("ps", "--json", cwd=project).stdout)]


def test_a_detached_run_outlives_everything_of_ours(detached: tuple[Path, str], docker: Engine) -> None:
    project, run = detached
    folder = run_folder(project, run)
    supervisor = json.loads((folder / "start.json").read_bytes())["supervisor"]["pid"]
    client = json.loads((folder / "process.json").read_bytes())["pid"]
    keeper = int(Path(f"/proc/{client}/stat").read_text().rpartition(")")[2].split()[1])
    for pid in (supervisor, keeper, client):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)
    assert _running(project) == [run]
    (project / "go").touch()
    done = reenact("wait", run, cwd=project)
    assert done.returncode == 7, done.stderr
    assert manifest(project, run)["exit_code"] == 7
    assert reenact("logs", run, cwd=project).stdout == "begun\ndone\n"


@pytest.mark.parametrize("kill", [(), ("--kill",)])
def test_a_detached_run_is_stopped(detached: tuple[Path, str], docker: Engine, kill: tuple[str, ...]) -> None:
    project, run = detached
    assert _running(project) == [run]
    done = reenact("stop", *kill, run, cwd=project)
    assert done.returncode == 0, done.stderr
    assert manifest(project, run)["signal"] == (signal.SIGKILL if kill else signal.SIGTERM)
    assert containers(docker, run) == [] and _running(project) == []


def test_a_shell_in_the_container(docker: Engine, base_image: Image, project: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(project)
        words = [*COMMAND, "run", "--image", base_image.name, "--interactive", "--entrypoint", "sh"]
        os.execve(words[0], words, environment())
    seen, waiting = b"", [(b"# ", b"echo got-$((40+2)); pwd; ls\n"), (b"got-42", b"test -t 0 && exit 3\n")]
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 4096)
            except OSError:
                break
        if waiting and waiting[0][0] in seen:
            os.write(terminal, waiting.pop(0)[1])
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 3, seen
    assert b"words.txt" in seen


def test_what_is_piped_in_comes_through(docker: Engine, base_image: Image, project: Path) -> None:
    (project / "train.py").write_text("print(input() * 2)\n")
    words = ("run", "--quiet", "--image", base_image.name)
    done = reenact(*words, "-i", "train.py", cwd=project, stdin="abc\n", timeout=120)
    assert (done.returncode, done.stdout) == (0, "abcabc\n")
    done = reenact(*words, "train.py", cwd=project, stdin="abc\n", timeout=120)
    assert done.returncode == 1 and "EOFError" in done.stderr


def test_ctrl_c_reaches_the_program_in_the_container(docker: Engine, base_image: Image, project: Path) -> None:
    (project / "train.py").write_text(
        "import sys, time\nprint(sys.stdout.isatty(), flush=True)\n"
        "try:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('caught', flush=True)\n    sys.exit(3)\n"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(project)
        words = [*COMMAND, "run", "--image", base_image.name, "train.py"]
        os.execve(words[0], words, environment())
    seen = b""
    end = time.monotonic() + 60
    sent = False
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 4096)
            except OSError:
                break
        if b"True" in seen and not sent:
            sent = True
            time.sleep(0.3)
            os.write(terminal, b"\x03")
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 3, seen
    assert b"caught" in seen


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--gpus", "1", "--cpus", "1"), 4, "GPU"),
        (("--gpus", "many"), 2, "all, or how many"),
        (("--mount", "/nowhere/at/all:/data"), 2, "there is no /nowhere/at/all"),
        (("--mount", "data"), 2, "SRC:DST"),
        (("--port", "1:2:3"), 2, "HOST:CONTAINER"),
        (("--env", "NOT_SET_ANYWHERE"), 2, "not set here"),
        (("--shm-size", "much"), 2, "512m"),
        (("--network", "no-such-network"), 1, "no-such-network"),
    ],
)
def test_bad_options_leave_nothing(
    docker: Engine, base_image: Image, project: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = reenact("run", "--image", base_image.name, *words, "train.py", cwd=project, timeout=180)
    assert done.returncode == code and said in done.stderr, done.stderr
    assert done.stderr.count("error:") == 1 and "Traceback" not in done.stderr
    assert not (project / "out.txt").exists()
    assert of_project(docker, project) == []
    assert reenact("ls", "--json", cwd=project).stdout.strip() in ("[]", "")


def test_a_port_in_use(docker: Engine, base_image: Image, project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = ("--image", base_image.name, "--port", f"{port}:{port}", "train.py")
        done = reenact("run", *words, cwd=project, timeout=180)
    assert done.returncode == 2 and f"port {port} cannot be used" in done.stderr


def test_an_image_for_another_machine(docker: Engine, base_image: Image, project: Path) -> None:
    name, other = "reenact-test-run/tother:1", "arm64" if docker.architecture == "amd64" else "amd64"
    with tempfile.TemporaryDirectory() as folder:
        layer = write_layer(Path(folder, "layer.tar"), {"hello": Entry(b"x")})
        docker.feed("load", write=lambda out: write_archive(out, [layer], {"Cmd": ["/hello"]}, other, [name]))
    try:
        done = reenact("run", "--image", name, "train.py", cwd=project)
        assert done.returncode == 2 and f"linux/{other}" in done.stderr, done.stderr
        assert not (project / ".reenact" / "runs").exists() or not list((project / ".reenact" / "runs").iterdir())
    finally:
        docker.call("rmi", "--force", name, check=False)


def test_no_engine_and_no_image(base_image: Image, project: Path) -> None:
    done = reenact("run", "--image", "reenact-test/no-such-image:1", "train.py", cwd=project)
    assert done.returncode == 2 and "no image reenact-test/no-such-image:1" in done.stderr
    done = reenact("run", "--image", "x", "train.py", cwd=project, env={"PATH": os.path.dirname(sys.executable)})
    assert done.returncode == 4 and "neither docker nor podman" in done.stderr
    dead = {"DOCKER_HOST": "unix:///nowhere/docker.sock", "REENACT_ENGINE": "docker"}
    done = reenact("run", "--image", "x", "train.py", cwd=project, env=dead)
    assert done.returncode == 4 and "does not run" in done.stderr
    done = reenact("run", "--gpus", "all", "train.py", cwd=project)
    assert done.returncode == 2 and "--image" in done.stderr


def test_the_same_in_podman(podman: Engine, base_image: Image, project: Path, python: dict) -> None:
    env = {"REENACT_ENGINE": "podman", "CONTAINERS_CONF": podman.env.get("CONTAINERS_CONF")}
    done = reenact("run", "--json", "--image", base_image.name, "train.py", cwd=project, env=env, timeout=180)
    assert done.returncode == 0, done.stderr
    found = manifest(project, last_json(done.stdout)["run"])
    assert found["container"]["engine"] == "podman" and found["complete"], found["gaps"]
    # Docker has the same layers: it verifies what Podman ran.
    for engine in (env, {"REENACT_ENGINE": "docker"}):
        done = reenact("verify", "last", cwd=project, env=engine, timeout=180)
        assert done.returncode == 0, (done.stdout, done.stderr)
