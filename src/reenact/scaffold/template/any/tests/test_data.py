"""The data are what the manifest says, and what is not is refused."""

import hashlib
import json
import shutil

import numpy as np
import pytest

import data


def test_every_file_is_as_the_manifest_says():
    manifest = json.loads((data.FOLDER / "MANIFEST.json").read_text(encoding="utf-8"))
    assert manifest["files"]
    for entry in manifest["files"]:
        content = (data.FOLDER / entry["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["size"], entry["sha256"]), entry["path"]
        assert entry["origin"]


def test_a_changed_file_is_refused(tmp_path):
    shutil.copytree(data.FOLDER, tmp_path, dirs_exist_ok=True)
    data.load("spirals.csv", tmp_path)
    with (tmp_path / "spirals.csv").open("a") as file:
        file.write("0.0,0.0,1\n")
    with pytest.raises(ValueError, match="is not what"):
        data.load("spirals.csv", tmp_path)


def test_an_unknown_file_is_refused():
    with pytest.raises(ValueError, match="does not know"):
        data.load("other.csv")


def test_a_split_is_drawn_by_its_seed():
    points, labels = data.load("spirals.csv")
    (first, _, rest, _), (same, *_), (other, *_) = (data.split(points, labels, 0.25, seed) for seed in (1, 1, 2))
    assert len(first) + len(rest) == len(points) and len(rest) == round(len(points) / 4)
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
