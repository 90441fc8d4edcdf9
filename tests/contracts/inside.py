"""Checks that the code which runs in the user's process needs the standard library alone, by importing and by reading it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

INSIDE = ("probe", "fingerprint", "errors", "knobs")
"""Packages and modules of reenact that are loaded into the user's process."""

SITE = Path("probe/inject/sitecustomize.py")
"""Python's site module runs it; it is the one file that names the private package, because it makes it."""

_IMPORTER = """
import json, sys

folder, names = sys.argv[1], json.loads(sys.argv[2])
allowed = set(json.loads(sys.argv[3]))
refused = []

class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed:
            refused.append(name)
            raise ImportError("not of the standard library: " + name)

sys.meta_path.insert(0, Guard())
package = type(sys)("_reenact")
package.__path__ = [folder]
sys.modules["_reenact"] = package
failed = {}
for name in names:
    try:
        __import__("_reenact." + name)
    except Exception as problem:
        failed[name] = repr(problem)
foreign = sorted({name.partition(".")[0] for name in sys.modules} - allowed - {"__main__"})
print(json.dumps({"refused": refused, "failed": failed, "foreign": foreign}))
"""


def sources(package: Path) -> Iterator[Path]:
    """Paths, relative to the package's folder, of the modules that run in the user's process."""
    for name in INSIDE:
        if (package / name).is_dir():
            yield from sorted(path.relative_to(package) for path in (package / name).rglob("*.py"))
        else:
            yield Path(f"{name}.py")


def imported(package: Path) -> list[str]:
    """What goes wrong when every module is imported as the probe is: under the private name, with nothing but the
    standard library within reach. Empty when all is well."""
    names = []
    for path in sources(package):
        if path != SITE:
            names.append(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
    allowed = json.dumps([*sys.stdlib_module_names, *sys.builtin_module_names, "_reenact"])
    argv = [sys.executable, "-I", "-S", "-c", _IMPORTER, str(package), json.dumps(names), allowed]
    result = subprocess.run(argv, capture_output=True, text=True, check=True)
    told = json.loads(result.stdout)
    problems = [f"{name}: {problem}" for name, problem in told["failed"].items()]
    problems += [f"tried to import {name}" for name in told["refused"]]
    return problems + [f"{name} was loaded" for name in told["foreign"]]


def read(package: Path) -> list[str]:
    """What is wrong with the import statements, those inside functions too; with file and line. Empty when all is well."""
    return [problem for path in sources(package) for problem in _read(package, path)]


def _read(package: Path, path: Path) -> Iterator[str]:
    tree = ast.parse((package / path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{where}: {problem}" for problem in _relative(path, node))
            continue
        elif _imports_by_name(node):
            names = [node.args[0].value]  # type: ignore[attr-defined]
        else:
            continue
        for name in names:
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names and not (top == "_reenact" and path == SITE):
                yield f"{where}: imports {name}"


def _relative(path: Path, node: ast.ImportFrom) -> Iterator[str]:
    """A relative import must stay among the modules that run in the user's process."""
    base = path.parent.parts
    up = node.level - 1
    if up > len(base):
        yield "leaves the package"
        return
    base = base[: len(base) - up]
    targets = [(*base, *node.module.split("."))] if node.module else [(*base, alias.name) for alias in node.names]
    for target in targets:
        if target[0] not in INSIDE:
            yield f"imports {'.'.join(target)}, which is not for the user's process"


def _imports_by_name(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not node.args:
        return False
    name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
    first = node.args[0]
    constant = isinstance(first, ast.Constant) and isinstance(first.value, str)
    return name in ("__import__", "import_module") and constant and not first.value.startswith(".")
