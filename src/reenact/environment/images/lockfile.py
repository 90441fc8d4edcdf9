"""A ``pylock.toml`` read for an image: its packages, and the base that it pins."""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ...errors import EXIT_USAGE, ReenactError
from ..packages import file_path, normalise
from ..solve import with_tables
from .target import Target, applies, satisfies


@dataclass(frozen=True)
class File:
    """A file of a package: its name, its sha256 in hex (None: not known), and where it lies if it is one of this machine."""

    name: str
    sha256: str | None
    path: Path | None


@dataclass(frozen=True)
class Package:
    """One entry of a lock.

    Attributes:
        name: normalised.
        version: None for a folder or repository that does not tell.
        wheels, sdist: its files, as an index has them.
        source: what an installer is to be given instead: a URL of a repository, an archive's URL, a folder.
        editable: it is a folder that is not copied: code.
        wheel, fingerprint: what an environment that was read as it stood tells of the wheel.
    """

    name: str
    version: str | None
    wheels: tuple[File, ...]
    sdist: File | None
    source: str | None
    editable: bool
    wheel: str | None
    fingerprint: str | None


@dataclass(frozen=True)
class Pin:
    """The base image of a lock: its name (``host``: this machine's Python) and its digest."""

    base: str
    digest: str


@dataclass(frozen=True)
class Lock:
    """A lock as it was read.

    Attributes:
        data: its bytes.
        digest: their digest.
        folder: what its paths are relative to.
        content: as TOML has it.
    """

    data: bytes
    digest: str
    folder: Path
    content: dict[str, Any]

    @property
    def pin(self) -> Pin | None:
        table = _table(self.content, "tool", "reenact", "image")
        return Pin(table["base"], table["digest"]) if table.get("base") and table.get("digest") else None

    def packages(self, target: Target) -> list[Package]:
        """The entries that are for a target, by name.

        Raises:
            ReenactError: ``wrong-python``; ``bad-lock``.
        """
        required = str(self.content.get("requires-python") or "")
        if not satisfies(target.version, required):
            raise ReenactError(
                "wrong-python",
                f"the lock is for Python {required}, and the base image has {target.version}",
                fix="name another base (--base), or lock for that Python: reenact lock --python PATH",
                exit_code=EXIT_USAGE,
            )
        groups = tuple(self.content.get("default-groups") or ())
        found = []
        for entry in self.content.get("packages") or []:
            marker = entry.get("marker")
            if marker is None or applies(marker, target, groups):
                found.append(_package(entry, self.folder))
        return sorted(found, key=lambda package: package.name)


def toml(data: bytes, name: str) -> dict[str, Any]:
    """TOML as plain data.

    Raises:
        ReenactError: ``bad-lock``: it is none.
    """
    reader = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        found: dict[str, Any] = reader.loads(data.decode("utf-8"))
    except ValueError as error:
        raise ReenactError("bad-lock", f"{name} cannot be read: {error}", exit_code=EXIT_USAGE) from None
    return found


def read_lock(data: bytes, folder: Path) -> Lock:
    """A lock out of its bytes.

    Raises:
        ReenactError: ``bad-lock``.
    """
    content = toml(data, "pylock.toml")
    if not str(content.get("lock-version", "")).startswith("1"):
        raise ReenactError("bad-lock", "pylock.toml has no lock-version 1.x", fix="reenact lock", exit_code=EXIT_USAGE)
    return Lock(data, lock_digest(data), folder, content)


def lock_digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def with_pin(data: bytes, pin: Pin) -> bytes:
    """The same lock with this base pinned in ``[tool.reenact.image]``."""
    rows = f'[tool.reenact.image]\nbase = "{pin.base}"\ndigest = "{pin.digest}"\n'
    return with_tables(data.decode("utf-8"), rows).encode()


def configured_base(root: Path) -> str | None:
    """What ``[tool.reenact.image]`` of pyproject.toml names as base.

    Raises:
        ReenactError: ``bad-lock``: it cannot be read.
    """
    base = _table(_pyproject(root), "tool", "reenact", "image").get("base")
    return str(base) if base else None


def project_name(root: Path) -> str:
    """The project's name as images may be called: pyproject's, else its folder's."""
    return image_name(str(_table(_pyproject(root), "project").get("name") or root.name))


def image_name(name: str) -> str:
    """A project's name as images may be called."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "project"


def _pyproject(root: Path) -> dict[str, Any]:
    path = root / "pyproject.toml"
    return toml(path.read_bytes(), "pyproject.toml") if path.is_file() else {}


def _table(data: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        data = data.get(name) or {}
        if not isinstance(data, dict):
            return {}
    return data


def _package(entry: dict[str, Any], folder: Path) -> Package:
    tool = _table(entry, "tool", "reenact")
    source, editable, wheels, sdist = None, False, entry.get("wheels") or [], entry.get("sdist")
    archive, vcs, directory = entry.get("archive"), entry.get("vcs"), entry.get("directory")
    if archive:
        if str(archive.get("path") or archive.get("url")).endswith(".whl"):
            wheels = [archive]
        elif archive.get("path") and not archive.get("subdirectory"):
            sdist = archive
        else:
            digest = (archive.get("hashes") or {}).get("sha256")
            source = (
                _where(archive, folder)
                + (f"#sha256={digest}" if digest else "")
                + _below(archive, "&" if digest else "#")
            )
    elif vcs:
        source = f"{vcs['type']}+{_where(vcs, folder)}@{vcs['commit-id']}" + _below(vcs, "#")
    elif directory:
        source = str((folder / directory["path"]).resolve() / directory.get("subdirectory", ""))
        editable = bool(directory.get("editable"))
    elif tool.get("url"):
        source = tool["url"]
    return Package(
        name=normalise(entry["name"]),
        version=entry.get("version"),
        wheels=tuple(_file(one, folder) for one in wheels),
        sdist=_file(sdist, folder) if sdist else None,
        source=source,
        editable=editable,
        wheel=tool.get("wheel"),
        fingerprint=tool.get("fingerprint"),
    )


def _file(entry: dict[str, Any], folder: Path) -> File:
    url = str(entry.get("url") or "")
    local = entry.get("path") or file_path(url)
    path = folder / local if local else None
    name = entry.get("name") or (path.name if path else unquote(urlsplit(url).path.rpartition("/")[2]))
    return File(name, (entry.get("hashes") or {}).get("sha256"), path)


def _where(entry: dict[str, Any], folder: Path) -> str:
    return str(entry.get("url") or (folder / entry["path"]).resolve().as_uri())


def _below(entry: dict[str, Any], sign: str) -> str:
    return f"{sign}subdirectory={entry['subdirectory']}" if entry.get("subdirectory") else ""
