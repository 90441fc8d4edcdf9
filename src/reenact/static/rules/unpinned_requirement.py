"""A library that is imported, and whose version is left open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..finding import NOTE, WARNING, Hit
from ..project import Project
from ..requirements import LISTS, LOCKS, Requirement, distributions, read

ID = "unpinned-requirement"
SEVERITY = WARNING
WHAT = "a library is required without an exact version, and there is no lock file"
WHY = "installed next month it is another version, and another version may compute other bits"
FIX = "write name==version, or keep a lock file (uv lock, pip-compile)"


def check_project(project: Project) -> Iterator[Hit]:
    """Of requirements of imported libraries that no file pins, one hit for each file that lists them."""
    loose: dict[Path, dict[Requirement, None]] = {}
    for module in project.modules.values():
        if project.declaring(module, LOCKS):
            continue
        wanted = {name for imported in module.imported for name in distributions(imported)}
        listed = [one for path in project.declaring(module, LISTS) for one in read(path)]
        exact = {one.name for one in listed if one.exact}
        # The lists that lie nearest are the script's own; those above are of something larger.
        for one in (one for one in listed if one.path.parent == listed[0].path.parent):
            if one.name in wanted and one.name not in exact:
                loose.setdefault(one.path, {})[one] = None
    for path, ones in loose.items():
        names = ", ".join(dict.fromkeys(one.name + one.version for one in ones))
        first, last = min(one.line for one in ones), max(one.line for one in ones)
        severity = NOTE if _is_package(path) else None
        yield Hit(project.shown(path), first, 1, f"no exact version: {names}", last, severity)


def _is_package(path: Path) -> bool:
    """A package that others install leaves versions open on purpose."""
    return path.name == "pyproject.toml" and "[build-system]" in path.read_text(encoding="utf-8", errors="replace")


EXAMPLES_POSITIVE = [
    {"train.py": "import torch\n", "requirements.txt": "torch>=1.0\n"},
    {"train.py": "import sklearn\n", "requirements.txt": "numpy==1.0\nscikit-learn\n"},
    {"train.py": "import yaml\n", "pyproject.toml": "[project]\ndependencies = [\n  'PyYAML>=6',\n]\n"},
    {"train.py": "import torch\n", "pyproject.toml": '[tool.poetry.dependencies]\ntorch = "^2.0"\n'},
]
EXAMPLES_NEGATIVE = [
    {"train.py": "import torch\n", "requirements.txt": "torch==2.1.0\n"},
    {"train.py": "import torch\n", "requirements.txt": "torch>=2.1.0\n", "uv.lock": ""},
    {"train.py": "import torch\n", "requirements.txt": "torch==2.1.0\nflask\n"},
    {"train.py": "import torch\n", "requirements.txt": "torch @ https://example.org/torch.whl\n"},
    {"train.py": "import torch\n", "pyproject.toml": "[project]\ndependencies = ['torch==2.1']\n"},
]
