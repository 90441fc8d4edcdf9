"""The project's recorded sources as a folder of modules, for models whose classes are the project's own."""

from __future__ import annotations

from collections.abc import Iterable

from .model import CODE, Recorded

Sources = dict[str, str]
"""Digests of sources by their place in a model's folder."""


def source_root(recorded: Recorded, module: str) -> str | None:
    """The folder from which a module was imported; None when none of the recorded sources is that module."""
    name = module.replace(".", "/")
    roots = [
        path[: -len(ending)].rstrip("/")
        for path in _paths(recorded)
        for ending in (f"{name}.py", f"{name}/__init__.py")
        if path == ending or path.endswith(f"/{ending}")
    ]
    return min(roots, key=lambda root: (len(root), root)) if roots else None


def sources(recorded: Recorded, modules: Iterable[str]) -> Sources | None:
    """The sources that stand behind these modules: all that the program imported, as any may import another.

    A source is put where each folder that modules were imported from would have it. None when the content of one was not kept.
    """
    roots = {root for module in modules if (root := source_root(recorded, module)) is not None}
    if not roots:
        return {}
    paths = _paths(recorded)
    found: Sources = {}
    for path, digest in paths.items():
        if not recorded.store.blobs.has(digest):
            return None
        for root in sorted(roots | {_climbed(path, paths)}, key=len):
            start = f"{root}/" if root else ""
            if path.startswith(start) and not path[len(start) :].startswith(("/", "../")):
                found.setdefault(f"{CODE}/{path[len(start) :]}", digest)
    return found


def _paths(recorded: Recorded) -> dict[str, str]:
    return {file.path: file.digest for file in recorded.sealed.code.files if file.path.endswith(".py")}


def _climbed(path: str, paths: dict[str, str]) -> str:
    """The first folder above a source that is no package."""
    folder = path.rpartition("/")[0]
    while folder and f"{folder}/__init__.py" in paths:
        folder = folder.rpartition("/")[0]
    return folder
