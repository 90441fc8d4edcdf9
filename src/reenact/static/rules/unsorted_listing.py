"""The entries of a folder, used in the order that the file system gives."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..finding import WARNING, Hit, hit
from ..module import Module
from ..order import feeds_order
from ..project import Project

ID = "unsorted-listing"
SEVERITY = WARNING
WHAT = "the entries of a folder are used in the order that the file system gives"
WHY = "another machine, file system or copy lists them in another order: batches and labels change"
FIX = "put sorted(…) around it"

FUNCTIONS = ("os.listdir", "os.scandir", "os.walk", "glob.glob", "glob.iglob", "pathlib.os.listdir")
METHODS = ("iterdir", "rglob", "glob")


def check_project(project: Project) -> Iterator[Hit]:
    """In files that compute, and those that they import: elsewhere order is of no matter for a result."""
    yield from project.where_numeric(_check)


def _check(module: Module) -> Iterator[Hit]:
    for call in module.nodes(ast.Call):
        name = module.name(call.func)
        if name in FUNCTIONS:
            short = name
        elif (
            name is None and isinstance(call.func, ast.Attribute) and call.func.attr in METHODS and _path(call, module)
        ):
            short = call.func.attr
        else:
            continue
        if name == "os.walk" and _sorts_names(call, module):
            continue
        if feeds_order(call, module):
            yield hit(module.path, call, f"{short}() is used unsorted")


def _path(call: ast.Call, module: Module) -> bool:
    """``iterdir`` and ``rglob`` are those of a path; ``glob`` could be something else's, if pathlib is not there."""
    attribute = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return attribute != "glob" or "pathlib" in module.imported


def _sorts_names(call: ast.Call, module: Module) -> bool:
    loop = module.parents.get(call)
    if not isinstance(loop, ast.For):
        return False
    for node in ast.walk(loop):
        if isinstance(node, ast.Call):
            sort = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if sort in ("sort", "sorted", "natsorted"):
                return True
    return False


EXAMPLES_POSITIVE = [
    "import os, torch\nfor name in os.listdir(d):\n    load(name)\n",
    "import numpy\nfrom glob import glob as g\nfiles = g('*.png')\nfirst = files[0]\n",
    "import torch\nfrom pathlib import Path\nfor p in Path(d).iterdir():\n    load(p)\n",
    "import os, torch\nitems = [load(n) for n in os.listdir(d)]\n",
    "import os, torch\nclass D:\n    def __init__(self):\n        self.files = list(os.listdir(d))\n",
    "import torch\nfrom pathlib import Path\nfiles = [str(p) for p in Path(d).rglob('*.png')]\n",
]
EXAMPLES_NEGATIVE = [
    "import os, torch\nfor name in sorted(os.listdir(d)):\n    load(name)\n",
    "import os, torch\nn = len(os.listdir(d))\n",
    "import os, torch\nfiles = os.listdir(d)\nfiles.sort()\n",
    "import os, torch\nif 'x' in os.listdir(d):\n    pass\n",
    "import os, torch\nfiles = sorted(n for n in os.listdir(d) if n)\n",
    "import os, torch\nnames = set(os.listdir(d))\n",
    "import os, torch\nfor f in os.listdir(d):\n    os.remove(f)\n",
    "import os, torch\nnewest = max([load(p) for p in os.listdir(d)], key=when)\n",
    "import os, torch\ndef names():\n    found = os.listdir(d)\n    return sorted(found)\n",
    "import os\nfor name in os.listdir(d):\n    load(name)\n",
]
