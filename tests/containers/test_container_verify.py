"""The image of a run is found again by its layers: here, in a file, in a registry, or built again from the record."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from wheelmaker import small_project

from reenact.engine.cli import Engine
from reenact.engine.image import Image, find_image

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import last_json, manifest, reenact

SCRIPT = """\
import random
import tinymath

open("out.txt", "w").write(str(tinymath.double(random.random())))
"""


@pytest.fixture
def recorded(docker: Engine, base_image: Image, tmp_path: Path):
    """A project of its own whose image was built and used for one run: (its root, the run's manifest)."""
    root = small_project(tmp_path / "t-verify")
    (root / "train.py").write_text(SCRIPT)
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = reenact("image", "build", "--base", "host", cwd=root, env=cache, timeout=300)
    assert done.returncode == 0, done.stderr
    done = reenact("run", "--json", "--image", "train.py", cwd=root, timeout=120)
    assert done.returncode == 0, done.stderr
    try:
        yield root, manifest(root, last_json(done.stdout)["run"])
    finally:
        forget(docker, "t-verify")
        forget(docker, "reenact-rebuilt/t-verify")


def forget(docker: Engine, name: str) -> None:
    """Remove every tag of an image."""
    found = docker.call("images", "--no-trunc", "--quiet", name).stdout.split()
    if found:
        docker.call("rmi", "--force", *sorted(set(found)))


def verified(root: Path) -> str:
    """Verify the run; what was said."""
    done = reenact("verify", "last", "--json", cwd=root, timeout=300)
    assert (done.returncode, last_json(done.stdout)["verdict"]) == (0, "identical"), done.stderr
    return done.stderr


def test_the_record_names_the_lock_and_how_the_image_was_built(recorded) -> None:
    root, found = recorded
    image, build = found["container"]["image"], found["container"]["build"]
    assert build["base"] == "host" and build["lock"].startswith("sha256:")
    assert len(image["diff_ids"]) >= 2
    assert {one["name"] for one in found["environment"]["distributions"]} >= {"tinymath", "tinytool"}
    assert (root / ".reenact" / "blobs" / build["lock"].replace(":", "/")).read_bytes() == (
        root / "pylock.toml"
    ).read_bytes()


def test_a_saved_file(recorded, docker: Engine) -> None:
    root, found = recorded
    assert reenact("image", "save", found["run"], cwd=root, timeout=120).returncode == 0
    forget(docker, "t-verify")
    assert find_image(docker, found["container"]["image"]["id"]) is None
    assert ".tar" in verified(root)
    assert find_image(docker, found["container"]["image"]["id"]) is not None


def test_a_registry_by_digest(recorded, docker: Engine, registry: str) -> None:
    root, found = recorded
    name = f"{registry}/reenact-test/t-verify:1"
    done = reenact("image", "push", found["container"]["name"], name, cwd=root, timeout=120)
    assert done.returncode == 0 and "@sha256:" in done.stdout, done.stderr
    forget(docker, "t-verify")
    forget(docker, f"{registry}/reenact-test/t-verify")
    assert find_image(docker, found["container"]["image"]["id"]) is None
    assert registry in verified(root)
    forget(docker, f"{registry}/reenact-test/t-verify")


def test_it_is_built_again_from_the_lock_of_the_record(recorded, docker: Engine) -> None:
    root, _ = recorded
    forget(docker, "t-verify")
    # Only the record and the wheels are left.
    (root / "pylock.toml").unlink()
    said = verified(root)
    assert "built again from the lock" in said


def test_when_all_is_gone_it_says_what_it_tried(recorded, docker: Engine) -> None:
    root, found = recorded
    forget(docker, "t-verify")
    shutil.rmtree(root / "wheels")
    (root / "pylock.toml").unlink()
    env = {"XDG_CACHE_HOME": str(root / "empty"), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": None}
    done = reenact("verify", "last", cwd=root, env=env, timeout=300)
    assert done.returncode == 3 and "cannot be had" in done.stderr and "built again" in done.stderr
    assert "Traceback" not in done.stderr
    names = {path.name for path in (root / ".reenact" / "runs").iterdir()}
    assert names == {found["run"]}


def test_packages_that_differ_are_told(recorded, docker: Engine, tmp_path: Path) -> None:
    """Another image under the name of the first: it is not taken for it."""
    root, found = recorded
    small_project(root, number="1.1")
    assert reenact("image", "build", "--base", "host", cwd=root, timeout=300).returncode == 0
    assert "tinymath" not in verified(root)
    done = reenact("run", "--json", "--image", "train.py", cwd=root, timeout=120)
    other = manifest(root, last_json(done.stdout)["run"])
    assert other["container"]["image"]["id"] != found["container"]["image"]["id"]
    told = json.loads(reenact("diff", found["run"], other["run"], "--json", cwd=root).stdout.splitlines()[-1])
    assert any(one["name"] == "tinymath" for one in told["inputs"])
