"""What a new project consists of: the template's files with a few names put in, the data, the Dockerfiles."""

from __future__ import annotations

import string
import sys
from pathlib import Path
from typing import Literal

from ..environment.images.dockerfiles import predict_dockerfile, train_dockerfile
from ..environment.images.lockfile import image_name
from .dataset import data_files

Framework = Literal["torch", "numpy"]
FRAMEWORKS: dict[Framework, str] = {"torch": "PyTorch", "numpy": "NumPy"}
"""Each framework that a project can be written for, and how it calls itself."""

_OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"
_TEMPLATE = Path(__file__).with_name("template")
_DOT = "dot-"
"""Stands for the dot of hidden names, which would have a meaning in the template itself (.gitignore)."""


class _Text(string.Template):
    # Dollars mean something of their own in workflows, devcontainer.json and Hydra's configs.
    delimiter = "@@"


def project_files(name: str, framework: Framework, python: str = _OWN) -> dict[str, bytes]:
    """Path below the project (with slashes) -> content, in the order of the paths.

    Args:
        name: the project's, see `naming.checked_name`.
        framework: one of `FRAMEWORKS`.
        python: minor version of the Python that the project runs with.
    """
    names = {
        "name": name,
        "framework": FRAMEWORKS[framework],
        "python": python,
    }
    files = {**_read("any"), **_read(framework)}
    found = {path: data if path.endswith(".py") else _filled(data, names) for path, data in files.items()}
    found |= data_files()
    found["train.dockerfile"] = train_dockerfile().encode()
    found["predict.dockerfile"] = predict_dockerfile(image_name(name)).encode()
    return dict(sorted(found.items()))


def _read(part: str) -> dict[str, bytes]:
    """The files of a part of the template; those that Python compiled when it was installed are not its own."""
    root = _TEMPLATE / part
    found = {}
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        if path.is_file() and "__pycache__" not in parts:
            found["/".join("." + one[len(_DOT) :] if one.startswith(_DOT) else one for one in parts)] = (
                path.read_bytes()
            )
    return found


def _filled(data: bytes, names: dict[str, str]) -> bytes:
    return _Text(data.decode("utf-8")).substitute(names).encode("utf-8")
