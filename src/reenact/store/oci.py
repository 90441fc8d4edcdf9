"""The store as an OCI image layout: each sealed run is an image manifest that any OCI tool can copy.

The config of the image is the run's manifest.json, its layers are the blobs that the run needs. ``index.json`` is
derived from the runs and can be built again from them.
https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import ReenactError
from ..record import layout
from ..record.atomic import exclusive, write_atomic
from ..record.canonical import canonical_json
from ..record.schema import Manifest, load_manifest
from .blobs import BlobStore

RUN_TYPE = "application/vnd.reenact.run.v1+json"
IMAGE_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
LAYER_TYPE = "application/octet-stream"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"
TITLE = "org.opencontainers.image.title"


def create_layout(folder: Path) -> None:
    """Write ``oci-layout`` and an empty ``index.json`` where they are missing."""
    if not (folder / "oci-layout").exists():
        write_atomic(folder / "oci-layout", canonical_json({"imageLayoutVersion": "1.0.0"}))
    if not (folder / "index.json").exists():
        with _locked(folder):
            if not (folder / "index.json").exists():
                _write_index(folder, [])


def add_run(folder: Path, blobs: BlobStore, run_id: str, config: bytes, manifest: Manifest) -> str:
    """Write the image of a sealed run and list it in ``index.json``; returns the image manifest's digest.

    Args:
        folder: the store.
        blobs: its blobs.
        run_id: the run.
        config: the bytes of its manifest.json.
        manifest: the same, read.

    Raises:
        ReenactError: ``no-space``, ``store-not-writable``.
    """
    entry = _put_image(blobs, run_id, config, manifest)
    with _locked(folder):
        if not _append(folder, run_id, entry):
            entries = [old for old in read_index(folder) if _ref(old) != run_id]
            _write_index(folder, [*entries, entry])
    return str(entry["digest"])


def rebuild_index(folder: Path, blobs: BlobStore, run_ids: Iterable[str], *, only_missing: bool = False) -> list[str]:
    """Write ``index.json`` anew from the runs; returns the ids of those that could not be read, which keep their entry.

    Args:
        folder: the store.
        blobs: its blobs.
        run_ids: all runs; unsealed ones are passed over.
        only_missing: keep the entries of runs that are listed and whose image is there, which is much quicker.
    """
    unreadable: list[str] = []
    with _locked(folder):
        known = {_ref(entry): entry for entry in read_index(folder)}
        entries = []
        for run_id in run_ids:
            old = known.get(run_id)
            if only_missing and old is not None and blobs.has(str(old.get("digest"))):
                entries.append(old)
                continue
            path = folder / "runs" / run_id / layout.MANIFEST
            if not path.exists():
                continue
            try:
                entries.append(_put_image(blobs, run_id, path.read_bytes(), load_manifest(path)))
            except (ReenactError, OSError):
                unreadable.append(run_id)
                if old is not None:
                    entries.append(old)
        _write_index(folder, entries)
    return unreadable


def read_index(folder: Path) -> list[dict[str, Any]]:
    """The entries of ``index.json``; none when it is missing or corrupt, as it can be built again."""
    try:
        entries = json.loads((folder / "index.json").read_bytes())["manifests"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def reachable(blobs: BlobStore, digest: str) -> set[str]:
    """The blobs of one image: its manifest, config and layers; the manifest alone when it cannot be read."""
    found = {digest}
    try:
        image = json.loads(blobs.read(digest))
        found.add(str(image["config"]["digest"]))
        found.update(str(layer["digest"]) for layer in image["layers"])
    except (ReenactError, ValueError, KeyError, TypeError):
        pass
    return found


def titled_blobs(manifest: Manifest) -> dict[str, str]:
    """Title of each blob by its digest: the path that it had, prefixed by what it was."""
    titles: dict[str, str] = {}
    for kind, files in (("code", manifest.code.files), ("inputs", manifest.inputs), ("outputs", manifest.outputs)):
        for file in files:
            if file.digest:
                titles.setdefault(file.digest, f"{kind}/{file.path.lstrip('/')}")
    for stored in manifest.media_files:
        titles.setdefault(stored.digest, stored.path)
    if manifest.code.git and manifest.code.git.patch:
        titles.setdefault(manifest.code.git.patch, layout.PATCH)
    if manifest.environment.lock:
        titles.setdefault(manifest.environment.lock, layout.PYLOCK)
    return titles


def _put_image(blobs: BlobStore, run_id: str, config: bytes, manifest: Manifest) -> dict[str, Any]:
    layers: list[dict[str, Any]] = []
    for digest, title in sorted(titled_blobs(manifest).items()):
        size = blobs.size(digest)
        if size is not None:  # a large input is known by its digest only
            layers.append({"mediaType": LAYER_TYPE, "digest": digest, "size": size, "annotations": {TITLE: title}})
    if not layers:
        layers.append({"mediaType": EMPTY_TYPE, "digest": blobs.put_bytes(b"{}"), "size": 2})
    image = canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": IMAGE_TYPE,
            "artifactType": RUN_TYPE,
            "config": {"mediaType": RUN_TYPE, "digest": blobs.put_bytes(config), "size": len(config)},
            "layers": layers,
            "annotations": {"org.opencontainers.image.created": manifest.started, TITLE: run_id},
        }
    )
    return {
        "mediaType": IMAGE_TYPE,
        "artifactType": RUN_TYPE,
        "digest": blobs.put_bytes(image),
        "size": len(image),
        "annotations": {REF_NAME: run_id},
    }


def _ref(entry: dict[str, Any]) -> str | None:
    annotations = entry.get("annotations")
    return annotations.get(REF_NAME) if isinstance(annotations, dict) else None


def _write_index(folder: Path, entries: list[dict[str, Any]]) -> None:
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": sorted(entries, key=lambda e: str(_ref(e)))}
    write_atomic(folder / "index.json", canonical_json(index))


def _append(folder: Path, run_id: str, entry: dict[str, Any]) -> bool:
    """Put an entry after the last one, as its place is where the run is the newest: of 100,000 entries the others are not read.

    Returns:
        False where its place is another, the run is listed already, or the file is not as `_write_index` leaves it.
    """
    try:
        data = (folder / "index.json").read_bytes()
    except OSError:
        return False
    name = b'"' + REF_NAME.encode() + b'":"'
    at = data.rfind(name)
    if not (data.startswith(_HEAD) and data.endswith(_TAIL)) or run_id.encode() in data:
        return False
    if at >= 0 and data[at + len(name) : data.index(b'"', at + len(name))] > run_id.encode():
        return False
    more = b"," if at >= 0 else b""
    write_atomic(folder / "index.json", data[: -len(_TAIL)] + more + canonical_json(entry) + _TAIL)
    return True


_HEAD = b'{"manifests":['
_TAIL = b"]," + canonical_json({"mediaType": INDEX_TYPE, "schemaVersion": 2})[1:]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep two processes from changing index.json at once; where there are no locks, the last one wins."""
    (folder / "cache").mkdir(exist_ok=True)
    with exclusive(folder / "cache" / "index.lock"):
        yield
