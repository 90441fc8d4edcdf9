"""The image of a run, found again; images in files and registries."""

import json
import os
import shutil
import subprocess

import pytest
from wheelmaker import small_project

from reenact.engine.image import find_image, list_images
from reenact.environment.images import exchange, saved
from reenact.environment.images.build import LABEL_LOCK, Wanted, build_image
from reenact.environment.images.project import build_record, project_image
from reenact.environment.images.recover import recover
from reenact.errors import ReenactError


@pytest.fixture
def built(docker, tmp_path):
    """A project of its own and its image, which is removed afterwards, however it is called then."""
    yield from make(docker, tmp_path)


def make(engine, tmp_path):
    root = small_project(tmp_path / "t-recover", f"1.{os.getpid()}")
    built = build_image(engine, root, Wanted(base="host", reproducible=True), dict(os.environ), lambda text: None)
    built.__dict__["root"] = root
    yield built
    forget(engine, built)


def forget(engine, built):
    for image in list_images(engine, f"label={LABEL_LOCK}={built.lock}"):
        engine.call("image", "rm", "--force", image.id)


def record(built):
    return json.loads(json.dumps({**built.image.to_json(), "name": built.image.name, "engine": "docker"}))


def found(engine, recorded, files=(), build=None, lock=None):
    said = []
    return recover(engine, recorded, files, build, lock, said.append), said


def test_by_its_id_and_by_its_layers(docker, built):
    recorded = record(built)
    assert found(docker, recorded)[0].how == "local"
    # The tags have moved, and the engine calls it by another id.
    for tag in built.tags:
        docker.call("tag", built.base.image.name, tag)
    docker.call("tag", built.image.id, "reenact-test-moved:1")
    try:
        recorded["id"] = "sha256:" + "0" * 64
        again, _ = found(docker, recorded)
        assert (again.how, again.same, again.image.id) == ("local", True, built.image.id)
    finally:
        for tag in (*built.tags, "reenact-test-moved:1"):
            docker.call("image", "rm", tag)


def test_another_image_under_its_name_is_not_taken(docker, built):
    recorded = record(built)
    recorded["id"], recorded["diff_ids"] = "sha256:" + "0" * 64, ["sha256:" + "1" * 64]
    with pytest.raises(ReenactError) as error:
        found(docker, recorded)
    assert error.value.slug == "image-gone" and error.value.exit_code == 3


def test_from_a_file(docker, built, tmp_path):
    store = tmp_path / "store"
    path = saved.save(docker, built.image, None, store)
    elsewhere = saved.save(docker, built.image, tmp_path / "elsewhere.tar", store)
    assert set(saved.saved_files(store)) == {path, elsewhere}
    assert saved.archived(path)[0].diff_ids == built.image.diff_ids
    other = saved.save(docker, built.base.image, tmp_path / "other.tar", store)
    recorded = record(built)
    forget(docker, built)
    again, said = found(docker, recorded, [other, path])
    assert (again.how, again.same, again.image.id) == ("file", True, built.image.id)
    assert any(str(path) in line for line in said)
    # The other image was looked into, not loaded.
    assert find_image(docker, built.base.image.name).id == built.base.image.id


def test_damaged_files_are_told(docker, built, tmp_path):
    path = saved.save(docker, built.image, tmp_path / "a.tar", tmp_path / "store")
    cut, text = tmp_path / "cut.tar", tmp_path / "text.tar"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    text.write_text("not an archive")
    recorded = record(built)
    forget(docker, built)
    with pytest.raises(ReenactError) as error:
        found(docker, recorded, [cut, text, tmp_path / "missing.tar"])
    for path in (cut, text, tmp_path / "missing.tar"):
        assert str(path) in error.value.what
        with pytest.raises(ReenactError):
            exchange.load(docker, path)


def test_from_a_registry(docker, built, registry):
    name = f"{registry}/t-recover:1"
    image, there = exchange.push(docker, built.tags[0], name)
    assert there.startswith(f"{registry}/t-recover@sha256:")
    recorded = json.loads(json.dumps(image.to_json()))
    forget(docker, built)
    again, said = found(docker, recorded)
    assert (again.how, again.same, again.image.diff_ids) == ("registry", True, built.image.diff_ids)
    assert any(there in line for line in said)
    forget(docker, built)
    assert exchange.pull(docker, name).diff_ids == built.image.diff_ids


def test_podman_takes_what_docker_pushed(docker, podman, built, registry):
    image, _ = exchange.push(docker, built.tags[0], f"{registry}/t-across:1")
    try:
        again, _ = found(podman, json.loads(json.dumps(image.to_json())))
        assert (again.how, again.same) == ("registry", True)
    finally:
        podman.call(
            "image", "rm", "--force", f"{registry}/t-across@{image.repo_digests[0].partition('@')[2]}", check=False
        )
        forget(podman, built)


def test_podman_finds_what_docker_saved(docker, podman, built, tmp_path):
    path = saved.save(docker, built.image, tmp_path / "a.tar", tmp_path / "store")
    try:
        again, _ = found(podman, record(built), [path])
        assert (again.how, again.same) == ("file", True)
        back = saved.save(podman, again.image, tmp_path / "b.tar", tmp_path / "store")
        forget(docker, built)
        assert found(docker, record(built), [back])[0].same
    finally:
        forget(podman, built)


def test_built_again(docker, built):
    """Assembled here it has the same layers; by a builder it has not, which is said."""
    lock, recorded, how = (built.root / "pylock.toml").read_bytes(), record(built), build_record(built.image)
    forget(docker, built)
    again, said = found(docker, recorded, [], how, lock)
    assert (again.how, again.same, again.image.diff_ids) == ("rebuilt", True, built.image.diff_ids)
    assert any("built again from the lock" in line for line in said)
    forget(docker, built)
    other = {**how, "reproducible": False}
    again, said = found(docker, recorded, [], other, lock)
    assert (again.how, again.same) == ("rebuilt", False) and any("not the same layers" in line for line in said)
    assert find_image(docker, "t-recover:latest") is None


def test_gone_for_good(docker, built):
    recorded, how = record(built), dict(build_record(built.image))
    recorded["repo_digests"] = [f"127.0.0.1:9/t-gone@sha256:{'0' * 64}"]
    lock = (built.root / "pylock.toml").read_bytes().replace(b"tinymath", b"t-not-there")
    forget(docker, built)
    how["base"], how["digest"] = "127.0.0.1:9/t-base:1", "sha256:" + "0" * 64
    with pytest.raises(ReenactError) as error:
        found(docker, recorded, [], how, lock)
    assert error.value.slug == "image-gone" and error.value.exit_code == 3
    for word in ("does not have it", "127.0.0.1:9/t-gone", "cannot be built again"):
        assert word in error.value.what


def test_two_builds_from_nothing_have_the_same_id(docker, podman, tmp_path, monkeypatch):
    """Caches emptied and the image removed in between, in another folder, by another engine."""
    ids = []
    for number, engine in enumerate((docker, docker, podman)):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"cache-{number}"))
        root = tmp_path / "t-same"
        shutil.rmtree(root, ignore_errors=True)
        small_project(root)
        built = build_image(engine, root, Wanted(base="host", reproducible=True), dict(os.environ), lambda text: None)
        assert built.fresh
        out = engine.call("run", "--rm", "--network", "none", built.tags[0], "tinytool").stdout
        assert out == "tinytool 1.0\n"
        ids.append(built.image.id)
        forget(engine, built)
    assert len(set(ids)) == 1


def test_the_image_of_a_project(docker, built):
    assert project_image(docker, built.root).id == built.image.id
    lock = built.root / "pylock.toml"
    lock.write_text(lock.read_text() + "\n# changed\n")
    with pytest.raises(ReenactError) as error:
        project_image(docker, built.root)
    assert error.value.slug == "no-image" and "of an older one" in error.value.what
    lock.unlink()
    with pytest.raises(ReenactError) as error:
        project_image(docker, built.root)
    assert "no pylock.toml" in error.value.what


def test_the_command_line(docker, built, registry):
    def run(*words):
        return subprocess.run(["reenact", "image", *words], cwd=built.root, capture_output=True, text=True)

    rows = json.loads(run("ls", "--json").stdout)
    mine = next(row for row in rows if row["id"] == built.image.id)
    assert mine["present"] and mine["base"] == "host" and mine["runs"] == []
    assert built.tags[0] in run("ls").stdout
    done = run("shell", "--network", "none", "--", "python", "train.py")
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
    done = run("shell", "--network", "none", built.tags[0], "--", "sh", "-c", "id -u; pwd; exit 7")
    assert done.returncode == 7 and done.stdout.splitlines() == [str(os.getuid()), str(built.root)]
    done = run("save", built.tags[0])
    path = done.stdout.strip()
    assert path.startswith(str(built.root / ".reenact" / "images")) and os.path.getsize(path) > 1e6
    done = run("push", built.tags[0], f"{registry}/t-cli:1")
    assert done.returncode == 0 and done.stdout.startswith(f"{registry}/t-cli@sha256:")
    assert run("rm", f"{registry}/t-cli:1", *built.tags).returncode == 0
    done = run("load", path)
    assert done.stdout.strip() == built.image.id
    done = run("pull", f"{registry}/t-cli:1")
    assert done.stdout.strip() == built.image.id
    done = run("pull", f"{registry}/t-none:1")
    assert done.returncode in (2, 4) and "Traceback" not in done.stderr and "error:" in done.stderr
    done = run("save", "t-none")
    assert done.returncode == 2 and "t-none" in done.stderr
