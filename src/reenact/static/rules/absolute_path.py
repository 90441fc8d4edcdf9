"""A path that exists on one machine only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..finding import WARNING, Hit, hit
from ..module import Module

ID = "absolute-path"
SEVERITY = WARNING
WHAT = "an absolute path is written in the code"
WHY = "the file is not there on another machine, or is another one"
FIX = "take it from a setting or the command line, or make it relative to the project"

ROOTS = "home|Users|root|mnt|media|scratch|data\\d*|datasets?|nfs|gpfs|lustre|work|workspace|projects?|storage|srv|content|kaggle|ssd\\d*|hdd\\d*|volumes?|Volumes"
PATH = re.compile(rf"(/(?:{ROOTS})/[^\s\"'<>|*]*[^\s\"'<>|*/][^\s\"'<>|*]*|[A-Za-z]:[\\/][^\s\"'<>|*]+)")


def check(module: Module) -> Iterator[Hit]:
    for node in module.nodes(ast.Constant):
        if isinstance(node.value, str) and PATH.fullmatch(node.value) and not _told(node, module):
            yield hit(module.path, node, f"{node.value!r} is a path of one machine")


def _told(node: ast.Constant, module: Module) -> bool:
    """Help texts, routes of web servers, comparisons and docstrings are no paths that are opened."""
    parent = module.parents.get(node)
    if isinstance(parent, ast.keyword) and parent.arg in ("help", "description", "metavar", "epilog"):
        return True
    if isinstance(parent, (ast.Expr, ast.Compare)):
        return True
    if isinstance(parent, ast.Call):
        function = parent.func.attr if isinstance(parent.func, ast.Attribute) else ""
        around = module.parents.get(parent)
        decorates = isinstance(around, (ast.FunctionDef, ast.AsyncFunctionDef)) and parent in around.decorator_list
        return decorates or function in ("startswith", "endswith", "replace", "removeprefix", "get", "post", "route")
    return False


EXAMPLES_POSITIVE = [
    "data = open('/mnt/disk1/train.csv')\n",
    "root = '/scratch/me/imagenet'\n",
    "path = r'C:\\data\\x.csv'\n",
]
EXAMPLES_NEGATIVE = [
    "data = open('data/train.csv')\n",
    "null = open('/dev/null')\n",
    "@app.get('/data/items')\ndef items():\n    pass\n",
    "p.add_argument('--root', help='/data/imagenet')\n",
    "url = 'https://example.org/data/x'\n",
    "x = 'a/b'\n",
]
