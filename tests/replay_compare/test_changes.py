"""What went in and differs: complete, in a stable order, and silent about what is the same."""

import copy

import msgspec
import pytest

from reenact.record.schema import Manifest
from reenact.replay.changes import ORDER, SAME_CONTENT, diff_manifests

BLOBS = {
    "sha256:t1": b"import torch\nlr = 0.1\nepochs = 2\nprint(lr)\n",
    "sha256:t2": b"import torch\nlr = 0.2\nepochs = 2\nprint(lr)\n",
    "sha256:other": b"completely\ndifferent\ncontent\n",
}


def manifest(**changes):
    base = {
        "run": "A",
        "command": {
            "argv": ["/env/bin/python", "/proj/train.py", "--x", "1"],
            "root": "/proj",
            "cwd": ".",
            "flags": {},
        },
        "code": {"files": [{"path": "train.py", "digest": "sha256:t1", "size": 1}], "git": None},
        "params": {"lr": 0.1, "nan": float("nan")},
        "settings": {"deterministic": False},
        "inputs": [{"path": "/data/x.csv", "digest": "sha256:d1", "size": 1, "mtime_ns": 1, "how": "read"}],
        "listings": [{"path": "/data", "entries": ["a", "b"]}],
        "entropy": {
            "hash_seed": {"value": "1", "chosen": True},
            "seeds": [{"lib": "torch", "fn": "manual_seed", "value": 0, "site": "train.py:3", "origin": "code"}],
            "unseeded": [],
        },
        "environment": {
            "python": {"version": "3.11.7"},
            "distributions": [{"name": "torch", "version": "2.12.0"}],
            "cpu": {"model": "X", "flags": ["avx2"]},
            "platform": {"machine": "x86_64"},
            "gpus": [{"name": "A100", "driver": "550"}],
            "libraries": {"torch": {"threads": 2}},
            "variables": {"OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "1"},
        },
    }
    return {**copy.deepcopy(base), **changes}


def nested(path, value):
    made = manifest()
    place = made
    *folders, last = path.split(".")
    for folder in folders:
        place = place[int(folder)] if folder.isdigit() else place[folder]
    place[int(last) if last.isdigit() else last] = value
    return made


def diff(b, a=None):
    return diff_manifests(a or manifest(), b, BLOBS.__getitem__)


def test_equal_manifests():
    assert diff(manifest()) == []


def test_another_place_is_no_change():
    moved = manifest()
    moved["command"]["root"] = "/elsewhere"
    moved["command"]["argv"] = ["python3", "/elsewhere/train.py", "--x", "1"]
    assert diff(moved) == []


@pytest.mark.parametrize(
    ("path", "value", "kind", "name"),
    [
        ("command.argv", ["python", "/proj/train.py", "--x", "2"], "argv", "argv"),
        ("command.flags", {"optimize": 1}, "argv", "interpreter flag optimize"),
        ("command.cwd", "sub", "cwd", "cwd"),
        ("params.lr", 0.2, "param", "lr"),
        ("settings.deterministic", True, "setting", "deterministic"),
        ("inputs.0.digest", "sha256:d2", "input", "/data/x.csv"),
        ("listings.0.entries", ["b", "a"], "input", "/data/ (listing)"),
        ("entropy.hash_seed.value", "2", "entropy", "PYTHONHASHSEED"),
        ("entropy.unseeded", ["numpy"], "entropy", "unseeded"),
        ("entropy.seeds.0.value", 1, "seed", "torch.manual_seed"),
        ("environment.python.version", "3.12.0", "python", "version"),
        ("environment.distributions.0.version", "2.13.0", "package", "torch"),
        ("environment.cpu.model", "Y", "hardware", "cpu model"),
        ("environment.gpus.0.name", "H100", "gpu", "gpu 0"),
        ("environment.gpus.0.driver", "560", "gpu", "gpu driver"),
        ("environment.libraries.torch.threads", 1, "library", "torch.threads"),
        ("environment.variables.OMP_NUM_THREADS", "1", "variable", "OMP_NUM_THREADS"),
        ("code.git", {"commit": "abc", "dirty": False}, "git", "commit"),
    ],
)
def test_each_kind(path, value, kind, name):
    found = diff(nested(path, value))
    assert (found[0].kind, found[0].name) == (kind, name)
    assert kind in ORDER


def test_code_as_a_patch():
    (found,) = diff(nested("code.files.0.digest", "sha256:t2"))
    assert "-lr = 0.1\n" in found.detail and "+lr = 0.2\n" in found.detail
    assert found.detail.startswith("--- a/train.py\n+++ b/train.py\n")


def test_an_edited_copy_is_a_patch_too():
    other = nested("code.files.0", {"path": "copy.py", "digest": "sha256:t2", "size": 1})
    (found,) = diff(other)
    assert found.name == "train.py -> copy.py" and "+lr = 0.2\n" in found.detail
    (found,) = diff(nested("code.files.0", {"path": "copy.py", "digest": "sha256:t1", "size": 1}))
    assert found.detail == SAME_CONTENT and not found.bits
    found = diff(nested("code.files.0", {"path": "new.py", "digest": "sha256:other", "size": 1}))
    assert [(one.name, one.a is None, one.b is None) for one in found] == [
        ("train.py", False, True),
        ("new.py", True, False),
    ]


def test_lost_code_is_told():
    (found,) = diff(nested("code.files.0.digest", "sha256:lost"))
    assert "not in the store" in found.detail


def test_moved_input_has_the_same_content():
    (found,) = diff(nested("inputs.0.path", "/elsewhere/x.csv"))
    assert found.detail == SAME_CONTENT and not found.bits


def test_the_order_is_by_kind():
    other = nested("environment.distributions.0.version", "2.13.0")
    other["params"]["lr"] = 1
    other["code"]["files"][0]["digest"] = "sha256:t2"
    assert [one.kind for one in diff(other)] == ["code", "param", "package"]


def test_it_reads_what_the_schema_writes():
    fields = {field.name for field in msgspec.structs.fields(Manifest)}
    assert set(manifest()) <= fields
