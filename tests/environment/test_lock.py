"""pylock.toml and freeze.txt."""

import sys

import pytest

from reenact.environment.lock import freeze, pylock
from reenact.environment.packages import distributions

tomllib = pytest.importorskip("tomllib", reason="Python 3.11 reads TOML")


def dist(name, version="1.0", **more):
    empty = {"fingerprint": "sha256:ab", "tag": "py3-none-any", "editable": False, "url": None, "vcs": None}
    return {"name": name, "version": version, "location": "/site", **empty, **more}


DIRECT = [
    dist("git-one", url="https://example.org/x.git#subdirectory=py", vcs={"type": "git", "commit": "0" * 40}),
    dist("edited", url="file:///src/my%20code", editable=True),
    dist("folder", url="file:///src/b"),
    dist("archive", url="https://example.org/archive-1.0.tar.gz#sha256=" + "ab" * 32),
    dist("local-wheel", url="file:///w/local_wheel-1.0-py3-none-any.whl#sha256=" + "cd" * 32),
]
FROM_INDEX = [
    dist("zlib-like", "2.0+cpu", tag="cp311-cp311-manylinux2014_x86_64,cp311-cp311-manylinux_2_17_x86_64"),
    dist("a-first"),
]


def test_direct_sources():
    lock = tomllib.loads(pylock(DIRECT, "3.11.7"))
    assert (lock["lock-version"], lock["created-by"], lock["requires-python"]) == ("1.0", "reenact", "==3.11.*")
    packages = {package["name"]: package for package in lock["packages"]}
    assert list(packages) == sorted(packages)
    assert packages["git-one"]["vcs"] == {
        "type": "git",
        "url": "https://example.org/x.git",
        "commit-id": "0" * 40,
        "subdirectory": "py",
    }
    assert packages["edited"]["directory"] == {"path": "/src/my code", "editable": True}
    assert packages["folder"]["directory"] == {"path": "/src/b", "editable": False}
    assert packages["archive"]["archive"]["hashes"] == {"sha256": "ab" * 32}
    assert packages["local-wheel"]["archive"]["path"] == "/w/local_wheel-1.0-py3-none-any.whl"


def test_index_packages_say_what_they_were_and_name_no_index():
    text = pylock(FROM_INDEX, "3.11.7")
    first, second = tomllib.loads(text)["packages"]
    assert first["name"] == "a-first" and not {"wheels", "sdist", "archive", "index"} & set(first)
    assert first["tool"]["reenact"] == {
        "fingerprint": "sha256:ab",
        "tag": "py3-none-any",
        "wheel": "a_first-1.0-py3-none-any.whl",
    }
    wheel = "zlib_like-2.0+cpu-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
    assert second["tool"]["reenact"]["wheel"] == wheel
    assert "://" not in text


def test_an_archive_without_a_hash_is_not_made_a_source():
    (package,) = tomllib.loads(pylock([dist("x", url="https://example.org/x.whl")], "3.11.7"))["packages"]
    assert "archive" not in package and package["tool"]["reenact"]["url"] == "https://example.org/x.whl"


def test_valid_by_packaging():
    """The standard's own reader takes it; index packages are completed as an installer with an index would."""
    standard = pytest.importorskip("packaging.pylock")
    lock = standard.Pylock.from_dict(tomllib.loads(pylock(DIRECT, "3.11.7")))
    assert [str(package.name) for package in lock.packages] == sorted(d["name"] for d in DIRECT)
    completed = tomllib.loads(pylock(FROM_INDEX + DIRECT, "3.11.7"))
    for package in completed["packages"]:
        name = package.get("tool", {}).get("reenact", {}).get("wheel")
        if name:
            url = f"https://example.org/{name.replace('+', '%2B')}"
            package["wheels"] = [{"name": name, "url": url, "hashes": {"sha256": "00"}}]
    assert len(standard.Pylock.from_dict(completed).packages) == 7
    standard.Pylock.from_dict(tomllib.loads(pylock([], "3.11.7")))


def test_strange_text_survives():
    name = 'a"b\\c\x07'
    (package,) = tomllib.loads(pylock([dist("x", version=name)], "3.11"))["packages"]
    assert package["version"] == name


def test_this_environment():
    found = distributions([folder for folder in sys.path if folder])
    lock = tomllib.loads(pylock(found, "3.11.7"))
    assert [(p["name"], p["version"]) for p in lock["packages"]] == [(d["name"], d["version"]) for d in found]


def test_freeze():
    assert freeze(FROM_INDEX + DIRECT).splitlines() == [
        "a-first==1.0",
        "archive @ https://example.org/archive-1.0.tar.gz#sha256=" + "ab" * 32,
        "# editable: edited==1.0",
        "-e /src/my code",
        "folder @ file:///src/b",
        "git-one @ git+https://example.org/x.git@" + "0" * 40 + "#subdirectory=py",
        "local-wheel @ file:///w/local_wheel-1.0-py3-none-any.whl#sha256=" + "cd" * 32,
        "zlib-like==2.0+cpu",
    ]
