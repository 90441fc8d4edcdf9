"""An image that has the same id every time: its layers are written here, not by a builder, whose times are never the same.

Two BuildKit builds of one Dockerfile differ in the times of files and parent folders. Here the base's layers are taken as they are, and
what uv installs is put on top as sorted tar files of one time.
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...engine.cli import Engine
from ...errors import EXIT_MISSING, ReenactError
from ..uv import run_uv
from .base import Base
from .dockerfiles import ENV, UID, USER, VENV, WORKDIR
from .hostbase import load
from .layers import Entry, Layer, tree, write_layer
from .target import Target
from .wheelhouse import Wheel

_KEPT = ("Env", "Entrypoint", "Cmd", "Labels", "ExposedPorts", "Volumes", "StopSignal", "Shell")
_CHUNK = 1 << 20


def assemble(
    engine: Engine,
    folder: Path,
    base: Base,
    wheels: Sequence[Wheel],
    labels: Mapping[str, str],
    tags: Sequence[str],
    python: str,
    env: Mapping[str, str],
) -> None:
    """Put an image together and load it.

    Args:
        folder: to work in; the caller removes it.
        python: an interpreter of this machine, for uv.
        env: variables for uv.

    Raises:
        ReenactError: ``no-uv``, ``not-installed``; ``no-space``.
    """
    layers, config = base_layers(engine, base, folder)
    entries = _dressed(layers, base.target)
    layers.append(write_layer(folder / "dress.tar", entries))
    for name in ("heavy", "rest"):
        mine = [wheel for wheel in wheels if wheel.heavy == (name == "heavy")]
        if mine:
            prefix = folder / name
            _install(prefix, mine, base.target, python, env)
            layers.append(write_layer(folder / f"{name}.tar", tree(prefix, VENV.lstrip("/"), ("__pycache__", ".lock"))))
            shutil.rmtree(prefix)
    load(engine, layers, _config(config, labels), list(tags), base.image.architecture)


def base_layers(engine: Engine, base: Base, folder: Path) -> tuple[list[Layer], dict[str, Any]]:
    """The layers of the base, unpacked from what the engine saves, and its settings.

    Raises:
        ReenactError: a layer is another than the engine says it is.
    """
    archive = folder / "base.tar"
    form = ["--format", "docker-archive"] if engine.kind == "podman" else []
    engine.call("save", *form, "--output", str(archive), base.source)
    layers = []
    with tarfile.open(archive) as tar:
        manifest = json.load(_member(tar, "manifest.json"))[0]
        config = json.load(_member(tar, manifest["Config"]))
        wanted = config["rootfs"]["diff_ids"]
        for number, (name, diff_id) in enumerate(zip(manifest["Layers"], wanted)):
            path = folder / f"base-{number}.tar"
            state = hashlib.sha256()
            with _plain(_member(tar, name)) as source, open(path, "wb") as target:
                while chunk := source.read(_CHUNK):
                    state.update(chunk)
                    target.write(chunk)
            if f"sha256:{state.hexdigest()}" != diff_id:
                raise ReenactError(
                    "engine-answer", f"{engine.kind} saved another layer than {diff_id}", exit_code=EXIT_MISSING
                )
            layers.append(Layer(path, diff_id))
    archive.unlink()
    return layers, config.get("config") or {}


def _member(tar: tarfile.TarFile, name: str) -> io.BufferedReader:
    member = tar.getmember(name)
    # Docker 20 saves a layer that is there twice as a link to the first.
    if member.issym():
        member = tar.getmember(os.path.normpath(os.path.join(os.path.dirname(name), member.linkname)))
    found = tar.extractfile(member)
    assert found is not None
    return found  # type: ignore[return-value]


def _plain(file: io.BufferedReader) -> Any:
    """A layer without its compression."""
    return gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == b"\x1f\x8b" else file


def _dressed(layers: Sequence[Layer], target: Target) -> dict[str, Entry]:
    """What the image has besides packages: a user, folders, and an environment that its Python takes for its own."""
    entries = {
        f"home/{USER}": Entry(uid=UID, gid=UID),
        WORKDIR.lstrip("/"): Entry(uid=UID, gid=UID),
    }
    passwd = _read(layers, "etc/passwd")
    if not re.search(rf"^{USER}:".encode(), passwd, re.MULTILINE):
        entries["etc/passwd"] = Entry(passwd + f"{USER}:x:{UID}:{UID}::/home/{USER}:/bin/sh\n".encode(), mode=0o644)
        group = _read(layers, "etc/group")
        entries["etc/group"] = Entry(group + f"{USER}:x:{UID}:\n".encode(), mode=0o644)
    venv = VENV.lstrip("/")
    told = f"home = {os.path.dirname(target.executable)}\ninclude-system-site-packages = false\nversion_info = {target.version}\n"
    if any(_has(layer, venv) for layer in layers):
        entries[f"{venv}/.wh..wh..opq"] = Entry(
            b"", mode=0o644
        )  # what is below is not seen any more (OCI image layers)
    entries |= {
        f"{venv}/pyvenv.cfg": Entry(told.encode(), mode=0o644),
        f"{venv}/bin/python": Entry(link=target.executable),
        f"{venv}/bin/python3": Entry(link="python"),
        f"{venv}/bin/python{target.minor}": Entry(link="python"),
        f"{venv}/lib/python{target.minor}/site-packages": Entry(),
        f"{venv}/lib64": Entry(link="lib"),
    }
    return entries


def _read(layers: Sequence[Layer], path: str) -> bytes:
    """A file as the topmost layer that has it; nothing where none has."""
    for layer in reversed(layers):
        with tarfile.open(layer.path) as tar:
            for name in (path, f"./{path}"):
                try:
                    found = tar.extractfile(name)
                except KeyError:
                    continue
                return found.read() if found is not None else b""
    return b""


def _has(layer: Layer, path: str) -> bool:
    with tarfile.open(layer.path) as tar:
        return any(name.removeprefix("./").startswith(f"{path}/") for name in tar.getnames())


def _install(prefix: Path, wheels: Sequence[Wheel], target: Target, python: str, env: Mapping[str, str]) -> None:
    """Have uv install wheels below a folder as it does in an environment, and take out what tells of this machine.

    Raises:
        ReenactError: ``not-installed``, with what uv says.
    """
    words = ["pip", "install", "--quiet", "--no-config", "--prefix", str(prefix), "--python", python, "--no-deps"]
    words += ["--offline", "--no-cache", "--no-index", "--link-mode", "copy", "--python-version", target.version]
    words += ["--python-platform", _platform(target), *(str(wheel.path) for wheel in wheels)]
    done = run_uv(words, env)
    if done.returncode != 0:
        raise ReenactError(
            "not-installed", f"uv does not install the wheels: {done.stderr.strip()[-800:]}", exit_code=EXIT_MISSING
        )
    library = next(prefix.glob("lib*/python*"))
    if library != prefix / "lib" / f"python{target.minor}":
        (prefix / "lib").mkdir(exist_ok=True)
        library.rename(prefix / "lib" / f"python{target.minor}")
    site = prefix / "lib" / f"python{target.minor}" / "site-packages"
    scripts = {}
    for path in sorted((prefix / "bin").glob("*")) if (prefix / "bin").is_dir() else ():
        data = path.read_bytes()
        changed = _shebang(data)
        if changed != data:
            path.write_bytes(changed)
            scripts[f"../../../bin/{path.name}"] = changed
    for info in site.glob("*.dist-info"):
        # Of files that uv is given as such it writes where they lay.
        gone = [name for name in ("uv_cache.json", "direct_url.json") if (info / name).exists()]
        for name in gone:
            (info / name).unlink()
        _mend(info / "RECORD", {f"{info.name}/{name}" for name in gone}, scripts)


def _platform(target: Target) -> str:
    if target.glibc is None:
        return f"{target.machine}-unknown-linux-musl"
    # The wheels are chosen already; this is the widest that uv knows.
    return f"{target.machine}-manylinux_2_40"


def _shebang(data: bytes) -> bytes:
    """A script that starts the image's Python instead of this machine's."""
    found = re.match(rb"#!/bin/sh\n'''exec' [^\n]*python[^\n]*\n' '''\n|#![^\n]*python[^\n]*\n", data)
    return f"#!{VENV}/bin/python\n".encode() + data[found.end() :] if found else data


def _mend(record: Path, gone: set[str], scripts: Mapping[str, bytes]) -> None:
    """Bring a RECORD in line with what was taken away and changed."""
    rows = []
    with open(record, encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            if not row or row[0] in gone:
                continue
            if row[0] in scripts:
                data = scripts[row[0]]
                digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
                row = [row[0], f"sha256={digest}", str(len(data))]
            rows.append(row)
    with open(record, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _config(base: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """The settings of the image: the base's, and those that a Dockerfile sets."""
    found = {key: base[key] for key in _KEPT if base.get(key)}
    variables = dict(entry.partition("=")[::2] for entry in found.get("Env") or [])
    variables["PATH"] = f"{VENV}/bin:{variables.get('PATH', '/usr/local/bin:/usr/bin:/bin')}"
    variables |= ENV
    found["Env"] = [f"{name}={value}" for name, value in variables.items()]
    found["Labels"] = {**(found.get("Labels") or {}), **labels}
    return {**found, "User": USER, "WorkingDir": WORKDIR, "Cmd": ["python"]}
