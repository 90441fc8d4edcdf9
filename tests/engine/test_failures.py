"""What engines say when they fail, as they have said it, and what a person is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reenact.engine.cli import Engine
from reenact.engine.failures import explain
from reenact.engine.find import find_engine
from reenact.engine.image import find_image, need_image
from reenact.errors import ReenactError

SAID = [
    # docker 20.10 and 28, podman 4.3: words, what was said, slug, exit code, a part of the message or of the fix.
    ("docker", "ps", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?", "engine-down", 4, "systemctl start docker"),
    ("docker", "ps", "error during connect: Get \"http://10.0.0.1:2375/v1.41/info\": dial tcp 10.0.0.1:2375: connect: connection refused", "engine-down", 4, "connection refused"),
    ("docker", "ps", "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get \"http://%2Fvar%2Frun%2Fdocker.sock/v1.24/info\": dial unix /var/run/docker.sock: connect: permission denied", "engine-denied", 4, "usermod -aG docker"),
    ("docker", "pull", "WARNING: Error loading config file: /home/me/.docker/config.json: open /home/me/.docker/config.json: permission denied", "engine-config", 4, "chown"),
    ("docker", "build", "write /var/lib/docker/tmp/x: no space left on device", "no-space", 4, "system prune"),
    ("docker", "start", "Error response from daemon: driver failed programming external connectivity on endpoint x: Bind for 0.0.0.0:8080 failed: port is already allocated", "port-in-use", 2, "--port"),
    ("podman", "run", "Error: rootlessport listen tcp 0.0.0.0:8080: bind: address already in use", "port-in-use", 2, "--port"),
    ("docker", "create", "docker: Error response from daemon: could not select device driver \"\" with capabilities: [[gpu]].", "no-gpu", 4, "Container Toolkit"),
    ("podman", "run", "Error: setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=all", "no-gpu", 4, "Container Toolkit"),
    ("docker", "pull", "no matching manifest for linux/arm64/v8 in the manifest list entries", "wrong-platform", 2, "another platform"),
    ("docker", "start", "exec /usr/local/bin/python: exec format error", "wrong-platform", 2, "another platform"),
    ("docker", "push", "unauthorized: authentication required", "no-login", 4, "docker login"),
    ("docker", "pull", "Error response from daemon: manifest for x:1 not found: manifest unknown: manifest unknown", "no-image", 2, "image ls"),
    ("docker", "pull", "Error response from daemon: Get \"https://nowhere.invalid/v2/\": dial tcp: lookup nowhere.invalid on 1.1.1.1:53: no such host", "no-registry", 4, "cannot be reached"),
    ("podman", "create", "Error: container-init binary not found on the host: stat /usr/libexec/podman/catatonit: no such file or directory", "no-init", 4, "catatonit"),
    ("docker", "run", "docker: Error response from daemon: network nowhere not found.\n\nRun 'docker run --help' for more information", "engine-failed", 1, "network nowhere not found"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "verb", "said", "slug", "code", "part"), SAID)
def test_each_is_told_in_one_message(kind: str, verb: str, said: str, slug: str, code: int, part: str) -> None:
    error = explain(kind, (verb,), said, {"HOME": "/home/me"})
    assert (error.slug, error.exit_code) == (slug, code)
    assert part in error.render() and "--help" not in error.render()
    assert error.what.count("\n") == 0


def _engine(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)


def test_docker_whose_daemon_is_down_gives_way_to_podman(tmp_path: Path) -> None:
    # The outside programs are stood in for: neither a dead daemon nor its absence can be had beside a live one.
    _engine(tmp_path, "docker", "echo 'Cannot connect to the Docker daemon at unix:///x. Is it running?' >&2; exit 1\n")
    with pytest.raises(ReenactError) as caught:
        find_engine({"PATH": str(tmp_path)})
    assert caught.value.slug == "engine-down"
    _engine(tmp_path, "podman", """echo '{"host": {"arch": "amd64"}}'\n""")
    assert find_engine({"PATH": str(tmp_path)}).kind == "podman"
    with pytest.raises(ReenactError) as caught:
        find_engine({"PATH": str(tmp_path), "REENACT_ENGINE": "docker"})
    assert caught.value.slug == "engine-down"


def test_a_client_that_answers_for_a_dead_daemon(tmp_path: Path) -> None:
    answer = '{"ID": "", "ServerErrors": ["Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?"]}'
    _engine(tmp_path, "docker", f"echo '{answer}'\n")
    with pytest.raises(ReenactError) as caught:
        find_engine({"PATH": str(tmp_path)})
    assert caught.value.slug == "engine-down"


def test_none_and_one_that_was_named_wrongly(tmp_path: Path) -> None:
    with pytest.raises(ReenactError) as caught:
        find_engine({"PATH": str(tmp_path)})
    assert (caught.value.slug, caught.value.exit_code) == ("no-engine", 4)
    for name in ("dockerr-not-there", "/usr/bin/env"):
        with pytest.raises(ReenactError) as caught:
            find_engine({"PATH": os.environ["PATH"], "REENACT_ENGINE": name})
        assert caught.value.slug == "no-engine"


def test_an_engine_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    _engine(tmp_path, "docker", "exec sleep 60\n")
    engine = Engine("docker", str(tmp_path / "docker"), {"PATH": os.environ["PATH"]})
    with pytest.raises(ReenactError) as caught:
        engine.call("info", timeout=0.2)
    assert caught.value.slug == "engine-slow"


def test_settings_that_cannot_be_read_name_the_chown(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    config = tmp_path / ".docker" / "config.json"
    config.write_text("{}")
    config.chmod(0)
    _engine(tmp_path, "docker", "echo '{}'\n")
    code = (
        "import sys; from reenact.engine.find import find_engine\n"
        "from reenact.errors import ReenactError\n"
        f"try: find_engine({{'PATH': {str(tmp_path)!r}, 'HOME': {str(tmp_path)!r}}})\n"
        "except ReenactError as error: print(error.slug, error.fix)\n"
    )
    words = [sys.executable, "-c", code]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root reads everything, and there is no setpriv to take that away")
        words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *words]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    slug, _, fix = done.stdout.strip().partition(" ")
    assert slug == "engine-config" and fix.startswith("sudo chown -R")


def test_an_image_that_is_not_there(tmp_path: Path) -> None:
    _engine(tmp_path, "docker", "echo 'Error: No such image: x' >&2; exit 1\n")
    engine = Engine("docker", str(tmp_path / "docker"), {"PATH": os.environ["PATH"]})
    assert find_image(engine, "x") is None
    with pytest.raises(ReenactError) as caught:
        need_image(engine, "x")
    assert caught.value.slug == "no-image" and "reenact image build" in str(caught.value.fix)
