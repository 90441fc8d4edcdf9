"""Images out of locks, by every builder that is here."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from wheelmaker import make_lock, make_wheel, small_project

from reenact.engine.image import find_image, list_images
from reenact.environment.images import build as building
from reenact.environment.images import exchange
from reenact.environment.images.base import repository
from reenact.environment.images.build import LABEL_LOCK, Wanted, build_image
from reenact.environment.images.dockerfiles import predict_dockerfile, train_dockerfile
from reenact.environment.images.project import build_record, project_image
from reenact.environment.images.wheelhouse import wheels_folder
from reenact.environment.lock import pylock
from reenact.environment.packages import distributions
from reenact.environment.solve import own_tables
from reenact.errors import ReenactError

LOOK = """
import json, os, pwd, sys
sys.path.insert(0, "/reenact")
from reenact.environment.packages import distributions
import tinymath
print(json.dumps(dict(prefix=sys.prefix, user=pwd.getpwuid(os.getuid()).pw_name, cwd=os.getcwd(), version=tinymath.VERSION,
    fingerprints={d["name"]: d["fingerprint"] for d in distributions(sys.path)},
    urls=[d["url"] for d in distributions(sys.path)], tool=os.popen("tinytool").read())))
"""
SOURCE = str(Path(building.__file__).parents[2])


@pytest.fixture
def project(small_lock, tmp_path):
    """A copy of the small project, for a test to change."""
    root = tmp_path / "t-small"
    shutil.copytree(small_lock, root)
    return small_project(root)


def environ():
    return dict(os.environ)


def build(engine, root, **wanted):
    said = []
    built = build_image(engine, root, Wanted(**{"base": "host", **wanted}), environ(), said.append)
    return built, said


def look(engine, name):
    """What the image's Python says of itself and its packages."""
    mount = f"type=bind,source={SOURCE},target=/reenact/reenact,readonly"
    return json.loads(
        engine.call("run", "--rm", "--network", "none", "--mount", mount, name, "python", "-c", LOOK).stdout
    )


def stages(engine):
    words = ["--quiet", "--no-trunc", "--filter", "dangling=true", "--filter", "label=dev.reenact.stage"]
    return set(engine.call("images", *words).stdout.split())


def remove(engine, built):
    """All images of that lock, however they are called."""
    for image in list_images(engine, f"label={LABEL_LOCK}={built.lock}"):
        engine.call("image", "rm", "--force", image.id, check=False)


def installed(wheels, folder):
    """Fingerprints after an ordinary installation on this machine."""
    names = [path.name.split("-")[0] for path in wheels.glob("*.whl")]
    words = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--find-links", str(wheels)]
    subprocess.run([sys.executable, *words, "--target", str(folder), *names], check=True)
    return {dist["name"]: dist["fingerprint"] for dist in distributions([str(folder)])}


@pytest.mark.parametrize("builder", ["legacy", "buildkit", "podman"])
def test_every_builder(builder, request, project, tmp_path):
    engine = request.getfixturevalue(builder)
    built, said = build(engine, project)
    try:
        assert built.fresh and built.packages == 2 and any("pins the base: host" in line for line in said)
        lock = (project / "pylock.toml").read_bytes()
        pinned = own_tables(lock.decode())
        assert 'base = "host"' in pinned and built.base.pin.digest in pinned
        digest = built.lock.partition(":")[2]
        assert built.tags == ("t-small:latest", f"t-small:{digest[:12]}")
        labels = built.image.labels
        assert labels["dev.reenact.lock"] == built.lock and labels["dev.reenact.base"] == "host"
        assert labels["dev.reenact.base-digest"] == built.base.image.id
        assert labels["dev.reenact.python"] == ".".join(map(str, sys.version_info[:3]))
        told = look(engine, built.tags[1])
        assert (told["prefix"], told["user"], told["cwd"]) == ("/opt/venv", "app", "/workspace")
        assert told["version"] == "1.0" and told["tool"] == "tinytool 1.0\n"
        assert told["fingerprints"] == installed(project / "wheels", tmp_path / "target")
        assert told["urls"] == [None, None]
        assert project_image(engine, project).id == built.image.id
        assert build_record(built.image)["base"] == "host"

        (project / "train.py").write_text("print('changed')\n")
        again, _ = build(engine, project)
        assert not again.fresh and again.image.id == built.image.id
        assert (project / "pylock.toml").read_bytes() == lock

        # Another package: the layer of the large ones stays.
        wheels = project / "wheels"
        small_project(project, "1.1")
        other, _ = build(engine, project)
        assert other.fresh and other.image.id != built.image.id
        assert look(engine, other.tags[0])["version"] == "1.1"
        assert set(wheels.glob("*.whl"))
        remove(engine, other)
    finally:
        remove(engine, built)


def test_the_large_packages_have_a_layer_of_their_own(legacy, project):
    """By the name of one; its layer stays when another package changes."""
    wheels = project / "wheels"
    make_wheel(wheels, "triton", "1.0", {"triton.py": "X = 1\n"})

    make_lock(project, sorted(wheels.glob("*.whl")))
    first, _ = build(legacy, project)
    try:
        next(wheels.glob("tinymath*")).unlink()
        make_wheel(wheels, "tinymath", "3.0", {"tinymath/__init__.py": "VERSION = '3.0'\n"})
        make_lock(project, sorted(wheels.glob("*.whl")))
        second, _ = build(legacy, project)
        common = [a == b for a, b in zip(first.image.diff_ids, second.image.diff_ids)]
        # base, user, large packages | the others
        assert common == [True, True, True, False]
        remove(legacy, second)
    finally:
        remove(legacy, first)


def test_a_step_that_fails_leaves_nothing_behind(legacy, project, tmp_path):
    own = project / "own.dockerfile"
    own.write_text("ARG BASE\nFROM ${BASE}\nRUN echo about to fail >&2; exit 3\n")
    before = (project / "pylock.toml").read_bytes()
    with pytest.raises(ReenactError) as error:
        build(legacy, project, file=own)
    assert error.value.slug == "build-failed" and "about to fail" in error.value.what
    log = Path(re.search(r"is in (\S+)", error.value.fix)[1])
    assert "about to fail" in log.read_text()
    assert (project / "pylock.toml").read_bytes() == before
    assert find_image(legacy, "t-small:latest") is None
    # Reenact's own build, at its second stage: the first one is done by then.
    own.unlink()
    wheel = next((project / "wheels").glob("tinytool*"))
    wheel.write_bytes(b"not a wheel")
    make_wheel(tmp_path, "triton", f"1.{os.getpid()}", {"triton.py": ""})
    make_lock(project, [*sorted((project / "wheels").glob("*.whl")), *tmp_path.glob("*.whl")])
    kept = stages(legacy)
    with pytest.raises(ReenactError) as error:
        build(legacy, project)
    assert error.value.slug == "build-failed" and "tinytool" in error.value.what
    assert stages(legacy) == kept
    assert not list(wheels_folder().parent.joinpath("builds").iterdir())


def test_a_wheel_that_is_another_file_than_the_lock_says(legacy, project):
    wheel = next((project / "wheels").glob("tinytool*"))
    make_wheel(project / "wheels", "tinytool", "2.0", {"tinytool.py": "print('something else')\n"})
    lock = project / "pylock.toml"
    lock.write_text(lock.read_text().replace('sha256 = "', 'sha256 = "0', 1).replace('" }', '" }'))
    text = re.sub(r'sha256 = "0([0-9a-f]{63})[0-9a-f]"', r'sha256 = "0\1"', lock.read_text())
    lock.write_text(text)
    with pytest.raises(ReenactError) as error:
        build(legacy, project)
    assert error.value.slug == "no-wheel" and error.value.exit_code == 4
    assert "tinymath" in error.value.what and "the lock says" in error.value.what
    assert wheel.exists() and find_image(legacy, "t-small:latest") is None


def test_a_wheel_that_no_index_has_is_named(legacy, project, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    lock = project / "pylock.toml"
    lock.write_text(lock.read_text() + '\n[[packages]]\nname = "t-not-there"\nversion = "9.9"\n')
    with pytest.raises(ReenactError) as error:
        build(legacy, project)
    assert error.value.slug == "no-wheel" and "t-not-there 9.9" in error.value.what


def test_a_lock_of_the_environment_as_it_stands(legacy, tmp_path, monkeypatch):
    """Its entries have neither files nor hashes; pip finds them by its own settings."""
    root = small_project(tmp_path / "t-stands")
    site = tmp_path / "site"
    installed(root / "wheels", site)
    (root / "pylock.toml").write_text(pylock(distributions([str(site)]), ".".join(map(str, sys.version_info[:3]))))
    assert "hashes" not in (root / "pylock.toml").read_text()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(root / "wheels"))
    built, said = build(legacy, root)
    assert built.fresh
    try:
        assert look(legacy, built.tags[0])["tool"] == "tinytool 1.0\n"
        assert not any("another build" in line for line in said)
        # Nothing is asked for again.
        shutil.rmtree(root / "wheels")
        again, _ = build(legacy, root, cache=False)
        assert again.fresh
    finally:
        remove(legacy, built)


def test_a_base_that_cannot_be_had_is_an_error(docker, project):
    """Nothing else is taken in silence where one was configured."""
    (project / "pyproject.toml").write_text('[tool.reenact.image]\nbase = "127.0.0.1:9/t-nowhere:1"\n')
    with pytest.raises(ReenactError) as error:
        build(docker, project, base=None)
    assert "127.0.0.1:9/t-nowhere:1" in error.value.what
    (project / "pyproject.toml").unlink()
    lock = project / "pylock.toml"
    lock.write_text(lock.read_text() + f'\n[tool.reenact.image]\nbase = "host"\ndigest = "sha256:{"0" * 64}"\n')
    with pytest.raises(ReenactError) as error:
        build(docker, project, base=None)
    assert error.value.slug == "base-gone" and "--base host" in error.value.fix


def test_a_base_from_a_registry_is_pinned(legacy, project, base_image, registry):
    """Its digest goes into the lock and is what later builds stand on, wherever the tag points to then."""
    name = f"{registry}/t-base:1"
    exchange.push(legacy, base_image.name, name)
    legacy.call("image", "rm", name)
    (project / "pyproject.toml").write_text(f'[tool.reenact.image]\nbase = "{name}"\n')
    built, said = build(legacy, project, base=None)
    exact = f"{repository(name)}@{built.base.pin.digest}"
    try:
        assert any(f"pulling {name}" in line for line in said)
        assert built.base.pin.base == name and built.base.pin.digest != base_image.id
        assert built.image.diff_ids[: len(base_image.diff_ids)] == base_image.diff_ids
        # The tag is another image now, here and there.
        exchange.push(legacy, built.tags[0], name)
        legacy.call("image", "rm", "--force", name)
        again, _ = build(legacy, project, base=None, cache=False)
        assert again.base.pin == built.base.pin and again.image.diff_ids[0] == base_image.diff_ids[0]
        assert len(again.image.diff_ids) == len(built.image.diff_ids)
    finally:
        remove(legacy, built)
        legacy.call("image", "rm", "--force", exact, name, check=False)


def test_a_base_with_an_environment_of_its_own(buildkit, project):
    """At the very place of ours, and first on PATH: nothing of it is left."""
    first, _ = build(buildkit, project)
    small_project(project, "1.2")
    make_lock(project, list((project / "wheels").glob("tinymath-1.2*")))
    code = "import os, tinymath; print(tinymath.VERSION, os.path.exists('/opt/venv/bin/tinytool'))"
    try:
        for how in (False, True):
            built, _ = build(buildkit, project, base=first.tags[1], name="t-above", reproducible=how)
            out = buildkit.call("run", "--rm", "--network", "none", built.tags[0], "python", "-c", code).stdout
            assert out == "1.2 False\n"
            remove(buildkit, built)
    finally:
        remove(buildkit, first)


def test_a_base_without_python_and_one_of_another_platform(docker, project, base_image, tmp_path):
    """Both made here, of a shell and nothing."""
    from reenact.environment.images.hostbase import load
    from reenact.environment.images.layers import Entry, write_layer

    layer = write_layer(tmp_path / "layer.tar", {"bin/nothing": Entry(b"")})
    load(docker, [layer], {}, ["reenact-test-arm:1"], machine="riscv64")
    try:
        with pytest.raises(ReenactError) as error:
            build(docker, project, base="reenact-test-arm:1")
        assert error.value.slug == "wrong-platform" and "riscv64" in error.value.what
    finally:
        docker.call("image", "rm", "reenact-test-arm:1")


def test_a_lock_for_another_python(docker, project):
    lock = project / "pylock.toml"
    lock.write_text(lock.read_text().replace(">=3.9", "==2.7.*"))
    with pytest.raises(ReenactError) as error:
        build(docker, project)
    assert error.value.slug == "wrong-python" and "2.7" in error.value.what


def test_an_untouched_dockerfile_is_reenacts_own(legacy, project):
    """`reenact init` writes it; it needs BuildKit and a network, which are not needed as long as nobody has changed it."""
    (project / "train.dockerfile").write_text(train_dockerfile())
    built, _ = build(legacy, project)
    assert build_record(built.image)["file"] is None
    remove(legacy, built)


@pytest.fixture
def index(tmp_path):
    """A server of wheels on the loopback interface: its folder and its address."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    folder = tmp_path / "index"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_the_dockerfile_to_keep(buildkit, project, index, tmp_path, monkeypatch):
    """From an index that only a secret names, with network; and the image that serves a model, on top."""
    folder, address = index
    make_wheel(project / "wheels", "triton", "1.0", {"triton.py": "X = 1\n"})
    make_lock(project, sorted((project / "wheels").glob("*.whl")))
    for wheel in (project / "wheels").glob("*.whl"):
        shutil.copy(wheel, folder)
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nno-index = true\nfind-links = {address}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    (project / "train.dockerfile").write_text("# mine\n" + train_dockerfile())
    built, _ = build(buildkit, project, network="host")
    try:
        assert build_record(built.image)["file"]
        told = look(buildkit, built.tags[0])
        assert (told["prefix"], told["user"], told["cwd"]) == ("/opt/venv", "app", "/workspace")
        assert told["tool"] == "tinytool 1.0\n" and set(told["fingerprints"]) >= {"tinymath", "tinytool", "triton"}
        assert told["fingerprints"] == installed(project / "wheels", tmp_path / "target")
        history = buildkit.call("history", "--no-trunc", built.tags[0]).stdout
        assert address not in history and str(tmp_path) not in history
        (project / "src").mkdir()
        code = "import sys, tinymath\nprint(sys.argv[1:], tinymath.double(4))\n"
        (project / "src" / "predict.py").write_text(code)
        (project / "predict.dockerfile").write_text(predict_dockerfile("t-small"))
        words = ["build", "--quiet", "--network", "none", "-f", str(project / "predict.dockerfile"), str(project)]
        served = buildkit.call(*words, extra_env={"DOCKER_BUILDKIT": "1"}).stdout.strip()
        out = buildkit.call("run", "--rm", "--network", "none", served).stdout
        assert out == "['--port', '8000', '--model', '/model'] 8\n"
        buildkit.call("image", "rm", "--force", served)
    finally:
        remove(buildkit, built)


def test_the_command_line(docker, project):
    run = lambda *words: subprocess.run(["reenact", "image", *words], cwd=project, capture_output=True, text=True)  # noqa: E731
    done = run("build", "--base", "host", "--name", "reenact-test-cli", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    try:
        assert told["fresh"] and told["packages"] == 2 and told["tags"][0] == "reenact-test-cli:latest"
        assert find_image(docker, "reenact-test-cli:latest").id == told["id"]
        done = run("build", "--name", "reenact-test-cli")
        assert done.stdout.strip() == told["id"] and "was there already" in done.stderr
    finally:
        docker.call("image", "rm", "--force", *told["tags"])
    done = run("build", "--name", "Not A Name")
    assert done.returncode == 2 and "Not A Name" in done.stderr and "Traceback" not in done.stderr
    done = run("build", "--dockerfile")
    assert done.returncode == 0 and (project / "predict.dockerfile").exists()
    (project / "train.dockerfile").write_text("mine")
    done = run("build", "--dockerfile")
    assert "train.dockerfile is there already" in done.stderr and (project / "train.dockerfile").read_text() == "mine"
