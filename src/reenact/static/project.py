"""The files that are looked at, and the project's files around them: modules that they import, lists of requirements."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from pathlib import Path

from .finding import Hit, Problem
from .module import Module, Unreadable
from .randomness import draws

SKIPPED = frozenset(
    {"node_modules", "site-packages", "dist-packages", "__pycache__", "build", "dist", "venv", "env", "virtualenv"}
)
MARKS = (".git", ".hg", ".reenact", "pyproject.toml", "setup.py", "setup.cfg")
"""What the root of a project has in it."""


class Project:
    """What is scanned: one file, or the files of a folder.

    Args:
        target: a file or a folder that exists.

    Attributes:
        modules: path as shown -> module, for what is scanned.
        problems: files that could not be looked at.
        entries: the scanned modules that are started, as far as can be seen: a file that was named, else those that no
            other scanned module imports and that do something.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.folder = target if target.is_dir() else target.parent
        self.root = _root(self.folder.resolve())
        self.modules: dict[str, Module] = {}
        self.problems: list[Problem] = []
        self._paths: dict[Path, Module | None] = {}
        self._where: dict[Module, Path] = {}
        self._imports: dict[Module, list[Module]] = {}
        self._files: dict[tuple[Path, str], list[Path]] = {}
        for path in _sources(target) if target.is_dir() else [target]:
            shown = str(path)
            module = self._load(path, shown)
            if module is not None:
                self.modules[shown] = module

    def others(self, wanted: tuple[str, ...]) -> Iterator[Path]:
        """Files whose name matches, below the scanned folder; for one file, those in the folders from its own up to the root."""
        if self.target.is_dir():
            seen = (Path(folder) / name for folder, names in _walk(self.target) for name in names)
        else:
            seen = (path for folder in self._upwards(self.folder) for path in _here(folder))
        for path in seen:
            # A Dockerfile with a dot before its name is an editor's, not the experiment's.
            if not path.name.startswith(".") and any(path.match(pattern) for pattern in wanted) and path.is_file():
                yield path

    def declaring(self, module: Module, wanted: tuple[str, ...]) -> list[Path]:
        """Files whose name matches, in the folders from the module's own up to the project's root."""
        return [path for folder in self._upwards(self._where[module].parent) for path in _matching(folder, wanted)]

    def shown(self, path: Path) -> str:
        """A path the way that the target was given."""
        return os.path.relpath(path) if not self.target.is_absolute() else str(path)

    def is_local(self, module: Module, name: str) -> bool:
        """Whether a top-level name that a module imports is a file or folder of the project."""
        return any((base / f"{name}.py").is_file() or (base / name).is_dir() for base in self._bases(module))

    def imports(self, module: Module) -> list[Module]:
        """The project's own modules that a module imports, scanned or not."""
        if module not in self._imports:
            found = dict.fromkeys(path for name in _imported(module) for path in self._file(module, name))
            loaded = (self._load(path, str(path)) for path in found)
            self._imports[module] = [other for other in loaded if other is not None and other is not module]
        return self._imports[module]

    def closure(self, module: Module) -> list[Module]:
        """A module and all of the project's that it imports, directly or not."""
        found, waiting = {module: None}, [module]
        while waiting:
            for other in self.imports(waiting.pop()):
                if other not in found:
                    found[other] = None
                    waiting.append(other)
        return list(found)

    def is_numeric(self, module: Module) -> bool:
        """True where a module, or a scanned one that imports it, imports a library that computes."""
        return module.is_numeric or any(
            module in self.imports(user) for user in self.modules.values() if user.is_numeric
        )

    def where_numeric(self, check: Callable[[Module], Iterator[Hit]]) -> Iterator[Hit]:
        """What a check finds in the modules for which :meth:`is_numeric` holds, which is asked last: it costs more."""
        for module in self.modules.values():
            hits = list(check(module))
            if hits and self.is_numeric(module):
                yield from hits

    def related(self, module: Module) -> list[Module]:
        """The project's modules that a module imports, and the scanned ones that import it."""
        users = [user for user in self.modules.values() if user is not module and module in self.imports(user)]
        return [*self.imports(module), *users]

    @cached_property
    def entries(self) -> list[Module]:
        modules = list(self.modules.values())
        if not self.target.is_dir():
            return modules
        imported = {other for module in modules for other in self.imports(module)}
        return [
            module
            for module in modules
            if (module not in imported or _guarded(module)) and _acts(module) and not _test(module)
        ]

    def _load(self, path: Path, shown: str) -> Module | None:
        whole = path.resolve()
        if whole not in self._paths:
            self._paths[whole] = None
            if path.exists() and not path.is_file():
                self.problems.append(Problem(shown, "not a regular file"))
                return None
            try:
                module = Module(shown, path.read_bytes())
            except Unreadable as error:
                self.problems.append(Problem(shown, str(error)))
            except OSError as error:
                self.problems.append(Problem(shown, error.strerror or str(error)))
            else:
                self._paths[whole] = module
                self._where[module] = whole
        return self._paths[whole]

    def _upwards(self, folder: Path) -> Iterator[Path]:
        folder = folder.resolve()
        yield folder
        for above in folder.parents:
            if not folder.is_relative_to(self.root) or not above.is_relative_to(self.root):
                return
            yield above

    def _bases(self, module: Module) -> Iterator[Path]:
        for folder in self._upwards(self._where[module].parent):
            yield folder
            if (folder / "src").is_dir():
                yield folder / "src"

    def _file(self, module: Module, name: str) -> list[Path]:
        """What :meth:`_resolve` gives, looked for once for all modules of a folder."""
        asked = (self._where[module].parent, name)
        if asked not in self._files:
            self._files[asked] = list(self._resolve(module, name))
        return self._files[asked]

    def _resolve(self, module: Module, name: str) -> Iterator[Path]:
        """The file of ``a.b`` (or ``..b``, or ``a.b.name`` for an imported name)."""
        level = len(name) - len(name.lstrip("."))
        parts = [part for part in name.lstrip(".").split(".") if part]
        bases: Iterator[Path] | list[Path]
        if level:
            folder = self._where[module].parent
            for _ in range(level - 1):
                folder = folder.parent
            bases = [folder]
        else:
            bases = self._bases(module)
        for base in bases:
            for upto in range(len(parts), 0, -1):
                stem = base.joinpath(*parts[:upto])
                for path in (stem.with_name(stem.name + ".py"), stem / "__init__.py"):
                    if path.is_file():
                        yield path
                        return


def _imported(module: Module) -> Iterator[str]:
    for node in module.imports:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            continue
        source = "." * node.level + (node.module or "")
        for alias in node.names:
            yield source if alias.name == "*" else f"{source}{'' if source.endswith('.') else '.'}{alias.name}"


def _guarded(module: Module) -> bool:
    """True for ``if __name__ == "__main__":``."""
    return any(
        isinstance(node.test, ast.Compare) and isinstance(node.test.left, ast.Name) and node.test.left.id == "__name__"
        for node in module.nodes(ast.If)
    )


def does_something(module: Module) -> bool:
    """True where running the file does more than define and assign."""
    for node in module.tree.body:
        if isinstance(node, (ast.For, ast.While, ast.With)):
            return True
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            return True
    return _guarded(module)


def _acts(module: Module) -> bool:
    """True where the file can be a program: it does something, or draws while it is loaded."""
    return does_something(module) or any(module.names.scope(call).node is module.tree for _, call, _ in draws(module))


def _test(module: Module) -> bool:
    """Tests, set-up scripts and the like train nothing whose result is kept."""
    name = os.path.basename(module.path)
    return (
        name.startswith(("test_", "conftest"))
        or (name.endswith("_test.py") and "pytest" in module.imported)
        or (name in ("setup.py", "noxfile.py", "tasks.py"))
    )


def _root(folder: Path) -> Path:
    for marks in ((".git", ".hg", ".reenact"), MARKS):
        for above in (folder, *folder.parents):
            if any((above / mark).exists() for mark in marks):
                return above
    return folder


def _walk(folder: Path) -> Iterator[tuple[str, list[str]]]:
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _skipped(os.path.join(at, name), name))
        yield at, sorted(names)


def _skipped(path: str, name: str) -> bool:
    if name.startswith(".") or name.endswith(".egg-info") or name in SKIPPED:
        # `build`, `dist` and `env` may be packages of the project's own.
        return name not in ("build", "dist", "env") or not os.path.isfile(os.path.join(path, "__init__.py"))
    return os.path.isfile(os.path.join(path, "pyvenv.cfg"))


def _sources(folder: Path) -> Iterator[Path]:
    for at, names in _walk(folder):
        for name in names:
            if name.endswith(".py"):
                yield Path(at) / name


@lru_cache(maxsize=1024)
def _here(folder: Path) -> list[Path]:
    try:
        here = sorted(folder.iterdir())
        below = sorted((folder / "requirements").iterdir()) if (folder / "requirements").is_dir() else []
    except OSError:
        return []
    return [path for path in [*here, *below] if path.is_file()]


@lru_cache(maxsize=4096)
def _matching(folder: Path, wanted: tuple[str, ...]) -> list[Path]:
    return [path for path in _here(folder) if any(path.match(pattern) for pattern in wanted)]
