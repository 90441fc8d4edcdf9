"""Making a project of a folder, or adding to one what it lacks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .. import knobs
from ..environment.interpreter import find_python, probe_interpreter
from ..errors import EXIT_USAGE, ReenactError
from ..store.project import STORE, Store
from .files import Framework, project_files
from .git import Git, ensure_repository
from .hints import hints
from .naming import checked_name
from .plan import Left, plan
from .write import write_into, write_new


@dataclass(frozen=True)
class Created:
    """What `create` did.

    Attributes:
        folder: the project.
        name, framework: what it is called, and written for.
        fresh: the folder was made.
        added: paths below it, in order.
        left: files that were not written, and why.
        hints: what to add by hand to files that were there.
        git: what became of its repository.
    """

    folder: Path
    name: str
    framework: Framework
    fresh: bool
    added: list[str]
    left: list[Left]
    hints: list[str]
    git: Git


def create(folder: Path, name: str, framework: Framework) -> Created:
    """Write a project; in a folder with something in it, only what is missing there.

    Args:
        folder: an absolute path.

    Raises:
        ReenactError: ``bad-name``, ``not-a-folder``, ``not-writable``, ``no-space``, ``in-the-way``; nothing was written.
    """
    checked_name(name)
    for above in (folder, *folder.parents):
        if above.is_dir():
            break
        if above.exists() or above.is_symlink():
            what = "is a file" if above.is_file() else "is no folder"
            raise ReenactError(
                "not-a-folder", f"{above} {what}", valid="a folder, or a name that is free", exit_code=EXIT_USAGE
            )
    files = project_files(name, framework, *_python())
    fresh = not folder.exists()
    planned = plan(folder, files)
    told = hints(folder, files, planned)
    (write_new if fresh else write_into)(folder, planned.add)
    git = ensure_repository(folder)
    # Marks the project's root: its runs go here, also where a folder above has a store.
    if knobs.text(knobs.STORE) is None and not (folder / STORE).exists():
        Store(folder).create()
    return Created(folder, name, framework, fresh, list(planned.add), planned.left, told, git)


def _python() -> list[str]:
    """Minor version of the Python that programs run with here, where there is one."""
    try:
        about = probe_interpreter(find_python(os.environ), dict(os.environ))
    except ReenactError:
        return []
    return [".".join(str(about["version"]).split(".")[:2])]
