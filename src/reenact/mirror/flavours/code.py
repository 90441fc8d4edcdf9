"""The project's recorded sources as a folder of modules, for models whose classes are the project's own."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from .model import CODE, Recorded

Sources = dict[str, str]
"""Digests of sources by their place in a model's folder."""


def source_root(recorded: Recorded, module: str) -> str | None:
    """The folder from which a module was imported.

    None when no recorded source is that module, or when several may be and none of them lies beside the script.
    """
    paths = _paths(recorded)
    name = module.replace(".", "/")
    roots = {
        path[: -len(ending)].rstrip("/")
        for path in paths
        for ending in (f"{name}.py", f"{name}/__init__.py")
        if path == ending or path.endswith(f"/{ending}")
    }
    # Below a package it is another module, one of the package.
    roots = {root for root in roots if f"{root}/__init__.py" not in paths}
    if len(roots) > 1:
        roots &= {_script_folder(recorded)}
    return roots.pop() if roots else None


def _script_folder(recorded: Recorded) -> str:
    """What Python puts first on the path of modules."""
    command = recorded.sealed.command
    script = next((word for word in command.argv[1:] if word.endswith(".py")), "") if command.kind == "script" else ""
    folder = posixpath.normpath(posixpath.join(command.cwd, posixpath.dirname(script)))
    return "" if folder == "." else folder


def sources(recorded: Recorded, modules: Iterable[str]) -> Sources | None:
    """The sources that stand behind these modules: all that the program imported, as any may import another.

    A source is put where each folder that modules were imported from would have it. None when the content of one was not kept.
    """
    roots = sorted({root for module in modules if (root := source_root(recorded, module)) is not None})
    if not roots:
        return {}
    paths = _paths(recorded)
    if not all(recorded.store.blobs.has(digest) for digest in paths.values()):
        return None
    found: Sources = {}
    for path, root in [
        *((path, root) for root in roots for path in paths),
        *((path, _climbed(path, paths)) for path in paths),
    ]:
        start = f"{root}/" if root else ""
        if path.startswith(start) and not path[len(start) :].startswith(("/", "../")):
            found.setdefault(f"{CODE}/{path[len(start) :]}", paths[path])
    return found


def _paths(recorded: Recorded) -> dict[str, str]:
    return {file.path: file.digest for file in recorded.sealed.code.files if file.path.endswith(".py")}


def _climbed(path: str, paths: dict[str, str]) -> str:
    """The first folder above a source that is no package."""
    folder = path.rpartition("/")[0]
    while folder and f"{folder}/__init__.py" in paths:
        folder = folder.rpartition("/")[0]
    return folder
