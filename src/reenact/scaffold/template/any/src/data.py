"""The data of this project: files below data/, each as MANIFEST.json says, or none at all."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "data"


def load(file, folder=FOLDER):
    """Points and labels of a CSV file with the columns x, y and label.

    Returns:
        float32 of shape (points, 2), and int64 of shape (points,).

    Raises:
        ValueError: the manifest does not know the file, or it is not what the manifest says.
    """
    content = checked(file, folder).decode("utf-8")
    rows = list(csv.DictReader(content.splitlines()))
    points = np.array([[float(row["x"]), float(row["y"])] for row in rows], dtype=np.float32)
    labels = np.array([int(row["label"]) for row in rows], dtype=np.int64)
    return points, labels


def checked(file, folder=FOLDER):
    """The bytes of a file, after a look at its size and digest."""
    manifest = json.loads((folder / "MANIFEST.json").read_text(encoding="utf-8"))
    entry = next((one for one in manifest["files"] if one["path"] == file), None)
    if entry is None:
        known = ", ".join(one["path"] for one in manifest["files"])
        raise ValueError(f"data/MANIFEST.json does not know {file}; it knows {known}")
    content = (folder / file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if (len(content), digest) != (entry["size"], entry["sha256"]):
        raise ValueError(f"data/{file} is not what data/MANIFEST.json says: its sha256 is {digest}")
    return content


def split(points, labels, test_share, seed):
    """Parts to train and to test with, drawn by the seed: train points and labels, test points and labels."""
    order = np.random.default_rng(seed).permutation(len(points))
    test, train = np.split(order, [round(len(points) * test_share)])
    return points[train], labels[train], points[test], labels[test]
