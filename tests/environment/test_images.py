"""What images are made of, where no engine is needed: tags, markers, locks, layers, Dockerfiles."""

import hashlib
import os
import re
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from reenact.environment.images.base import repository
from reenact.environment.images.build import check_name
from reenact.environment.images.dockerfiles import build_dockerfile, predict_dockerfile, train_dockerfile
from reenact.environment.images.layers import Entry, tree, write_layer
from reenact.environment.images.lockfile import Pin, project_name, read_lock, with_pin
from reenact.environment.images.saved import archived
from reenact.environment.images.target import Target, applies, satisfies, wheel_tags
from reenact.environment.images.wheelhouse import Wheelhouse
from reenact.environment.solve import lock, own_tables, without_sizes
from reenact.errors import ReenactError

MARKERS = {
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "platform_release": "",
    "platform_version": "",
    "implementation_name": "cpython",
    "python_version": "3.11",
    "python_full_version": "3.11.7",
    "implementation_version": "3.11.7",
}
TARGET = Target("3.11.7", "x86_64", (2, 36), "cpython", "", "/usr/local/bin/python3.11", MARKERS)


def test_tags_are_those_that_pip_knows():
    """Against the implementation of the standard that pip brings along."""
    standard = pytest.importorskip("pip._vendor.packaging.tags")
    platforms = TARGET.platforms()
    wanted = [
        *standard.cpython_tags((3, 11), ["cp311"], platforms),
        *standard.compatible_tags((3, 11), "cp311", platforms),
    ]
    assert TARGET.tags() == [str(tag) for tag in wanted]


@pytest.mark.parametrize(
    "marker",
    [
        "sys_platform == 'linux'",
        "sys_platform == 'win32' or platform_machine != 'arm64'",
        "python_version < '3.9'",
        "python_full_version >= '3.10' and (os_name == 'nt' or implementation_name == 'cpython')",
        "'linux' in sys_platform",
        "platform_machine not in 'arm64 aarch64'",
        "python_version ~= '3.10'",
        "python_version == '3.1.*'",
        "'3.8' <= python_version",
        'platform_python_implementation != "PyPy"',
    ],
)
def test_markers_are_read_as_pip_reads_them(marker):
    standard = pytest.importorskip("pip._vendor.packaging.markers")
    assert applies(marker, TARGET) == standard.Marker(marker).evaluate(dict(MARKERS))


def test_markers_of_groups_and_what_is_none():
    assert applies("'dev' in dependency_groups", TARGET, ("dev",)) and not applies("'dev' in dependency_groups", TARGET)
    for text in ("import os", "no_such == 'x'", "sys_platform =="):
        with pytest.raises(ReenactError) as error:
            applies(text, TARGET)
        assert error.value.slug == "bad-lock"


@pytest.mark.parametrize(
    ("specifier", "holds"),
    [(">=3.11.7", True), ("==3.11.*", True), ("==3.12.*", False), (">=3.9,<3.11", False), ("~=3.10", True), ("", True), ("!=3.11.7", False)],
)  # fmt: skip
def test_requires_python(specifier, holds):
    assert satisfies("3.11.7", specifier) is holds


LOCK = b"""\
lock-version = "1.0"
created-by = "a test"
requires-python = ">=3.9"

[[packages]]
name = "Some_Thing"
version = "1.0"
sdist = { name = "some_thing-1.0.tar.gz", url = "https://example.org/s.tar.gz", hashes = { sha256 = "aa" } }
wheels = [
    { name = "some_thing-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", url = "https://example.org/a.whl", hashes = { sha256 = "bb" } },
    { name = "some_thing-1.0-cp311-cp311-manylinux_2_40_x86_64.whl", url = "https://example.org/b.whl", hashes = { sha256 = "cc" } },
    { name = "some_thing-1.0-py3-none-any.whl", url = "https://example.org/c.whl", hashes = { sha256 = "dd" } },
]

[[packages]]
name = "not-here"
version = "1.0"
marker = "sys_platform == 'win32'"

[[packages]]
name = "local"
version = "2.0+cpu"
wheels = [{ url = "file:///w/local-2.0+cpu-cp311-cp311-linux_x86_64.whl", hashes = { sha256 = "ee" } }]

[[packages]]
name = "git-one"
vcs = { type = "git", url = "https://example.org/x.git", commit-id = "0123", subdirectory = "py" }
"""


def test_a_lock_is_read(tmp_path):
    packages = {package.name: package for package in read_lock(LOCK, tmp_path).packages(TARGET)}
    assert set(packages) == {"some-thing", "local", "git-one"}
    house = Wheelhouse(TARGET, sys.executable, {}, print, tmp_path)
    # The best that the base's glibc can load.
    assert house._best(packages["some-thing"]).sha256 == "bb"
    assert house._best(packages["local"]).path == Path("/w/local-2.0+cpu-cp311-cp311-linux_x86_64.whl")
    assert packages["git-one"].source == "git+https://example.org/x.git@0123#subdirectory=py"
    for bad in (b"not toml [", b'lock-version = "7"\n'):
        with pytest.raises(ReenactError) as error:
            read_lock(bad, tmp_path)
        assert error.value.slug == "bad-lock"


def test_a_pin_is_kept_at_one_place():
    pin = Pin("python:3.11-slim", "sha256:" + "1" * 64)
    once = with_pin(LOCK, pin)
    assert read_lock(once, Path("/")).pin == pin and with_pin(once, pin) == once
    other = with_pin(once, Pin("host", "sha256:" + "2" * 64))
    assert read_lock(other, Path("/")).pin.base == "host" and other.count(b"tool.reenact.image") == 1
    assert read_lock(LOCK, Path("/")).pin is None


def test_a_new_lock_keeps_the_pin(tmp_path):
    """`reenact lock` writes the file anew; uv reads the old one for its versions, with our table in it."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "tiny-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    (tmp_path / "requirements.txt").write_text("tiny\n")
    env = {**os.environ, "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels), "UV_OFFLINE": "1"}
    lock(tmp_path, "requirements.txt", sys.executable, env)
    path = tmp_path / "pylock.toml"
    assert own_tables(path.read_text()) == ""
    pin = Pin("host", "sha256:" + "3" * 64)
    path.write_bytes(with_pin(path.read_bytes(), pin))
    pinned = path.read_bytes()
    again = lock(tmp_path, "requirements.txt", sys.executable, env)
    assert path.read_bytes() == pinned and not again.changed
    assert read_lock(pinned, tmp_path).pin == pin and b'name = "tiny"' in pinned


def test_sizes_of_files_do_not_make_another_lock():
    """Seen of uv: the same question, the same answer, but another set of sizes each time."""
    told = LOCK.decode().replace("hashes", "size = 123, hashes", 2)
    assert told != LOCK.decode() and without_sizes(told) == LOCK.decode()


def test_a_layer_is_the_same_whatever_order_and_time(tmp_path):
    folder = tmp_path / "a"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "script").write_text("#!/bin/sh\n")
    os.chmod(folder / "sub" / "script", 0o700)
    (folder / "x.pyc").write_text("byte code")
    os.symlink("sub/script", folder / "link")
    os.symlink("/etc/hostname", folder / "outside")
    entries = tree(folder, "opt/it")
    first = write_layer(tmp_path / "1.tar", entries)
    os.utime(folder / "sub" / "script", (1, 1))
    second = write_layer(tmp_path / "2.tar", dict(reversed(entries.items())))
    assert first.diff_id == second.diff_id == "sha256:" + hashlib.sha256((tmp_path / "1.tar").read_bytes()).hexdigest()
    with tarfile.open(tmp_path / "1.tar") as tar:
        members = {member.name: member for member in tar.getmembers()}
    assert members["opt/it/sub/script"].mode == 0o755 and "opt/it/x.pyc" not in members
    assert members["opt/it/link"].linkname == "sub/script" and not members["opt/it/outside"].issym()
    assert {(member.uid, member.gid, member.mtime) for member in members.values()} == {(0, 0, 315532800)}
    third = write_layer(tmp_path / "3.tar", {**entries, "opt/it/more": Entry(b"x")})
    assert third.diff_id != first.diff_id


def test_no_version_is_in_a_dockerfile():
    """The lock has them, base and digest too; and no line would have the builder pull something."""
    for text in (build_dockerfile(True), build_dockerfile(False), train_dockerfile(), predict_dockerfile("vae")):
        assert not re.search(r"python:?3\.\d|==\d|sha256:[0-9a-f]|^# *syntax", text, re.MULTILINE), text
        assert "--mount" not in text or text != build_dockerfile(False)
    assert "FROM ${TRAIN}" in predict_dockerfile("vae") and "vae:latest" in predict_dockerfile("vae")


def test_names(tmp_path):
    assert check_name("me/vae-2") == "me/vae-2"
    for name in ("Vae", "a b", "vae:1", "-x", ""):
        with pytest.raises(ReenactError):
            check_name(name)
    assert repository("localhost:5000/a/b:1") == "localhost:5000/a/b" == repository("localhost:5000/a/b@sha256:00")
    folder = tmp_path / "My Project!"
    folder.mkdir()
    assert project_name(folder) == "my-project"
    (folder / "pyproject.toml").write_text('[project]\nname = "Good_Name"\n')
    assert project_name(folder) == "good-name"
    assert wheel_tags("a-1-py2.py3-none-any.whl") == ["py2-none-any", "py3-none-any"] and wheel_tags("a-1.tar.gz") == []


def test_files_that_are_no_archives(tmp_path):
    for name, data in (("empty.tar", b""), ("text.tar", b"no tar"), ("zip.tar", b"PK\x03\x04")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ReenactError) as error:
            archived(tmp_path / name)
        assert error.value.slug == "bad-archive"
    write_layer(tmp_path / "layer.tar", {"a": Entry(b"1")})
    with pytest.raises(ReenactError) as error:
        archived(tmp_path / "layer.tar")
    assert error.value.slug == "bad-archive"
