"""An environment as text: a PEP 751 ``pylock.toml``, and pip's freeze format. No index is asked and none is named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, urldefrag

from .packages import file_path

_HEADER = """\
# The environment as it stood, read from what was installed. Where a package came from an index, its files cannot be
# known without asking one: such an entry has no sdist or wheels, and [packages.tool.reenact] says which wheel it was.
"""
_ARCHIVE = re.compile(r"\.(whl|zip|tar|tar\.\w+|tgz|tbz2|txz)$", re.IGNORECASE)


def pylock(distributions: Iterable[Mapping[str, Any]], python_version: str) -> str:
    """A ``pylock.toml`` (PEP 751, lock-version 1.0) of these distributions, sorted by name.

    Args:
        distributions: as `packages.distributions` gives them.
        python_version: of the interpreter (``3.11.7``); the lock holds for its minor version.

    Returns:
        TOML text. Git installs, folders and archives with a known hash have their source. The rest carries in
        ``[packages.tool.reenact]`` the fingerprint, the wheel's tags and its file name.
    """
    minor = ".".join(python_version.split(".")[:2])
    blocks = [f'{_HEADER}lock-version = "1.0"\nrequires-python = "=={minor}.*"\ncreated-by = "reenact"\n']
    ordered = sorted(distributions, key=lambda dist: dist["name"])
    if not ordered:
        blocks.append("packages = []\n")
    for dist in ordered:
        lines = ["[[packages]]", f"name = {_toml(dist['name'])}", f"version = {_toml(dist['version'])}"]
        source, known = _source(dist)
        lines += source
        tool = {"fingerprint": dist.get("fingerprint"), "tag": dist.get("tag"), "wheel": None, "url": None}
        if not known:
            tool["url"] = dist.get("url")
            tool["wheel"] = None if dist.get("url") else _wheel_name(dist)
        rows = [f"{key} = {_toml(value)}" for key, value in tool.items() if value]
        if rows:
            lines += ["[packages.tool.reenact]", *rows]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def freeze(distributions: Iterable[Mapping[str, Any]]) -> str:
    """The distributions as ``pip freeze`` writes them, one a line, sorted by name."""
    lines = []
    for dist in sorted(distributions, key=lambda dist: dist["name"]):
        name, url, vcs = dist["name"], dist.get("url"), dist.get("vcs")
        bare, fragment = urldefrag(url or "")
        fragment = f"#{fragment}" if fragment else ""
        if dist.get("editable") and url and not vcs:
            lines.append(f"# editable: {name}=={dist['version']}\n-e {file_path(bare) or bare}")
        elif vcs and vcs.get("commit"):
            lines.append(f"{name} @ {vcs['type']}+{bare}@{vcs['commit']}{fragment}")
        elif url:
            lines.append(f"{name} @ {bare}{fragment}")
        else:
            lines.append(f"{name}=={dist['version']}")
    return "".join(line + "\n" for line in lines)


def _source(dist: Mapping[str, Any]) -> tuple[list[str], bool]:
    """The table that says where a package came from, and whether there is one."""
    url, vcs = dist.get("url"), dist.get("vcs")
    if not url:
        return [], False
    bare, fragment = urldefrag(url)
    extra = {key: values[0] for key, values in parse_qs(fragment).items()}
    path = file_path(bare)
    where = f"path = {_toml(path)}" if path else f"url = {_toml(bare)}"
    below = [f"subdirectory = {_toml(extra['subdirectory'])}"] if "subdirectory" in extra else []
    if vcs:
        if not vcs.get("commit"):
            return [], False
        table = ["[packages.vcs]", f"type = {_toml(vcs['type'])}", where, f"commit-id = {_toml(vcs['commit'])}"]
        return table + below, True
    if path and not _ARCHIVE.search(path):
        editable = "true" if dist.get("editable") else "false"
        return ["[packages.directory]", where, f"editable = {editable}", *below], True
    if "sha256" not in extra:
        return [], False
    hashes = f"hashes = {{sha256 = {_toml(extra['sha256'])}}}"
    return ["[packages.archive]", where, hashes, *below], True


def _wheel_name(dist: Mapping[str, Any]) -> str | None:
    """File name of the wheel, as its tags give it; a build number is not among what installers keep."""
    tags = [tag.split("-") for tag in (dist.get("tag") or "").split(",")]
    if not all(len(tag) == 3 for tag in tags):
        return None
    joined = "-".join(".".join(sorted({tag[part] for tag in tags})) for part in range(3))
    return f"{dist['name'].replace('-', '_')}-{dist['version'].replace('-', '_')}-{joined}.whl"


def _toml(value: object) -> str:
    """A TOML basic string."""
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\u{ord(match[0]):04x}", text) + '"'
