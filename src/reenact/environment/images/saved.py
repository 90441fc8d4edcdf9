"""Images as files: what an archive holds, told without loading it, and where a project keeps its own."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...engine.cli import Engine
from ...engine.image import Image
from ...errors import EXIT_USAGE, ReenactError
from ...record.atomic import raise_clean, tmp_name, write_atomic

FOLDER = "images"
_INDEX = "saved.json"
_PUSHED = "pushed.json"


@dataclass(frozen=True)
class Archived:
    """An image in a file.

    Attributes:
        id: digest of its config.
        diff_ids: of its layers.
        tags: names that it gets when it is loaded.
    """

    id: str
    diff_ids: tuple[str, ...]
    tags: tuple[str, ...]


def archived(path: Path) -> list[Archived]:
    """The images in an archive of ``docker save``, ``podman save`` or an OCI layout.

    Raises:
        ReenactError: ``bad-archive``: it is none, or is cut short; ``no-such-file``.
    """
    try:
        with tarfile.open(path) as tar:
            names = tar.getnames()
            if "manifest.json" in names:
                entries = _read(tar, "manifest.json")
                found = [(entry["Config"], entry.get("RepoTags") or ()) for entry in entries]
            else:
                found = []
                for entry in _read(tar, "index.json")["manifests"]:
                    config = _read(tar, _blob(entry["digest"]))["config"]["digest"]
                    name = (entry.get("annotations") or {}).get("org.opencontainers.image.ref.name")
                    found.append((_blob(config), (name,) if name else ()))
            # The end of a file that was cut short is missing, not its beginning.
            return [_archived(tar, config, tuple(tags)) for config, tags in found]
    except FileNotFoundError:
        raise ReenactError("no-such-file", f"there is no file {path}", exit_code=EXIT_USAGE) from None
    except (
        tarfile.TarError,
        gzip.BadGzipFile,
        EOFError,
        OSError,
        KeyError,
        ValueError,
        TypeError,
        IndexError,
    ) as error:
        raise ReenactError(
            "bad-archive",
            f"{path} is no archive of an image, or it is damaged: {error}",
            valid="a file of `reenact image save`, `docker save` or `podman save`",
            exit_code=EXIT_USAGE,
        ) from None


def _archived(tar: tarfile.TarFile, config: str, tags: tuple[str, ...]) -> Archived:
    data = _bytes(tar, config)
    diff_ids = tuple(json.loads(data)["rootfs"]["diff_ids"])
    return Archived("sha256:" + hashlib.sha256(data).hexdigest(), diff_ids, tags)


def _bytes(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()


def _read(tar: tarfile.TarFile, name: str) -> Any:
    return json.loads(_bytes(tar, name))


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def save(engine: Engine, image: Image, target: Path | None, store: Path) -> Path:
    """Write an image to a file, whole or not at all, and remember where.

    Args:
        target: the file; below the store, named after the image and its id, when None.
        store: the project's store.

    Raises:
        ReenactError: ``no-space``, ``store-not-writable``, or what the engine says.
    """
    folder = _folder(store)
    if target is None:
        name = re.sub(r"[^\w.-]+", "-", image.name.rpartition(":")[0] if image.tags else "image").strip("-")
        target = folder / f"{name.removeprefix('localhost-')}-{image.id.partition(':')[2][:12]}.tar"
    target = Path(os.path.abspath(target))
    aside = target.parent / tmp_name(target.name)
    form = ["--format", "docker-archive"] if engine.kind == "podman" else []
    try:
        engine.call("save", *form, "--output", str(aside), *(image.tags or (image.id,)))
        os.replace(aside, target)
    except OSError as error:
        raise_clean(error, target)
    finally:
        aside.unlink(missing_ok=True)
    _note(folder / _INDEX, str(target), image)
    return target


def note_pushed(store: Path, name: str, image: Image) -> None:
    """Remember that a registry has an image as ``name@sha256:…``: runs that were recorded before do not know it."""
    _note(_folder(store) / _PUSHED, name, image)


def pushed(store: Path, diff_ids: Sequence[str]) -> list[str]:
    """Where an image with these layers was pushed to, the last first."""
    known = _known(store / FOLDER / _PUSHED)
    return [name for name, image in reversed(known.items()) if list(image.get("diff_ids") or ()) == list(diff_ids)]


def _folder(store: Path) -> Path:
    folder = store / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            write_atomic(ignore, b"*\n")
    except OSError as error:
        raise_clean(error, folder)
    return folder


def _note(index: Path, name: str, image: Image) -> None:
    known = {other: value for other, value in _known(index).items() if other != name}
    known[name] = {"id": image.id, "diff_ids": list(image.diff_ids), "name": image.name}
    write_atomic(index, json.dumps(known, indent=1).encode())


def saved_files(store: Path) -> list[Path]:
    """The files that images of a project were saved to and that are still there: for `recover`."""
    folder = store / FOLDER
    paths = [*sorted(folder.glob("*.tar")), *(Path(path) for path in _known(folder / _INDEX))]
    return [path for path in dict.fromkeys(paths) if path.is_file()]


def _known(index: Path) -> dict[str, Mapping[str, Any]]:
    try:
        found = json.loads(index.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
