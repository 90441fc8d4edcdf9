"""Installed distributions of another interpreter, read from its folders without running it.

Reads ``*.dist-info`` and ``*.egg-info`` directly (PEP 376, PEP 610, PEP 627). The fingerprint of a distribution is a
digest of what its RECORD says about the files of the wheel, so that two installers of one wheel agree.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

# Written by the installer and not part of the wheel.
_INSTALLER_FILES = frozenset(
    b"INSTALLER REQUESTED RECORD RECORD.jws RECORD.p7s direct_url.json provenance_url.json uv_cache.json "
    b"uv_build.json".split()
)


def normalise(name: str) -> str:
    """A distribution's name as PEP 503 compares it (``Foo.Bar_baz`` -> ``foo-bar-baz``)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions(site_dirs: Iterable[str]) -> list[dict[str, Any]]:
    """Every distribution that an interpreter with these folders on its ``sys.path`` sees, sorted by name.

    Args:
        site_dirs: folders in the order of ``sys.path``; of a name that is there twice the first wins. Folders that do
            not exist, and files such as a zipped standard library, are passed over.

    Returns:
        ``{name, version, fingerprint, tag, editable, url, vcs, location}`` each. `name` is normalised (PEP 503).
        `fingerprint` is ``sha256:…``, or None where the installer left no RECORD. `tag` is the wheel's tags, joined by
        commas, or None. `url` is the PEP 610 URL without credentials; ``#subdirectory=…`` and ``#sha256=…`` are kept
        in its fragment. `vcs` is ``{type, commit}`` or None. `location` is the folder of `site_dirs` it was found in.
    """
    found: dict[str, dict[str, Any]] = {}
    linked: dict[str, str] = {}
    seen: set[str] = set()
    for folder in site_dirs:
        folder = os.path.abspath(folder) if folder else os.getcwd()
        if folder in seen:
            continue
        seen.add(folder)
        try:
            entries = sorted(os.listdir(folder))
        except OSError:
            continue
        for entry in entries:
            if entry.endswith(".egg-link"):
                linked.setdefault(normalise(entry[:-9]), folder)
            # pip renames what it is about to delete to ~name.
            if not entry.endswith((".dist-info", ".egg-info")) or entry.startswith("~"):
                continue
            dist = _read(folder, entry)
            if dist is not None:
                found.setdefault(dist["name"], dist)
    for name in linked.keys() & found.keys():
        dist = found[name]
        if dist["url"] is None:
            dist["editable"] = True
            dist["url"] = "file://" + dist["location"]
    return [found[name] for name in sorted(found)]


def check_files(dist: dict[str, Any], *, content: bool = True) -> list[dict[str, str]]:
    """Files of an installed distribution that are not as its RECORD says.

    Args:
        dist: one of `distributions`.
        content: hash every file; else only look whether it is there and has the right size.

    Returns:
        ``{path, problem}`` each, problem ``missing`` or ``changed``, sorted by path; path is absolute. Empty for a
        distribution without a RECORD: then nothing is known.
    """
    folder = _metadata_folder(dist)
    data = _bytes(os.path.join(folder, "RECORD")) if folder else None
    if data is None:
        return []
    problems = []
    for path, expected, size in _rows(data):
        if not expected or path.endswith(b".pyc"):
            continue  # Python makes byte code anew where it likes
        full = os.path.normpath(os.path.join(dist["location"], os.fsdecode(path)))
        try:
            stat = os.stat(full)
        except OSError:
            problems.append({"path": full, "problem": "missing"})
            continue
        differs = bool(size) and size.isdigit() and int(size) != stat.st_size
        if not differs and content:
            differs = _hash_differs(full, expected)
        if differs:
            problems.append({"path": full, "problem": "changed"})
    return sorted(problems, key=lambda problem: problem["path"])


def _read(folder: str, entry: str) -> dict[str, Any] | None:
    base = os.path.join(folder, entry)
    stem, _, suffix = entry.rpartition(".")
    isdir = suffix == "dist-info" or os.path.isdir(base)
    metadata = base
    if isdir:
        metadata = os.path.join(base, "METADATA" if suffix == "dist-info" else "PKG-INFO")
    headers = _headers(metadata)
    name = headers.get("name") or stem.split("-")[0]
    version = headers.get("version") or (stem.split("-")[1] if "-" in stem else None)
    if not name or version is None:
        return None
    dist: dict[str, Any] = {"name": normalise(name), "version": version, "fingerprint": None, "tag": None}
    dist |= {"editable": False, "url": None, "vcs": None, "location": folder}
    if not isdir:
        return dist
    record = _bytes(os.path.join(base, "RECORD"))
    if record is not None:
        dist["fingerprint"] = record_fingerprint(record, os.fsencode(entry))
    wheel = _bytes(os.path.join(base, "WHEEL"))
    if wheel is not None:
        tags = re.findall(rb"^Tag:[ \t]*(\S+)", wheel, re.MULTILINE)
        dist["tag"] = ",".join(sorted({tag.decode("ascii", "replace") for tag in tags})) or None
    direct = _bytes(os.path.join(base, "direct_url.json"))
    if direct is not None:
        _origin(dist, direct)
    return dist


def _headers(path: str) -> dict[str, str]:
    """Name and Version out of a METADATA or PKG-INFO file, lower-case keys."""
    try:
        with open(path, "rb") as file:
            head = file.read(2048)
            if b"\nVersion:" not in head or b"\nName:" not in head:
                head += file.read()
    except OSError:
        return {}
    head = head.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0]
    pairs = re.findall(rb"^(Name|Version):[ \t]*(.*?)[ \t]*$", head, re.MULTILINE)
    return {key.decode().lower(): value.decode("utf-8", "replace") for key, value in pairs}


def _rows(record: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """(path, hash, size) of every row."""
    if b'"' in record:
        text = record.decode("utf-8", "surrogateescape")
        for row in csv.reader(text.splitlines()):
            if row:
                path, expected, size = ([*row, "", ""])[:3]
                yield path.encode("utf-8", "surrogateescape"), expected.encode(), size.encode()
        return
    for line in record.split(b"\n"):
        fields = line.rstrip(b"\r").rsplit(b",", 2)
        if len(fields) == 3:
            yield fields[0], fields[1], fields[2]


def record_fingerprint(record: bytes, info: bytes) -> str:
    """sha256 of the sorted ``path,hash`` rows of the wheel's own files.

    Left out, because installers write them or write them each in their own way: byte code, scripts (``../`` and
    absolute paths), and INSTALLER, REQUESTED, direct_url.json and the like. Sizes add nothing to hashes.
    """
    mine = {info + b"/" + name for name in _INSTALLER_FILES}
    rows = sorted(
        path + b"," + expected.rstrip(b"=")
        for path, expected, _ in _rows(record)
        if not path.endswith(b".pyc") and not path.startswith((b"../", b"/")) and path not in mine
    )
    return "sha256:" + hashlib.sha256(b"\n".join(rows)).hexdigest()


def _origin(dist: dict[str, Any], data: bytes) -> None:
    """Fill in editable, url and vcs from a ``direct_url.json`` (PEP 610)."""
    try:
        direct = json.loads(data)
        url = strip_credentials(direct["url"])
    except (ValueError, KeyError, TypeError):
        return
    fragment = []
    archive, vcs = direct.get("archive_info") or {}, direct.get("vcs_info") or {}
    hashes = archive.get("hashes") or dict([archive["hash"].split("=", 1)] if archive.get("hash") else [])
    if "sha256" in hashes:
        fragment.append(f"sha256={hashes['sha256']}")
    if direct.get("subdirectory"):
        fragment.append(f"subdirectory={direct['subdirectory']}")
    dist["url"] = url + ("#" + "&".join(fragment) if fragment else "")
    dist["editable"] = bool((direct.get("dir_info") or {}).get("editable"))
    if vcs:
        dist["vcs"] = {"type": vcs.get("vcs"), "commit": vcs.get("commit_id")}


def strip_credentials(url: str) -> str:
    """`url` without user, password and query; ``git@`` and other bare ssh users stay, they are not secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return re.sub(r"//[^/@]*@", "//", url)
    if not parts.scheme or "@" not in parts.netloc:
        return urlunsplit(parts._replace(query="")) if parts.scheme and parts.query else url
    user, host = parts.netloc.rsplit("@", 1)
    ssh = "ssh" in parts.scheme and ":" not in user
    return urlunsplit(parts._replace(netloc=parts.netloc if ssh else host, query=""))


def file_path(url: str) -> str | None:
    """The path that a ``file:`` URL names, or None for another URL."""
    parts = urlsplit(url)
    return unquote(parts.path) if parts.scheme == "file" else None


def _metadata_folder(dist: dict[str, Any]) -> str | None:
    try:
        entries = sorted(os.listdir(dist["location"]))
    except OSError:
        return None
    for entry in entries:
        if entry.endswith(".dist-info") and normalise(entry.split("-")[0]) == dist["name"]:
            folder = os.path.join(dist["location"], entry)
            if _headers(os.path.join(folder, "METADATA")).get("version") == dist["version"]:
                return folder
    return None


def _hash_differs(path: str, expected: bytes) -> bool:
    algorithm, _, digest = expected.decode("ascii", "replace").partition("=")
    if algorithm not in hashlib.algorithms_guaranteed:
        return False
    state = hashlib.new(algorithm)
    try:
        with open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                state.update(chunk)
    except OSError:
        return True
    actual = base64.urlsafe_b64encode(state.digest()).decode().rstrip("=")
    return actual != digest.rstrip("=")


def _bytes(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None
