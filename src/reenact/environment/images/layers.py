"""Layers of an image as tar files that come out the same each time, and the archive that `load` takes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

MTIME = 315532800
"""1980-01-01: the time of every file that is written here. The first one that zip files know."""

CREATED = "1980-01-01T00:00:00Z"


@dataclass(frozen=True)
class Entry:
    """One thing in a layer.

    Attributes:
        data: bytes of a file, or the path of one to read; None for a folder or a link.
        link: what a symbolic link points to.
        mode: permission bits.
        uid, gid: owner; root as a rule.
    """

    data: bytes | Path | None = None
    link: str | None = None
    mode: int = 0o755
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class Layer:
    """A layer that was written: its tar file and the digest of that (``sha256:…``)."""

    path: Path
    diff_id: str


class _Digesting(io.RawIOBase):
    """A file that is written and digested at once."""

    def __init__(self, target: IO[bytes]) -> None:
        self.target = target
        self.state = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.state.update(data)
        return self.target.write(data)


def write_layer(target: Path, entries: Mapping[str, Entry]) -> Layer:
    """Write a layer: sorted, of one time, so that equal content gives an equal digest.

    Args:
        target: the tar file to write.
        entries: what is in it by path without a leading slash; folders that are not named are made (755, root).

    Raises:
        OSError: a file cannot be read, or there is no space.
    """
    whole = {**_folders(entries), **entries}
    with open(target, "wb") as file:
        digesting = _Digesting(file)
        with tarfile.open(fileobj=digesting, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            for path in sorted(whole):
                _add(tar, path, whole[path])
        return Layer(target, "sha256:" + digesting.state.hexdigest())


def _folders(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    found = {}
    for path in entries:
        parent = os.path.dirname(path)
        while parent and parent not in found:
            found[parent] = Entry()
            parent = os.path.dirname(parent)
    return found


def _add(tar: tarfile.TarFile, path: str, entry: Entry) -> None:
    info = tarfile.TarInfo(path)
    info.mtime, info.mode, info.uid, info.gid = MTIME, entry.mode, entry.uid, entry.gid
    if entry.link is not None:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
        tar.addfile(info)
    elif entry.data is None:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif isinstance(entry.data, bytes):
        info.size = len(entry.data)
        tar.addfile(info, io.BytesIO(entry.data))
    else:
        with open(entry.data, "rb") as file:
            info.size = os.fstat(file.fileno()).st_size
            tar.addfile(info, file)


def tree(folder: Path, below: str, skip: Iterable[str] = ()) -> dict[str, Entry]:
    """The files of a folder as entries; links are kept where they stay inside of it, else followed.

    Args:
        folder: to read.
        below: where it lies in the image, without a leading slash.
        skip: names of files and folders that are left out, at any depth.
    """
    names, found = frozenset(skip), {}
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in names)
        inside = os.path.relpath(here, folder)
        base = below if inside == "." else f"{below}/{inside}"
        found[base] = Entry()
        for name in [*files, *(name for name in folders if os.path.islink(os.path.join(here, name)))]:
            path = Path(here, name)
            if name in names or name.endswith((".pyc", ".pyo")):
                continue
            if path.is_symlink():
                link = os.readlink(path)
                if not os.path.isabs(link) and not os.path.relpath(Path(here, link), folder).startswith(".."):
                    found[f"{base}/{name}"] = Entry(link=link)
                    continue
            if path.is_file():
                executable = os.stat(path).st_mode & stat.S_IXUSR
                found[f"{base}/{name}"] = Entry(path, mode=0o755 if executable else 0o644)
    return found


def write_archive(
    out: IO[bytes], layers: Sequence[Layer], config: Mapping[str, Any], architecture: str, tags: Sequence[str]
) -> str:
    """Write what ``docker load`` and ``podman load`` take; returns the image's id.

    Args:
        out: need not be able to seek.
        layers: from the lowest.
        config: ``Env``, ``Cmd``, ``User``, ``WorkingDir``, ``Labels`` …
        architecture: as Go spells it.
        tags: names that it gets.
    """
    settings = {
        "architecture": architecture,
        "os": "linux",
        "created": CREATED,
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": CREATED, "created_by": "reenact"} for _ in layers],
    }
    text = json.dumps(settings, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(text).hexdigest()
    names = [layer.diff_id.partition(":")[2] + ".tar" for layer in layers]
    manifest = [{"Config": f"{digest}.json", "RepoTags": list(tags), "Layers": names}]
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name, layer in dict(zip(names, layers)).items():
            _add(tar, name, Entry(layer.path, mode=0o644))
        _add(tar, f"{digest}.json", Entry(text, mode=0o644))
        _add(tar, "manifest.json", Entry(json.dumps(manifest).encode(), mode=0o644))
    return f"sha256:{digest}"
