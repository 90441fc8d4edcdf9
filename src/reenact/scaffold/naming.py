"""The name of a project, as pyproject.toml takes it."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from ..errors import ReenactError

_VALID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_TAKEN = frozenset({"torch", "numpy", "hydra-core", "hydra", "omegaconf", "pytest", "ipykernel", "reenact"})


def checked_name(name: str) -> str:
    """The name, if a project can be called so.

    Raises:
        ReenactError: ``bad-name``.
    """
    if not _VALID.fullmatch(name):
        raise ReenactError(
            "bad-name",
            f"a project cannot be called {name!r}",
            valid="ASCII letters, digits, `.`, `_` and `-`, with a letter or digit first and last",
            fix=f"--name {default_name(name)}",
        )
    if re.sub(r"[-_.]+", "-", name).lower() in _TAKEN:
        raise ReenactError(
            "bad-name",
            f"a project cannot be called {name!r}: a package that it needs is called so",
            fix=f"--name my-{name}",
        )
    return name


def default_name(folder: str) -> str:
    """A valid name made of a folder's; ``experiment`` where nothing of it can be used."""
    plain = unicodedata.normalize("NFKD", folder).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("._-")
    if not name:
        return "experiment"
    return f"my-{name}" if re.sub(r"[-_.]+", "-", name).lower() in _TAKEN else name


def usual_name(folder: Path) -> str:
    """What a project in that folder is called where nobody says: as its pyproject.toml does, else made of the folder's name."""
    try:
        text = (folder / "pyproject.toml").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    # Python 3.10 reads no TOML; the name of a project is one plain line.
    table = re.search(r"^\[project\]\s*?$(.*?)(?=^\[|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    named = re.search(r"""^name\s*=\s*["']([^"']*)["']""", table[1], flags=re.MULTILINE) if table else None
    return default_name(named[1] if named else folder.name)
