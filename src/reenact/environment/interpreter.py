"""Which Python a command would run with, and what that Python is."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any

from .. import knobs
from ..errors import EXIT_MISSING, ReenactError

_FLAGS = "debug inspect interactive optimize dont_write_bytecode no_user_site no_site ignore_environment verbose "
_FLAGS += "bytes_warning quiet hash_randomization isolated dev_mode utf8_mode safe_path"

# Runs in the user's interpreter; printed behind a mark, because start-up files may print too.
_MARK = "reenact answers: "
_CODE = f"""
import json, platform, sys, sysconfig
print({_MARK!r} + json.dumps(dict(
    version=platform.python_version(), implementation=sys.implementation.name, executable=sys.executable,
    prefix=sys.prefix, base_prefix=sys.base_prefix, path=[p for p in sys.path if p],
    flags={{n: int(getattr(sys.flags, n)) for n in {_FLAGS!r}.split() if hasattr(sys.flags, n)}},
    abi=sysconfig.get_config_var("SOABI"), machine=platform.machine(),
    libc=" ".join(platform.libc_ver()).strip() or None, compiler=platform.python_compiler())))
"""
_CACHE_ENTRIES = 64
_DECIDES_PATH = ("PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "PYTHONSAFEPATH", "HOME")


def find_python(env: Mapping[str, str]) -> str:
    """The interpreter that the user's shell would find: REENACT_PYTHON, else ``python``, else ``python3`` on PATH.

    Args:
        env: the user's environment.

    Returns:
        Path as found on PATH; links are kept, because a virtual environment is told by them.

    Raises:
        ReenactError: there is none (exit code 4).
    """
    path = env.get("PATH", os.defpath)
    asked = env.get(knobs.PYTHON)
    if asked:
        found = shutil.which(os.path.expanduser(asked), path=path)
        if found is None:
            raise ReenactError(
                "no-python",
                f"{knobs.PYTHON} is {asked!r}, which is no program",
                valid="a path of a Python interpreter, or its name on PATH",
                fix=f"unset {knobs.PYTHON}, or correct it",
                exit_code=EXIT_MISSING,
            )
        return os.path.abspath(found)
    for name in ("python", "python3"):
        found = shutil.which(name, path=path)
        if found is not None:
            return os.path.abspath(found)
    raise ReenactError(
        "no-python",
        "there is no python on PATH",
        fix=f"activate an environment, or set {knobs.PYTHON} to an interpreter",
        exit_code=EXIT_MISSING,
    )


def probe_interpreter(python: str, env: Mapping[str, str], cache: str | None = None) -> dict[str, Any]:
    """What an interpreter says of itself.

    Args:
        python: path of the interpreter.
        env: the environment it will run in; decides ``sys.path``.
        cache: path of a JSON file in which answers are kept, or None. An answer counts as long as the interpreter,
            its ``pyvenv.cfg`` and the folders of its ``sys.path`` are unchanged. Scripts that choose an interpreter
            (pyenv's shims) are asked every time.

    Returns:
        ``{version, implementation, executable, prefix, base_prefix, path, flags, abi, machine, libc, compiler,
        site_packages}``; `path` is ``sys.path`` without the current folder, `site_packages` those of it where packages
        are installed.

    Raises:
        ReenactError: the program cannot be run or is no Python (exit code 4).
    """
    key = _cache_key(python, env) if cache else None
    entries = _read_cache(cache) if cache and key else {}
    entry = entries.get(key) if key else None
    if isinstance(entry, dict) and entry.get("folders") == _folder_times(entry.get("python", {}).get("path", [])):
        return entry["python"]
    answer = _ask(python, env)
    answer["site_packages"] = site_packages(answer["path"])
    if cache and key:
        entries.pop(key, None)
        kept = dict(list(entries.items())[-(_CACHE_ENTRIES - 1) :])
        kept[key] = {"python": answer, "folders": _folder_times(answer["path"])}
        _write_cache(cache, kept)
    return answer


def from_start_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """The same dict as `probe_interpreter` gives, out of the probe's ``start`` event, with nothing run.

    What the event does not tell (abi, compiler, libc) is None, unless its version string holds it.
    """
    version = str(event.get("version") or "")
    path = [folder for folder in event.get("path") or [] if folder]
    return {
        "version": version.split()[0] if version.split() else None,
        "implementation": event.get("implementation"),
        "executable": event.get("executable"),
        "prefix": event.get("prefix"),
        "base_prefix": event.get("base_prefix"),
        "path": path,
        "flags": {name: int(value) for name, value in (event.get("flags") or {}).items()},
        "abi": event.get("abi"),
        "machine": event.get("machine") or platform.machine(),
        "libc": event.get("libc"),
        "compiler": event.get("compiler") or (version.rsplit("[", 1)[1].rstrip("]") if "[" in version else None),
        "site_packages": site_packages(path),
    }


def site_packages(path: list[str]) -> list[str]:
    """Those folders of a ``sys.path`` that installers write to."""
    return [folder for folder in path if os.path.basename(folder) in ("site-packages", "dist-packages")]


def _ask(python: str, env: Mapping[str, str]) -> dict[str, Any]:
    quiet = {name: value for name, value in env.items() if name not in (knobs.PROBE, knobs.PROCESS)}
    quiet |= {"PYTHONIOENCODING": "utf-8"}
    try:
        done = subprocess.run(
            [python, "-c", _CODE], env=quiet, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
        )
        lines = [line for line in done.stdout.decode("utf-8", "replace").splitlines() if _MARK in line]
        return json.loads(lines[-1].split(_MARK, 1)[1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise ReenactError(
            "bad-python",
            f"{python} does not answer as a Python interpreter ({type(error).__name__})",
            valid="Python 3.9 or newer",
            fix=f"run it by hand (`{python} -c 'import sys, json'`), or set {knobs.PYTHON} to another",
            exit_code=EXIT_MISSING,
        ) from error


def _cache_key(python: str, env: Mapping[str, str]) -> str | None:
    """None when the answer must not be kept."""
    real = os.path.realpath(python)
    try:
        with open(real, "rb") as file:
            if file.read(2) == b"#!":
                return None
        stat = os.stat(real)
    except OSError:
        return None
    parts: list[Any] = [os.path.abspath(python), real, stat.st_mtime_ns, stat.st_size]
    parts.append(_mtime(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(python))), "pyvenv.cfg")))
    parts.append([env.get(name) for name in _DECIDES_PATH])
    parts.append([env.get(name) for name in sorted(env) if name.startswith("PYTHON")])
    parts.append(hashlib.sha256(_CODE.encode()).hexdigest())
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _mtime(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def _folder_times(path: list[str]) -> list[list[Any]]:
    return [[folder, _mtime(folder)] for folder in path]


def _read_cache(cache: str) -> dict[str, Any]:
    try:
        with open(cache, encoding="utf-8") as file:
            entries = json.load(file)
        return entries if isinstance(entries, dict) else {}
    except (OSError, ValueError):
        return {}


def _write_cache(cache: str, entries: dict[str, Any]) -> None:
    """Write aside and rename; a cache that cannot be written is no failure."""
    try:
        os.makedirs(os.path.dirname(os.path.abspath(cache)), exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(cache)), prefix=".interpreters-")
    except OSError:
        return
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(entries, file)
        os.replace(aside, cache)
    except (OSError, ValueError):
        try:
            os.unlink(aside)
        except OSError:
            pass
