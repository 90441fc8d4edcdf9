"""A project of `reenact init` in the images of its Dockerfiles: as a development container, and as a service."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from reenact import knobs
from reenact.engine.cli import Engine

NAME = "reenact-test-init"

KERNEL = """
import json, sys
from jupyter_client.manager import start_new_kernel

kernel, client = start_new_kernel(kernel_name="python3", cwd="notebooks")
said = []
hook = lambda message: said.append(message["content"].get("text", ""))
for cell in json.load(open("notebooks/explore.ipynb"))["cells"]:
    if cell["cell_type"] == "code":
        answer = client.execute_interactive("".join(cell["source"]), timeout=60, output_hook=hook)
        assert answer["content"]["status"] == "ok", answer["content"]
client.execute_interactive("print(sys.executable)", timeout=60, output_hook=hook)
kernel.shutdown_kernel()
print("".join(said))
"""


def reenact(cwd: Path, *words: str, engine: str = "docker") -> None:
    env = {**os.environ, "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]}
    env[knobs.ENGINE] = engine
    done = subprocess.run([sys.executable, "-m", "reenact", *words], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def project(docker: Engine, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new project, locked and trained once, with its training image."""
    folder = tmp_path_factory.mktemp("init") / NAME
    reenact(folder.parent, "init", NAME, "--framework", "numpy")
    reenact(folder, "lock")
    reenact(folder, "run", "src/train.py", "training=quick")
    try:
        # Keeps no stages as images, which other builds on this engine may clear away.
        builder = request.getfixturevalue("buildkit").program
    except pytest.skip.Exception:
        builder = docker.program
    reenact(folder, "image", "build", "--base", "host", engine=builder)
    yield folder
    tags = docker.call("images", "--format", "{{.Repository}}:{{.Tag}}", NAME).stdout.split()
    docker.call("image", "rm", "--force", *tags, check=False)


@pytest.mark.slow
def test_the_development_container(docker: Engine, project: Path) -> None:
    """Started as devcontainer.json says, by the image that its Dockerfile stands for."""
    said = json.loads((project / ".devcontainer" / "devcontainer.json").read_text())
    names = {"${localWorkspaceFolder}": str(project), "${localWorkspaceFolderBasename}": project.name}

    def filled(text: str) -> str:
        for name, value in names.items():
            text = text.replace(name, value)
        return text

    user = docker.call("run", "--rm", "--network", "none", f"{NAME}:latest", "id", "-un").stdout.strip()
    assert user == said["remoteUser"]
    # The editor gives the user of the container the numbers of one's own.
    words = ["run", "--rm", "--network", "none", "--user", f"{os.getuid()}:{os.getgid()}", "-e", "HOME=/tmp"]
    words += [*said["runArgs"], "--mount", filled(said["workspaceMount"]), "-w", filled(said["workspaceFolder"])]
    python = said["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    words += ["--entrypoint", python, f"{NAME}:latest"]
    assert " passed" in docker.call(*words, "-m", "pytest", "-q", "-p", "no:cacheprovider").stdout
    text = docker.call(*words, "-c", KERNEL).stdout
    assert "800 points" in text and "accuracy" in text and text.strip().endswith(python)
    shared = docker.call(*words, "-c", "import os; s = os.statvfs('/dev/shm'); print(s.f_blocks * s.f_frsize)").stdout
    assert int(shared) == 1 << 30


@pytest.mark.slow
def test_the_service(docker: Engine, project: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    built = ["build", "--quiet", "--network", "none", "--file", str(project / "predict.dockerfile")]
    docker.call(*built, "--tag", f"{NAME}-predict", str(project))
    (model,) = project.glob("outputs/*/*/model.npz")
    mount = f"type=bind,source={model.parent},target=/model,readonly"
    words = ["run", "--detach", "--init", "--network", "host", "--mount", mount, f"{NAME}-predict"]
    container = docker.call(*words, "--port", str(port), "--model", "/model").stdout.strip()
    try:
        request = json.dumps({"points": [[0.5, 0.2]]}).encode()
        answer = ask(docker, container, f"http://127.0.0.1:{port}/predict", request)
        bare = subprocess.run(
            [sys.executable, "src/predict.py", "--model", str(model)], cwd=project, input=request, capture_output=True
        )
        assert answer == json.loads(bare.stdout)
        docker.call("stop", "--time", "30", container)
        # SIGTERM ended it, and not what comes after the grace period.
        assert docker.call("inspect", "--format", "{{.State.ExitCode}}", container).stdout.strip() == "0"
    finally:
        docker.call("rm", "--force", container, check=False)
        docker.call("image", "rm", "--force", f"{NAME}-predict", check=False)


def ask(engine: Engine, container: str, url: str, request: bytes) -> object:
    """The answer, as soon as somebody listens."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + 60
    while True:
        try:
            with opener.open(url, data=request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            logs = engine.call("logs", container)
            assert time.monotonic() < end, logs.stdout + logs.stderr
            time.sleep(0.1)
