"""An environment made again from its record: the same interpreter, the same distributions, compared by fingerprint."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

from ..errors import EXIT_MISSING, ReenactError
from ..record.atomic import exclusive, write_atomic
from .packages import distributions, file_path
from .uv import run_uv

DONE = ".reenact-done"
"""Written last into an environment that is whole."""


@dataclass(frozen=True)
class Package:
    """A distribution that is not as recorded.

    Attributes:
        name, version: as recorded.
        why: what is wrong with it, in words.
    """

    name: str
    version: str
    why: str


@dataclass(frozen=True)
class Recreated:
    """An environment that was made from a record.

    Attributes:
        python: its interpreter.
        folder: where it lies.
        fresh: it was made now, not found.
        equal: how many distributions are as recorded, by fingerprint.
        unknown: how many the record has no fingerprint of; their versions are equal.
        wrong: those that could not be had, or are another build.
    """

    python: str
    folder: Path
    fresh: bool
    equal: int
    unknown: int
    wrong: list[Package]


def same_distributions(recorded: Sequence[Mapping[str, Any]], current: Sequence[Mapping[str, Any]]) -> list[Package]:
    """The recorded distributions that another environment lacks, or has otherwise. What it has besides does not count."""
    there = {dist["name"]: dist for dist in current}
    wrong = []
    for dist in recorded:
        other = there.get(dist["name"])
        if other is not None and dist.get("editable") and other.get("editable"):
            continue  # its source is recorded as code, whatever version it calls itself
        if other is None:
            wrong.append(Package(dist["name"], dist["version"], "it is not there"))
        elif other["version"] != dist["version"]:
            wrong.append(Package(dist["name"], dist["version"], f"{other['version']} is there"))
        elif _differs(dist, other):
            wrong.append(
                Package(dist["name"], dist["version"], f"another build of it is there ({other.get('tag') or 'no tag'})")
            )
    return wrong


def _differs(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return bool(a.get("fingerprint") and b.get("fingerprint") and a["fingerprint"] != b["fingerprint"])


def recreate(environment: Mapping[str, Any], cache: Path, env: Mapping[str, str]) -> Recreated:
    """Make, or find in the cache, the environment of a run.

    Args:
        environment: the manifest's, as plain data.
        cache: folder of such environments; each lies there under a digest of what is in it.
        env: variables for uv, and pip's settings.

    Raises:
        ReenactError: ``no-uv``; ``no-python`` where there is no such interpreter (exit code 4); ``no-environment`` where the
            record does not tell it (exit code 3).
    """
    dists: list[dict[str, Any]] = environment.get("distributions") or []
    about = environment.get("python") or {}
    if not about.get("version") or not dists:
        raise ReenactError("no-environment", "the record does not tell the environment", exit_code=3)
    folder = cache / _digest(about, dists)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    cache.mkdir(parents=True, exist_ok=True)
    with exclusive(cache / f"{folder.name}.lock"):
        fresh = not (folder / DONE).exists()
        failed: dict[str, str] = {}
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, about, env)
            failed = _install(python, dists, env)
        current = distributions([str(path) for path in sorted(folder.glob("lib*/python*/site-packages"))])
        wrong = [
            Package(one.name, one.version, failed.get(one.name, one.why)) for one in same_distributions(dists, current)
        ]
        if fresh and not wrong:
            write_atomic(folder / DONE, json.dumps({"distributions": len(dists)}).encode())
    bad = {one.name for one in wrong}
    right = [dist for dist in dists if dist["name"] not in bad]
    unknown = sum(not dist.get("fingerprint") or bool(dist.get("editable")) for dist in right)
    return Recreated(str(python), folder, fresh, len(right) - unknown, unknown, wrong)


def _digest(about: Mapping[str, Any], dists: Sequence[Mapping[str, Any]]) -> str:
    rows = sorted([d["name"], d["version"], d.get("fingerprint") or "", d.get("url") or ""] for d in dists)
    text = json.dumps([about.get("implementation"), about["version"], about.get("abi"), about.get("machine"), rows])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _make(folder: Path, about: Mapping[str, Any], env: Mapping[str, str]) -> None:
    base = os.path.join(str(about.get("base_prefix")), "bin", "python" + ".".join(about["version"].split(".")[:2]))
    # The very interpreter where it is still there, else one of that version that uv finds.
    for wanted in (base, about["version"]):
        if wanted == base and not os.access(base, os.X_OK):
            continue
        done = run_uv(["venv", "--quiet", "--no-project", "--python", wanted, str(folder)], env)
        if done.returncode == 0 and _version(folder) == about["version"]:
            return
        shutil.rmtree(folder, ignore_errors=True)
    raise ReenactError(
        "no-python",
        f"there is no Python {about['version']} here: {done.stderr.strip() or 'the one found is another version'}",
        fix=f"install it (uv python install {about['version']}), or use the environment as it is: --in-place-env",
        exit_code=EXIT_MISSING,
    )


def _version(folder: Path) -> str | None:
    try:
        lines = (folder / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return None
    pairs = dict(line.split(" = ", 1) for line in lines if " = " in line)
    return pairs.get("version_info") or pairs.get("version")


def _install(python: Path, dists: Sequence[Mapping[str, Any]], env: Mapping[str, str]) -> dict[str, str]:
    """Install every distribution without asking what it depends on; those that cannot be had, with the reason."""
    wanted = {dist["name"]: requirement(dist) for dist in dists}
    failed = {name: "its source is not where it was" for name, words in wanted.items() if words is None}
    found = {name: words for name, words in wanted.items() if words is not None}
    install = ["pip", "install", "--quiet", "--no-deps", "--python", str(python)]
    if run_uv([*install, *(word for words in found.values() for word in words)], env).returncode == 0:
        return failed
    for name, words in found.items():
        done = run_uv([*install, *words], env)
        if done.returncode != 0:
            failed[name] = _reason(done.stderr)
    return failed


def requirement(dist: Mapping[str, Any]) -> list[str] | None:
    """A distribution as words for an installer; None for one from a folder that is gone."""
    name, url, vcs = dist["name"], dist.get("url"), dist.get("vcs")
    if not url:
        return [f"{name}=={dist['version']}"]
    bare, fragment = urldefrag(url)
    path = file_path(bare)
    if vcs and vcs.get("commit"):
        return [f"{name} @ {vcs['type']}+{bare}@{vcs['commit']}" + (f"#{fragment}" if fragment else "")]
    if path is not None and not os.path.exists(path):
        return None
    return ["--editable", str(path)] if dist.get("editable") and path else [f"{name} @ {url}"]


def _reason(text: str) -> str:
    lines = [line.strip(" ×╰─▶│├") for line in text.splitlines() if line.strip()]
    because = next((line for line in lines if line.startswith("Because ")), None)
    return because or (lines[-1] if lines else "it could not be installed")
