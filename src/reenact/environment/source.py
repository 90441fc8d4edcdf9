"""The state of a git work tree: its commit, and everything uncommitted as one patch.

The user's index, stash and object store are never written: git works on a copy of the index, and puts what it must
write into a temporary folder that has the real objects as its alternate.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

from .packages import strip_credentials

LARGEST_UNTRACKED = 10 << 20
"""Bytes of one untracked file above which it is named, not put into the patch."""

LARGEST_BINARY = 256 << 10
"""The same of one that is no text, such as a picture or a model that an earlier run made: the files that a program reads are recorded
themselves."""

ALL_UNTRACKED = 64 << 20
"""Bytes of all untracked files together that the patch takes in, small ones first."""

_TIMEOUT_S = 120
_SECRET_FILES_TEXT = """
    .env .env.* *.pem *.p12 *.pfx id_rsa id_dsa id_ecdsa id_ed25519 .netrc .pypirc .npmrc .htpasswd
    credentials.json service-account*.json kubeconfig .git-credentials
"""
_SECRET_FILES = _SECRET_FILES_TEXT.split()
_SECRET_NOT = (".env.example", ".env.sample", ".env.template", ".env.dist")
# Settings of the user that would change a patch or start something.
_SETTINGS_TEXT = """
    core.fsmonitor=false core.splitIndex=false core.safecrlf=false core.quotePath=true diff.noprefix=false
    diff.mnemonicPrefix=false diff.suppressBlankEmpty=false diff.algorithm=default diff.relative=false
    diff.interHunkContext=0 advice.addEmbeddedRepo=false
"""
_SETTINGS = _SETTINGS_TEXT.split()
_DIFF_TEXT = """
    diff --cached --binary --full-index --no-color --no-ext-diff --no-textconv --no-renames --unified=3 -O/dev/null
    --src-prefix=a/ --dst-prefix=b/ --submodule=short --ignore-submodules=dirty
"""
_DIFF = _DIFF_TEXT.split()


class _GitFailed(Exception):
    """A git command failed; the text is its message."""


def git_state(root: str, *, store: str | None = None, largest: int = LARGEST_UNTRACKED) -> dict[str, Any] | None:
    """Commit and uncommitted changes of the repository that `root` is in.

    Args:
        root: a folder.
        store: folder of the store when it is not called ``.reenact``; it is left out like that.
        largest: bytes above which an untracked file is left out of the patch.

    Returns:
        None where there is no work tree or no git. Else ``{commit, branch, remote, dirty, patch, untracked, left_out,
        submodules, problems, toplevel}``:

        - `commit` is None before the first commit, `branch` None on a detached head; `remote` has no credentials;
        - `patch` (bytes) turns the commit's tree into the work tree (``git apply --index``): staged, unstaged and
          untracked changes of the whole repository, .reenact and ignored files apart. Empty when clean;
        - `untracked`: paths of all untracked files, but those of virtual environments and of ``__pycache__``; `left_out`: ``{path, size, why}`` of those the patch lacks, why
          being ``large``, ``binary`` (and larger than `LARGEST_BINARY`), ``secret`` (a file such as ``.env``), ``unreadable``, ``repository`` or ``total``;
        - `submodules`: ``{path, commit, dirty, patch}`` of those that are checked out;
        - `problems`: sentences about what could not be found out: each is a gap.
    """
    root = os.path.abspath(root)
    if shutil.which("git") is None or not os.path.isdir(root):
        return None
    try:
        inside = _git(root, "rev-parse", "--is-inside-work-tree").strip()
    except _GitFailed as failure:
        # Git refuses repositories of other users: there is one, and saying "none" would not be true.
        return _unknown(str(failure)) if "dubious ownership" in str(failure) else None
    if inside != b"true":
        return None
    try:
        top = os.fsdecode(_git(root, "rev-parse", "--show-toplevel").rstrip(b"\n"))
        return _state(top, largest, _skipped(top, store))
    except (_GitFailed, OSError) as failure:
        return _unknown(str(failure))


def _unknown(problem: str) -> dict[str, Any]:
    nothing: dict[str, Any] = {"commit": None, "branch": None, "remote": None, "dirty": False, "patch": b""}
    nothing |= {"untracked": [], "left_out": [], "submodules": [], "toplevel": None}
    return nothing | {"problems": [f"git: {problem}"]}


def _skipped(top: str, store: str | None) -> list[str]:
    """Paths below `top`, in git's spelling, that hold records."""
    inside = os.path.relpath(os.path.realpath(store), os.path.realpath(top)) if store else ""
    return [inside] if inside and inside != "." and not inside.startswith("..") else []


def _state(top: str, largest: int, skipped: list[str]) -> dict[str, Any]:
    commit = _ask(top, "rev-parse", "--verify", "-q", "HEAD^{commit}")
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="reenact-git-") as scratch:
        env = _scratch_env(top, scratch)
        base = commit or _git(top, "hash-object", "-t", "tree", "--stdin", env=env, stdin=b"").decode().strip()
        pathspec = ["--", ".", ":(exclude,glob)**/.reenact/**", *(f":(exclude,literal){path}" for path in skipped)]
        # An exclude pattern, unlike a pathspec, keeps git from walking through the store.
        listing = ["ls-files", "--others", "--exclude-standard", "--exclude=.reenact", "-z", *pathspec]
        untracked = _sources(path for path in _git(top, *listing, env=env).split(b"\0") if path)
        chosen, left_out = _choose(top, untracked, largest)
        try:
            _git(top, "add", "-u", "--ignore-errors", *pathspec, env=env)
        except _GitFailed as failure:
            problems.append(f"git: the patch may lack changes of tracked files: {failure}")
        if chosen:
            # --remove: a file that has vanished since it was listed is no error.
            _git(top, "update-index", "--add", "--remove", "-z", "--stdin", env=env, stdin=b"\0".join(chosen) + b"\0")
        patch = _git(top, *_DIFF, base, *pathspec, env=env)
        submodules = _submodules(top, env, largest, problems)
    problems += [
        f"untracked {entry['path']} is not in the patch ({entry['why']})"
        for entry in left_out
        if entry["why"] != "binary"
    ]
    return {
        "commit": commit,
        "branch": _ask(top, "symbolic-ref", "-q", "--short", "HEAD"),
        "remote": _remote(top),
        "dirty": bool(patch or left_out or any(module["dirty"] for module in submodules)),
        "patch": patch,
        "untracked": [_shown(path) for path in untracked],
        "left_out": left_out,
        "submodules": submodules,
        "problems": problems,
        "toplevel": top,
    }


def _scratch_env(top: str, scratch: str) -> dict[str, str]:
    """The environment in which git works on a copy of the index and writes objects into `scratch`."""
    paths = os.fsdecode(_git(top, "rev-parse", "--git-path", "index", "--git-path", "objects")).splitlines()
    index, objects = (os.path.join(top, path) for path in paths)
    copy = os.path.join(scratch, "index")
    if os.path.exists(index):
        # With its times: git takes a file as new as its index for possibly changed, and looks again.
        shutil.copy2(index, copy)
    os.mkdir(os.path.join(scratch, "objects"))
    quoted = '"' + objects.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return {
        "GIT_INDEX_FILE": copy,
        "GIT_OBJECT_DIRECTORY": os.path.join(scratch, "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": quoted,
    }


def _sources(untracked: Iterable[bytes]) -> list[bytes]:
    """Without virtual environments and what Python compiled, which most projects ignore: an environment is recorded by its packages."""
    found = sorted(untracked)
    environments = tuple(path[: -len(b"pyvenv.cfg")] for path in found if path.endswith(b"/pyvenv.cfg"))
    return [path for path in found if not path.startswith(environments) and b"__pycache__" not in path.split(b"/")]


def _is_binary(path: bytes) -> bool:
    """As git tells it: by a zero at the beginning."""
    try:
        with open(path, "rb") as file:
            return b"\0" in file.read(8000)
    except OSError:
        return False


def _choose(top: str, untracked: list[bytes], largest: int) -> tuple[list[bytes], list[dict[str, Any]]]:
    """Which untracked files go into the patch, and which do not and why."""
    sized, left_out = [], []
    for path in untracked:
        full = os.path.join(os.fsencode(top), path)
        name = os.path.basename(os.fsdecode(path))
        try:
            status = os.lstat(full)
        except OSError:
            continue
        why = None
        if path.endswith(b"/"):
            why = "repository"
        elif any(fnmatch.fnmatchcase(name, pattern) for pattern in _SECRET_FILES) and name not in _SECRET_NOT:
            why = "secret"
        elif stat.S_ISREG(status.st_mode) and not os.access(full, os.R_OK):
            why = "unreadable"
        elif status.st_size > largest:
            why = "large"
        elif status.st_size > LARGEST_BINARY and stat.S_ISREG(status.st_mode) and _is_binary(full):
            why = "binary"
        if why is None:
            sized.append((status.st_size, path))
        else:
            left_out.append({"path": _shown(path), "size": status.st_size, "why": why})
    chosen, total = [], 0
    for size, path in sorted(sized):
        total += size
        if total <= ALL_UNTRACKED:
            chosen.append(path)
        else:
            left_out.append({"path": _shown(path), "size": size, "why": "total"})
    return chosen, sorted(left_out, key=lambda entry: entry["path"])


def _submodules(top: str, env: Mapping[str, str], largest: int, problems: list[str]) -> list[dict[str, Any]]:
    found = []
    for line in _git(top, "ls-files", "--stage", "-z", env=env).split(b"\0"):
        if not line.startswith(b"160000 "):
            continue
        path = os.fsdecode(line.split(b"\t", 1)[1])
        if not os.path.exists(os.path.join(top, path, ".git")):
            continue
        inner = git_state(os.path.join(top, path), largest=largest)
        if inner is None:
            problems.append(f"submodule {path} cannot be read")
            continue
        problems += [f"submodule {path}: {problem}" for problem in inner["problems"]]
        shown = _shown(os.fsencode(path))
        found.append({"path": shown} | {key: inner[key] for key in ("commit", "dirty", "patch")})
        found += [{**deeper, "path": f"{shown}/{deeper['path']}"} for deeper in inner["submodules"]]
    return found


def _remote(top: str) -> str | None:
    """URL of ``origin``, else of the first remote."""
    lines = (_ask(top, "config", "--get-regexp", r"^remote\..*\.url$") or "").splitlines()
    urls = {key: url for key, _, url in (line.partition(" ") for line in lines)}
    url = urls.get("remote.origin.url") or next(iter(urls.values()), None)
    return strip_credentials(url) if url else None


def _shown(path: bytes) -> str:
    """A path as text that any encoder takes."""
    return path.decode("utf-8", "backslashreplace")


def _ask(top: str, *arguments: str) -> str | None:
    """What git answers, or None where it says no."""
    try:
        return _git(top, *arguments).decode("utf-8", "backslashreplace").strip() or None
    except _GitFailed:
        return None


def _git(top: str, *arguments: str, env: Mapping[str, str] | None = None, stdin: bytes | None = None) -> bytes:
    # GIT_DIR and the like are set inside hooks and would point git elsewhere.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or "CONFIG" in name}
    clean |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    clean |= {"GIT_PAGER": "cat", **(env or {})}
    command = ["git", *(word for setting in _SETTINGS for word in ("-c", setting)), *arguments]
    try:
        done = subprocess.run(
            command, cwd=top, env=clean, input=stdin or b"", capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _GitFailed(f"git {arguments[0]} took longer than {_TIMEOUT_S} s") from error
    if done.returncode != 0:
        message = done.stderr.decode("utf-8", "replace").strip()
        raise _GitFailed(message or f"git {arguments[0]} ended with {done.returncode}")
    return done.stdout
