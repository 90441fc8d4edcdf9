"""A whole environment, and what is told to differ between two."""

import copy
import hashlib
import json
import os
import sys

import pytest

from reenact.environment.compare import EnvChange, compare
from reenact.environment.interpreter import probe_interpreter
from reenact.environment.snapshot import snapshot


@pytest.fixture(scope="module")
def recorded():
    """This environment, with a GPU and library facts as a journal would add them."""
    event = {
        "e": "start",
        "version": sys.version,
        "implementation": sys.implementation.name,
        "executable": sys.executable,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "path": sys.path,
        "flags": {"optimize": 0},
    }
    env = {"OMP_NUM_THREADS": "2", "MKL_CBWR": "AVX2", "PATH": "/bin", "HF_TOKEN": "abc", "LANG": "C"}
    environment = snapshot(event, env).environment
    environment["gpus"] = [{"vendor": "nvidia", "name": "A100", "uuid": "1", "driver": "550", "memory": 40 << 30}]
    environment["libraries"] = {"torch": {"version": "2.13", "threads": 2, "config": "GCC 12\nMKL\nAVX512"}}
    return environment


def changed(recorded, edit):
    current = copy.deepcopy(recorded)
    edit(current)
    return compare(recorded, current)


def test_the_object_is_as_the_manifest_has_it(recorded):
    keys = {"python", "distributions", "lock", "platform", "cpu", "gpus", "libraries", "variables"}
    assert set(recorded) == keys
    assert json.loads(json.dumps(recorded)) == recorded
    assert recorded["variables"] == {"LANG": "C", "MKL_CBWR": "AVX2", "OMP_NUM_THREADS": "2"}
    assert recorded["python"]["version"] == ".".join(map(str, sys.version_info[:3]))
    assert "pytest" in {dist["name"] for dist in recorded["distributions"]}
    assert "cpu" not in recorded["platform"] and recorded["platform"]["kernel"]


def test_texts_of_a_snapshot():
    taken = snapshot({"e": "start", "version": "3.11.7", "path": [p for p in sys.path if p]}, {})
    assert taken.environment["lock"] == "sha256:" + hashlib.sha256(taken.lock.encode()).hexdigest()
    pytest_line = f"pytest=={pytest.__version__}"
    assert pytest_line in taken.freeze.splitlines()
    assert f'name = "pytest"\nversion = "{pytest.__version__}"' in taken.lock


def test_a_start_event_and_an_asked_interpreter_do_not_differ(recorded):
    env = {"OMP_NUM_THREADS": "2", "MKL_CBWR": "AVX2", "LANG": "C"}
    asked = probe_interpreter(sys.executable, {**os.environ, "PYTHONPATH": ""})
    current = snapshot(asked, env).environment
    current["gpus"] = recorded["gpus"]
    assert [change for change in compare(recorded, current) if change.kind != "package"] == []


def test_nothing_differs_from_itself(recorded):
    assert compare(recorded, copy.deepcopy(recorded)) == []
    assert compare({}, {}) == [] and compare(recorded, {"python": {}})[0].kind == "package"


def edit_package(name, **values):
    def edit(environment):
        (dist,) = (dist for dist in environment["distributions"] if dist["name"] == name)
        dist.update(values)

    return edit


def setter(*path):
    *folders, key, value = path

    def edit(environment):
        for folder in folders:
            environment = environment[folder]
        environment[key] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "kind", "name", "severity"),
    [
        (setter("python", "version", "3.99.0"), "python", "version", "bits"),
        (setter("python", "implementation", "pypy"), "python", "implementation", "bits"),
        (edit_package("pytest", version="0.1"), "package", "pytest", "bits"),
        (edit_package("pytest", fingerprint="sha256:other"), "package", "pytest", "bits"),
        (edit_package("pytest", vcs={"type": "git", "commit": "abc"}), "package", "pytest", "bits"),
        (edit_package("pytest", tag="cp1-cp1-other"), "package", "pytest", "minor"),
        (lambda e: e["distributions"].pop(), "package", "", "bits"),
        (lambda e: e["distributions"].append({"name": "zzz", "version": "1"}), "package", "zzz", "minor"),
        (setter("cpu", "model", "Other CPU"), "hardware", "cpu model", "bits"),
        (lambda e: e["cpu"]["flags"].append("avx1024"), "hardware", "cpu flags", "bits"),
        (lambda e: e["cpu"]["flags"].append("zz_idle"), "hardware", "cpu flags", "minor"),
        (setter("cpu", "logical", 977), "hardware", "logical cores", "bits"),
        (setter("cpu", "affinity", 977), "hardware", "usable cores", "bits"),
        (setter("cpu", "caches", {"L2": 1024}), "hardware", "cpu caches", "bits"),
        (setter("platform", "machine", "vax"), "hardware", "machine", "bits"),
        (setter("platform", "cpu_limit", 0.25), "hardware", "cpu_limit", "minor"),
        (setter("gpus", 0, "name", "H100"), "gpu", "gpu 0", "bits"),
        (setter("gpus", 0, "driver", "560"), "driver", "gpu driver", "minor"),
        (setter("variables", "OMP_NUM_THREADS", "8"), "variable", "OMP_NUM_THREADS", "bits"),
        (setter("variables", "MKL_DYNAMIC", "0"), "variable", "MKL_DYNAMIC", "bits"),
        (lambda e: e["variables"].pop("MKL_CBWR"), "variable", "MKL_CBWR", "bits"),
        (setter("variables", "LANG", "de"), "variable", "LANG", "minor"),
        (setter("variables", "PYTHONHASHSEED", "0"), "variable", "PYTHONHASHSEED", "bits"),
        (setter("libraries", "torch", "threads", 4), "library", "torch.threads", "bits"),
        (setter("platform", "libc", "glibc 9"), "os", "libc", "bits"),
        (setter("platform", "kernel", "9.9"), "os", "kernel", "minor"),
    ],
)
def test_each_difference_is_noticed_alone(recorded, edit, kind, name, severity):
    changes = changed(recorded, edit)
    assert len(changes) == 1, changes
    (change,) = changes
    assert (change.kind, change.severity) == (kind, severity)
    assert change.name == name or not name
    assert change.recorded != change.current


@pytest.mark.parametrize(
    "edit",
    [
        setter("platform", "hostname", "elsewhere"),
        setter("platform", "memory", 1),
        setter("python", "prefix", "/elsewhere"),
        setter("python", "abi", None),
        setter("gpus", 0, "uuid", "2"),
        setter("libraries", {}),
        edit_package("pytest", location="/elsewhere"),
        edit_package("pytest", fingerprint=None),
    ],
)
def test_what_does_not_count(recorded, edit):
    assert changed(recorded, edit) == []


def test_values_are_told_so_that_a_person_sees_the_difference(recorded):
    (change,) = changed(recorded, setter("libraries", "torch", "config", "GCC 12\nMKL\nAVX2"))
    assert change == EnvChange("library", "torch.config", "AVX512", "AVX2", "bits")
    (change,) = changed(recorded, lambda e: e["cpu"]["flags"].append("avx1024"))
    assert (change.recorded, change.current) == (None, "avx1024")
    both = changed(recorded, lambda e: (e["platform"].update(kernel="9"), e["cpu"].update(model="Z")))
    assert [change.severity for change in both] == ["bits", "minor"]


def test_gpu_count(recorded):
    changes = changed(recorded, lambda e: e["gpus"].clear())
    assert [(change.name, change.recorded, change.current) for change in changes] == [
        ("count", "1", "0"),
        ("gpu 0", "A100", None),
    ]
