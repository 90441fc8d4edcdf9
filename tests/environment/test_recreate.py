"""Environments made again from a record, and locks: with the real uv and real packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reenact.environment.interpreter import probe_interpreter
from reenact.environment.packages import distributions
from reenact.environment.recreate import recreate, requirement, same_distributions
from reenact.environment.uv import uv_settings

ROOT = Path(__file__).parents[2]


def _pip(python: Path, *words: str) -> None:
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with a few packages, made by pip."""
    folder = tmp_path_factory.mktemp("made") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    _pip(folder / "bin" / "python", "iniconfig==2.0.0", "packaging==24.1", "colorama==0.4.6")
    return folder


def _described(python: Path | str) -> dict[str, Any]:
    about = probe_interpreter(str(python), dict(os.environ))
    return {"python": about, "distributions": distributions(about["path"])}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, for this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # uv's own stays where it is, or every test would fetch its packages again.
    monkeypatch.setenv("UV_CACHE_DIR", os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv"))
    return tmp_path / "cache" / "reenact" / "envs"


def _reenact(cwd: Path, *words: str, python: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("REENACT_")}
    env["REENACT_PYTHON"] = str(python or sys.executable)
    return subprocess.run([sys.executable, "-m", "reenact", *words], cwd=cwd, env=env, capture_output=True, text=True)


def test_every_fingerprint_is_the_recorded_one(environment: Path, cache: Path) -> None:
    described = _described(environment / "bin" / "python")
    first = recreate(described, cache, dict(os.environ))
    assert (first.fresh, first.wrong, first.unknown) == (True, [], 0)
    assert first.equal == len(described["distributions"]) >= 5
    again = _described(first.python)
    assert again["python"]["version"] == described["python"]["version"]
    assert {d["name"]: d["fingerprint"] for d in again["distributions"]} == {
        d["name"]: d["fingerprint"] for d in described["distributions"]
    }
    second = recreate(described, cache, dict(os.environ))
    assert (second.fresh, second.python, second.equal) == (False, first.python, first.equal)


@pytest.mark.slow
def test_an_environment_with_torch(cache: Path) -> None:
    described = _described(sys.executable)
    described["distributions"] = [one for one in described["distributions"] if not one["editable"]]
    assert len(described["distributions"]) >= 60 and "torch" in {one["name"] for one in described["distributions"]}
    found = recreate(described, cache, dict(os.environ))
    assert found.wrong == [] and found.equal == len(described["distributions"])


def test_what_cannot_be_had_is_named(environment: Path, cache: Path) -> None:
    described = _described(environment / "bin" / "python")
    gone = {"fingerprint": None, "tag": None, "editable": False, "url": None, "vcs": None, "location": "/nowhere"}
    described["distributions"] += [
        {**gone, "name": "iniconfig-that-never-was", "version": "9.9"},
        {**gone, "name": "local", "version": "1", "url": "file:///nowhere/local", "editable": True},
    ]
    (packaging,) = [one for one in described["distributions"] if one["name"] == "packaging"]
    packaging["fingerprint"] = "sha256:" + "0" * 64
    found = recreate(described, cache, dict(os.environ))
    why = {one.name: one.why for one in found.wrong}
    assert set(why) == {"iniconfig-that-never-was", "local", "packaging"}
    assert "iniconfig-that-never-was" in why["iniconfig-that-never-was"]
    assert why["local"] == "its source is not where it was" and "another build" in why["packaging"]
    assert found.equal == len(described["distributions"]) - 3
    assert recreate(described, cache, dict(os.environ)).fresh  # it is tried again


def test_words_for_an_installer() -> None:
    bare = {"name": "a", "version": "1.0+cpu", "url": None, "vcs": None, "editable": False}
    assert requirement(bare) == ["a==1.0+cpu"]
    git = {**bare, "url": "https://host/a.git#subdirectory=x", "vcs": {"type": "git", "commit": "abc"}}
    assert requirement(git) == ["a @ git+https://host/a.git@abc#subdirectory=x"]
    assert requirement({**bare, "url": "https://host/a.whl#sha256=00"}) == ["a @ https://host/a.whl#sha256=00"]
    assert requirement({**bare, "url": ROOT.as_uri(), "editable": True}) == ["--editable", str(ROOT)]
    assert requirement({**bare, "url": "file:///nowhere", "editable": True}) is None


def test_what_pip_is_told_uv_is_told() -> None:
    env = {"PIP_FIND_LINKS": "/a /b", "PIP_INDEX_URL": "https://one/", "UV_DEFAULT_INDEX": "https://two/"}
    found = uv_settings(env)
    assert (found["UV_FIND_LINKS"], found["UV_DEFAULT_INDEX"]) == ("/a,/b", "https://two/")


def test_an_editable_project_counts_by_its_source() -> None:
    one = {"name": "a", "version": "1", "fingerprint": "x", "editable": True}
    assert same_distributions([one], [{**one, "version": "2", "fingerprint": "y"}]) == []
    assert [p.why for p in same_distributions([one], [])] == ["it is not there"]


def test_verify_in_the_recorded_environment_after_an_upgrade(tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    _pip(python, "iniconfig==2.0.0")
    project = tmp_path / "project"
    (project / ".reenact").mkdir(parents=True)
    (project / "train.py").write_text(
        "import importlib.metadata as m, random\n"
        "open('o.txt', 'w').write(f\"{m.version('iniconfig')} {random.random()}\")\n"
    )
    assert _reenact(project, "run", "train.py", python=python).returncode == 0
    quiet = _reenact(project, "verify", "last", "--json")
    assert "made again" not in quiet.stderr and not cache.exists()
    _pip(python, "iniconfig==1.1.1")
    changes = _reenact(project, "env", "check", "last", "--json")
    assert changes.returncode == 1
    (change,) = json.loads(changes.stdout)
    assert (change["name"], change["recorded"], change["current"]) == ("iniconfig", "2.0.0", "1.1.1")
    kept = json.loads(_reenact(project, "verify", "last", "--json", "--in-place-env").stdout.splitlines()[-1])
    assert kept["verdict"] == "diverged" and kept["differences"][0]["name"] == "iniconfig"
    done = _reenact(project, "verify", "last", "--json")
    made = json.loads(done.stdout.splitlines()[-1])
    assert (made["verdict"], made["differences"]) == ("identical", []), done.stderr
    assert "iniconfig 2.0.0 (1.1.1 is there): the recorded one is made again" in done.stderr
    told = json.loads(_reenact(project, "env", "last", "--json").stdout)
    assert not told["fresh"] and told["wrong"] == [] and told["python"].startswith(str(cache))
    assert _reenact(project, "run", "train.py", python=python).returncode == 0
    (difference,) = json.loads(_reenact(project, "env", "diff", "last~1", "last", "--json").stdout)
    assert (difference["name"], difference["severity"]) == ("iniconfig", "bits")


def test_a_lock_has_one_source(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("iniconfig<2.1\n")
    done = _reenact(tmp_path, "lock", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["source"] == "requirements.txt"
    text = (tmp_path / "pylock.toml").read_text()
    assert 'name = "iniconfig"' in text and "sha256" in text
    assert not json.loads(_reenact(tmp_path, "lock", "--json").stdout)["changed"]
    # What is locked stays as it is until it is asked for: 2.0.0 still fits.
    (tmp_path / "requirements.txt").write_text("iniconfig==2.0.0\ncolorama==0.4.6\n")
    assert json.loads(_reenact(tmp_path, "lock", "--json").stdout)["packages"] == 2
    (tmp_path / "requirements.txt").write_text("iniconfig<1\niniconfig>2\n")
    before = (tmp_path / "pylock.toml").read_bytes()
    broken = _reenact(tmp_path, "lock")
    assert broken.returncode == 2 and "Traceback" not in broken.stderr
    assert (
        "there is no lock for requirements.txt" in broken.stderr and (tmp_path / "pylock.toml").read_bytes() == before
    )
    nowhere = _reenact(tmp_path, "lock", "--from", "nope.txt")
    assert nowhere.returncode == 2 and "requirements.txt, env" in nowhere.stderr


def test_a_lock_of_a_project_and_of_what_is_installed(tmp_path: Path, environment: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\nversion = "1"\ndependencies = ["colorama==0.4.6"]\n'
    )
    assert json.loads(_reenact(tmp_path, "lock", "--json").stdout) | {"path": ""} == {
        "path": "",
        "source": "pyproject.toml",
        "packages": 1,
        "changed": True,
    }
    done = _reenact(tmp_path, "lock", "--from", "env", "--json", python=environment / "bin" / "python")
    told = json.loads(done.stdout)
    assert told["source"] == "the environment" and told["packages"] >= 5
    text = (tmp_path / "pylock.toml").read_text()
    assert 'name = "packaging"\nversion = "24.1"' in text
