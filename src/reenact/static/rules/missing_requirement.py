"""A library that is imported, and that no list of requirements names."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..finding import WARNING, Hit, hit
from ..module import Module
from ..project import Project
from ..requirements import LISTS, LOCKS, distributions, is_library, read

ID = "missing-requirement"
SEVERITY = WARNING
WHAT = "a library is imported, and no requirements file or lock names it"
WHY = "whoever sets up the environment again does not know that it is needed, nor in which version"
FIX = "name it in requirements.txt or pyproject.toml, with its version"


def check_project(project: Project) -> Iterator[Hit]:
    """One hit for each library and list of requirements; where there is no list at all, one for all libraries of a file or folder."""
    told: set[object] = set()
    bare: dict[str, tuple[Module, ast.AST]] = {}
    for module in project.modules.values():
        lists = project.declaring(module, LISTS)
        locks = project.declaring(module, LOCKS)
        named = {one.name for path in lists for one in read(path)}
        listed = any(path.name != "pyproject.toml" or read(path) for path in lists)
        for name, node in _needed(module):
            if not is_library(name) or project.is_local(module, name):
                continue
            if not listed and not locks:
                bare.setdefault(name, (module, node))
            elif not distributions(name) & named and not any(_locked(path, name) for path in locks):
                key = (name, *lists)
                if key not in told:
                    told.add(key)
                    where = " or ".join(path.name for path in (*lists, *locks)[:2])
                    yield hit(module.path, node, f"{name} is imported, and is not in {where}")
    if bare:
        module, node = min(bare.values(), key=lambda one: (one[0].path, getattr(one[1], "lineno", 1)))
        yield hit(module.path, node, f"no file says which versions are needed of {', '.join(sorted(bare))}")


def _needed(module: Module) -> Iterator[tuple[str, ast.AST]]:
    """Top-level names of what is imported, but for imports that may fail and those for type checkers only."""
    for node in module.imports:
        if any(isinstance(above, ast.Try) or _for_types(above) for above in module.above(node)):
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node) for alias in node.names)
        elif node.module and not node.level:
            yield node.module.partition(".")[0], node


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def _locked(path: object, name: str) -> bool:
    try:
        text = path.read_text(encoding="utf-8", errors="replace").lower()  # type: ignore[attr-defined]
    except OSError:
        return False
    return any(f'"{one}"' in text or f"\n{one}==" in text for one in distributions(name))


EXAMPLES_POSITIVE = [
    {"train.py": "import torch\n"},
    {"train.py": "import torch, cv2\n", "requirements.txt": "torch==2.1.0\n"},
    {"train.py": "from PIL import Image\n", "pyproject.toml": "[project]\ndependencies = ['torch==2.1']\n"},
]
EXAMPLES_NEGATIVE = [
    {"train.py": "import json, os\n"},
    {"train.py": "import cv2\n", "requirements.txt": "opencv-python-headless==4.0\n"},
    {"train.py": "from PIL import Image\n", "requirements.txt": "Pillow==9.0\n"},
    {"train.py": "import torch\n", "torch.py": "", "requirements.txt": "numpy==1\n"},
    {"train.py": "try:\n    import wandb\nexcept ImportError:\n    wandb = None\n", "requirements.txt": "numpy==1\n"},
    {"train.py": "import torch\n", "uv.lock": '[[package]]\nname = "torch"\nversion = "2.1.0"\n'},
    {"train.py": "import torch\n", "environment.yml": "dependencies:\n  - torch=2.1\n"},
]
