"""Real engines: Docker (one that runs, else one that is started here), Podman where it works, and a registry."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest
from wheelmaker import small_project

from reenact import knobs
from reenact.engine.cli import Engine
from reenact.engine.find import find_engine
from reenact.engine.image import Image
from reenact.environment.images.hostbase import host_base
from reenact.environment.interpreter import probe_interpreter
from reenact.errors import ReenactError

PODMAN_CONF = """\
[containers]
default_ulimits=["nofile=20000:20000","nproc=32768:32768"]
netns="host"
ipcns="private"
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
"""
"""What Podman wants where there is neither systemd nor a bridge, as in continuous integration."""


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """A cache of these tests' own, for their programs too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def docker(cache):
    """Docker: the one that runs, else, as root, one that is started for this session."""
    if sys.platform == "darwin" and shutil.which("docker") is None:
        pytest.skip("no Docker on this Mac")
    try:
        yield find_engine({**os.environ, knobs.ENGINE: "docker"})
        return
    except ReenactError as error:
        if error.slug != "engine-down" or os.geteuid() != 0 or shutil.which("dockerd") is None:
            if sys.platform == "darwin":
                pytest.skip(f"Docker cannot be used on this Mac: {error.what}")
            pytest.fail(f"these tests need Docker: {error.render()}")
    with tempfile.TemporaryDirectory(prefix="rd-", ignore_cleanup_errors=True) as folder:
        daemon, host = start_daemon(Path(folder))
        before = os.environ.get("DOCKER_HOST")
        os.environ["DOCKER_HOST"] = host
        try:
            yield find_engine({**os.environ, knobs.ENGINE: "docker"})
        finally:
            if before is None:
                del os.environ["DOCKER_HOST"]
            else:
                os.environ["DOCKER_HOST"] = before
            daemon.terminate()
            daemon.wait(60)


def start_daemon(folder: Path):
    """A daemon without bridge and firewall rules, which need rights that a container may lack."""
    host = f"unix://{folder}/docker.sock"
    for driver in ("overlay2", "vfs"):
        words = ["--data-root", folder / "data", "--exec-root", folder / "exec", "-H", host, "-p", folder / "pid"]
        words += ["--bridge=none", "--iptables=false", "--storage-driver", driver]
        with open(folder / f"{driver}.log", "wb") as log:
            daemon = subprocess.Popen(["dockerd", *map(str, words)], stdout=log, stderr=log)
        end = time.monotonic() + 60
        while time.monotonic() < end and daemon.poll() is None:
            if subprocess.run(["docker", "-H", host, "info"], capture_output=True).returncode == 0:
                return daemon, host
            time.sleep(0.2)
        if daemon.poll() is None:
            daemon.kill()
        daemon.wait()
    said = (folder / "vfs.log").read_text(errors="replace")[-2000:]
    pytest.fail(f"dockerd does not start:\n{said}")


@pytest.fixture(scope="session")
def python() -> dict:
    """What the interpreter of these tests says of itself."""
    return probe_interpreter(sys.executable, dict(os.environ))


@pytest.fixture(scope="session")
def base_image(docker, python) -> Image:
    """An image of this machine's Python: nothing needs to be pulled."""
    return host_base(docker, python)


@pytest.fixture(scope="session")
def podman(cache, python, tmp_path_factory) -> Engine:
    """Podman, with settings for a bare machine where its own do not do. It has the base image."""
    if shutil.which("podman") is None:
        if sys.platform == "darwin":
            pytest.skip("no podman on this Mac")
        pytest.fail("these tests need Podman (Debian: apt-get install podman)")
    conf = tmp_path_factory.mktemp("podman") / "containers.conf"
    conf.write_text(PODMAN_CONF)
    said = ""
    for extra in ({}, {"CONTAINERS_CONF": str(conf)}):
        engine = Engine("podman", shutil.which("podman"), {**os.environ, **extra})
        try:
            image = host_base(engine, python)
        except ReenactError as error:
            said = error.what
            continue
        done = engine.call("run", "--rm", "--network", "none", image.name, "true", check=False)
        if done.returncode == 0:
            return engine
        said = done.stderr.strip()
    if sys.platform == "darwin":
        pytest.skip(f"podman does not start containers on this Mac: {said}")
    pytest.fail(f"these tests need a Podman that starts containers: {said}")


@pytest.fixture(scope="session")
def buildkit(docker) -> Engine:
    """Docker by a client that has BuildKit."""
    for folder in os.get_exec_path():
        program = os.path.join(folder, "docker")
        if os.access(program, os.X_OK):
            engine = Engine("docker", program, docker.env)
            if engine.builder in ("buildx", "buildkit"):
                return engine
    if sys.platform == "darwin":
        pytest.skip("no docker on this Mac has BuildKit")
    pytest.fail("these tests need a docker with BuildKit (Debian: apt-get install docker.io, or docker-buildx)")


@pytest.fixture(scope="session")
def legacy(docker) -> Engine:
    """Docker, with its old builder."""
    engine = Engine("docker", docker.program, docker.env)
    engine.__dict__["builder"] = "legacy"
    return engine


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """``host:port`` of a registry of its own on the loopback interface."""
    program = shutil.which("docker-registry") or shutil.which("registry")
    if program is None:
        if sys.platform == "darwin":
            pytest.skip("no docker-registry on this Mac")
        pytest.fail("these tests need docker-registry (Debian: apt-get install docker-registry)")
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = folder / "config.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}, "
        f"delete: {{enabled: true}}}}\nhttp: {{addr: '{address}'}}\n"
    )
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log)
    try:
        for _ in range(200):
            try:
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{address}/v2/", timeout=5)
                break
            except OSError:
                if server.poll() is not None:
                    pytest.fail(f"docker-registry does not start:\n{(folder / 'log').read_text()}")
                time.sleep(0.05)
        yield address
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="session")
def small_lock(tmp_path_factory) -> Path:
    """Root of a project with a lock of two packages whose wheels lie beside it; see `wheelmaker.small_project`."""
    return small_project(tmp_path_factory.mktemp("small") / "t-small")
