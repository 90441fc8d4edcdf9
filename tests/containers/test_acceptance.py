"""A new repository, its image, a run in it, the verdict, and the same run without a container: as a person types it, with torch."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from reenact.engine.cli import Engine

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import last_json, manifest, reenact

NAME = "reenact-test-whole"


@pytest.fixture
def whole(docker: Engine, tmp_path: Path):
    """A fresh repository with the torch that is installed here in its lock."""
    import torch

    done = reenact("init", NAME, "--yes", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    root = tmp_path / NAME
    text = (root / "pyproject.toml").read_text()
    version = torch.__version__.partition("+")[0]
    text = text.replace('"torch>=2.2"', f'"torch=={version}"').replace('    "ipykernel>=6.29",\n', "")
    (root / "pyproject.toml").write_text(
        text.replace("# image = { base", "image = { base").replace("python:3.11-slim", "host")
    )
    try:
        yield root
    finally:
        found = docker.call("images", "--no-trunc", "--quiet", NAME).stdout.split()
        if found:
            docker.call("rmi", "--force", *sorted(set(found)))


def test_init_build_run_verify_and_the_same_without_a_container(whole: Path) -> None:
    done = reenact("image", "build", "--reproducible", cwd=whole, timeout=900)
    assert done.returncode == 0, done.stderr
    done = reenact("run", "--image", "--json", "src/train.py", "training=quick", cwd=whole, timeout=300)
    assert done.returncode == 0, done.stderr
    inside = manifest(whole, last_json(done.stdout)["run"])
    assert inside["complete"], inside["gaps"]
    done = reenact("verify", "last", "--json", cwd=whole, timeout=300)
    found = last_json(done.stdout)
    assert (done.returncode, found["verdict"]) == (0, "identical"), (done.stdout, done.stderr)
    assert found["steps_compared"] > 10
    # The same lock, on this machine as it is: every distribution by fingerprint, and every step to the bit.
    done = reenact("env", inside["run"], cwd=whole, timeout=600)
    assert done.returncode == 0, done.stderr
    count = len(inside["environment"]["distributions"])
    assert f"{count} of {count} distributions are as recorded" in done.stderr
    folder = os.path.dirname(done.stdout.strip())
    path = {"PATH": folder + os.pathsep + os.environ["PATH"]}
    python = os.path.join(folder, "python")
    done = reenact(
        "run", "--json", "--python", python, "src/train.py", "training=quick", cwd=whole, env=path, timeout=120
    )
    assert done.returncode == 0, done.stderr
    outside = manifest(whole, last_json(done.stdout)["run"])
    assert outside["container"] is None and outside["environment"]["python"]["prefix"] != "/opt/venv"
    assert inside["traces"][0]["core"] == outside["traces"][0]["core"]
