"""What a flavour says of a file, and what it may know of the run to say it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...record.schema import Manifest, OutputFile
from ...store.project import Store

CODE = "code"
"""Folder of a model in which MLflow looks for modules, where the flavour says so."""


@dataclass(frozen=True)
class Model:
    """A recorded file that MLflow can load.

    Attributes:
        output: the file.
        kind: its class, as ``sklearn.linear_model._base.LinearRegression``, or its format.
        flavors: what goes into the ``MLmodel`` file.
        requirements: packages that loading it takes.
        place: where the file lies in the model's folder.
        blobs: digests of further recorded files, by their places in it.
        texts: what is written beside them, by place.
        name: what it is called; empty: as its file.
    """

    output: OutputFile
    kind: str
    flavors: dict[str, Any]
    requirements: list[str]
    place: str
    blobs: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    name: str = ""


class Recorded:
    """A run whose outputs are looked at."""

    def __init__(self, store: Store, sealed: Manifest) -> None:
        self.store = store
        self.sealed = sealed
        self.python = str(sealed.environment.python.get("version") or "")
        self.versions = {normal(one.name): one.version for one in sealed.environment.distributions}
        self.editable = {normal(one.name) for one in sealed.environment.distributions if one.editable}

    def path(self, output: OutputFile) -> Path:
        """Where the bytes are."""
        return self.store.blobs.path(output.digest)

    def beside(self, output: OutputFile, name: str) -> OutputFile | None:
        """The output of that name in the same folder, if its content was kept."""
        wanted = "/".join([*output.path.split("/")[:-1], name])
        for one in self.sealed.outputs:
            if one.path == wanted and self.store.blobs.has(one.digest):
                return one
        return None

    def version(self, *names: str) -> str:
        """Of the first of these distributions that was recorded; empty when none was."""
        return next((self.versions[normal(name)] for name in names if normal(name) in self.versions), "")

    def pinned(self, names: Iterable[str]) -> list[str]:
        """Requirements for those of these distributions that were recorded, each once.

        The local part (``+cpu``) is left out: no index but one's own knows it.
        """
        wanted = dict.fromkeys(normal(name) for name in names)
        return [f"{name}=={self.versions[name].partition('+')[0]}" for name in wanted if name in self.versions]

    def pyfunc(self, loader: str, **more: Any) -> dict[str, Any]:
        """The flavour ``python_function``, by which MLflow loads models of any framework."""
        return {
            "env": {"virtualenv": "python_env.yaml"},
            "loader_module": loader,
            "python_version": self.python,
            **more,
        }


def normal(name: str) -> str:
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
