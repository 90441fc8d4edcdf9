"""A lock out of what a project says of its packages: one source of truth, solved by uv, as PEP 751's pylock.toml."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EXIT_USAGE, ReenactError
from ..record.atomic import write_atomic
from .lock import freeze
from .uv import run_uv

LOCK = "pylock.toml"
SOURCES = ("uv.lock", "pyproject.toml", "requirements.in", "requirements.txt")
"""What a lock is made of: the first of them that is there."""

_HEADER = "# Made by `reenact lock` of {source}. Make it again rather than edit it.\n"


@dataclass(frozen=True)
class Locked:
    """A lock that was written.

    Attributes:
        path: where.
        source: what it was made of: a file's name, or ``the environment``.
        packages: how many are in it.
        changed: it is not what was there before.
    """

    path: Path
    source: str
    packages: int
    changed: bool


def find_source(root: Path) -> str | None:
    """The file of a project that its lock is to be made of; None where there is none."""
    for name in SOURCES:
        if (root / name).is_file() and (
            name != "pyproject.toml" or "[project]" in (root / name).read_text("utf-8", "replace")
        ):
            return name
    return None


def lock(
    root: Path,
    source: str | None,
    python: str,
    env: Mapping[str, str],
    distributions: Sequence[Mapping[str, Any]] | None = None,
    *,
    upgrade: bool = False,
) -> Locked:
    """Solve and write ``pylock.toml``, with a hash for every file.

    A ``uv.lock`` is exported word for word; versions that a pylock.toml has already are kept as far as they go.

    Args:
        root: the project; the lock is written here.
        source: a file below it, or None for the environment as it stands.
        python: interpreter that the lock is for.
        env: variables for uv, and pip's settings.
        distributions: what is installed, where ``source`` is None.
        upgrade: take the newest versions that fit.

    Raises:
        ReenactError: ``no-uv``; ``unsolvable`` (exit code 2), with what uv says; nothing is written then.
    """
    target = root / LOCK
    before = target.read_bytes() if target.exists() else None
    with tempfile.TemporaryDirectory(prefix="reenact-lock-") as folder:
        made = Path(folder) / LOCK
        if source == "uv.lock":
            words = ["export", "--quiet", "--frozen", "--format", LOCK, "--no-emit-project", "--output-file", str(made)]
            done = run_uv(words, env, cwd=str(root))
        else:
            given = root / source if source is not None else Path(folder) / "requirements.txt"
            words = ["pip", "compile", "--quiet", "--no-header", "--generate-hashes", "--python", python]
            words += ["--format", LOCK, "--output-file", str(made)]
            if source is None:
                given.write_text(_installed(distributions or []))
                words.append("--no-deps")
            elif before is not None and not upgrade:
                made.write_bytes(before)
            done = run_uv([*words, *(["--upgrade"] if upgrade else []), str(given)], env, cwd=str(root))
        if done.returncode != 0 or not made.exists():
            raise ReenactError(
                "unsolvable",
                f"there is no lock for {source or 'the environment'}:\n" + _indented(done.stderr),
                fix="change what it asks for; nothing was written",
                exit_code=EXIT_USAGE,
            )
        text = without_sizes(made.read_text("utf-8"))
    text = _HEADER.format(source=source or "the environment") + text
    if before is not None:
        text = with_tables(text, own_tables(before.decode("utf-8", "replace")))
    write_atomic(target, text.encode())
    return Locked(target, source or "the environment", text.count("[[packages]]"), text.encode() != before)


def without_sizes(lock: str) -> str:
    """A lock without the sizes of files: uv writes those that the index happened to tell, now these, now those."""
    return re.sub(r"\bsize = \d+, ", "", lock)


_TABLE = re.compile(r"^\[tool\.reenact\.image\]\n(?:(?!\[).*\n?)*", re.MULTILINE)


def own_tables(lock: str) -> str:
    """What a lock holds besides packages: ``[tool.reenact.image]``, the base image of the project."""
    found = _TABLE.search(lock)
    return found[0].rstrip("\n") + "\n" if found else ""


def with_tables(lock: str, tables: str) -> str:
    """A lock with these tables, as `own_tables` gives them, instead of those that it has."""
    bare = _TABLE.sub("", lock).rstrip("\n") + "\n"
    return f"{bare}\n{tables}" if tables else bare


def _installed(distributions: Sequence[Mapping[str, Any]]) -> str:
    """What is installed, as requirements; editable projects are not for a lock, as they are the project itself."""
    return freeze(dist for dist in distributions if not dist.get("editable"))


def _indented(text: str) -> str:
    return "\n".join("  " + line for line in text.strip().splitlines()[:30])
