"""A base image made of this machine's own Python: where no registry can be reached, or the very same interpreter is wanted."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...engine.cli import Engine
from ...engine.image import Image, find_image, need_image
from ...errors import EXIT_MISSING, ReenactError
from .layers import Entry, Layer, tree, write_archive, write_layer

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x"}
_NOT = "site-packages dist-packages __pycache__ test tests idlelib turtledemo EXTERNALLY-MANAGED sitecustomize.py libpython.a"
_SKIP = frozenset(_NOT.split())
_SKIP_MODULES = re.compile(r"_tkinter|_test|_ctypes_test|_xx|xxlimited|xxsubtype")
_WORDS = """
    [ basename bash cat chmod chown cp cut date dd df dirname du echo env expr false find grep gzip head hostname id ln ls
    mkdir mktemp mv nproc nohup printenv printf pwd readlink realpath rm rmdir sed seq sleep sort stat stty tail tar tee
    test timeout touch tr true uname uniq wc which whoami xargs"""
_TOOLS = tuple(_WORDS.split())
_WANTED = """
    libstdc++.so.6 libgcc_s.so.1 libgomp.so.1 libnss_files.so.2 libnss_dns.so.2 libresolv.so.2 libm.so.6 libdl.so.2 librt.so.1
    libpthread.so.0 libutil.so.1 libz.so.1 libexpat.so.1"""
_LIBRARIES = tuple(_WANTED.split())
"""What wheels may expect of every Linux (PEP 600), as far as a machine without a screen has it."""

_CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_CERTIFICATES_AT = "etc/ssl/certs/ca-certificates.crt"
_LOOK = """
import json, platform, sys, sysconfig
print(json.dumps(dict(stdlib=sysconfig.get_path("stdlib"), platlibdir=getattr(sys, "platlibdir", "lib"),
    minor="%d.%d" % sys.version_info[:2], version=platform.python_version())))
"""


def host_base(engine: Engine, python: Mapping[str, Any]) -> Image:
    """The base image of a Python of this machine: found by what it is made of, else made (about 100 MB).

    Interpreter and standard library lie below /usr/local; with them come the libraries that they need, a shell, a few
    tools, certificates and time zones. Made twice on one machine it has the same id.

    Args:
        python: as `interpreter.probe_interpreter` tells.

    Raises:
        ReenactError: ``no-host-base`` where this machine is not Linux with glibc, or the Python is incomplete.
    """
    if sys.platform != "linux" or not shutil.which("ldd"):
        raise ReenactError(
            "no-host-base",
            "an image of this machine's own Python can only be made on Linux with glibc",
            fix="name a base image: reenact image build --base python:3.12-slim",
            exit_code=EXIT_MISSING,
        )
    program = base_interpreter(python)
    about = _look(program)
    # What it is made of, and how: a later reenact may put in more.
    sources = [program, about["stdlib"], *_libraries([program]), *_extra()]
    how = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    key = hashlib.sha256(json.dumps([how, *(_key(path) for path in sources)]).encode()).hexdigest()[:12]
    tag = f"reenact-base:{about['version']}-{key}"
    found = find_image(engine, tag)
    if found is not None:
        return found
    with tempfile.TemporaryDirectory(prefix="reenact-base-") as folder:
        layer = write_layer(Path(folder, "layer.tar"), _entries(program, about))
        load(engine, [layer], _config(about), [tag])
    return need_image(engine, tag)


def load(engine: Engine, layers: list[Layer], config: Mapping[str, Any], tags: list[str], machine: str = "") -> str:
    """Hand an image to the engine, with nothing written on the way; its id."""
    architecture = ARCHITECTURES.get(machine or platform.machine(), machine or platform.machine())
    made: list[str] = []
    engine.feed("load", write=lambda out: made.append(write_archive(out, layers, config, architecture, tags)))
    return made[0]


def base_interpreter(python: Mapping[str, Any]) -> str:
    """The program behind a virtual environment's links."""
    minor = ".".join(str(python["version"]).split(".")[:2])
    path = os.path.join(str(python["base_prefix"]), "bin", f"python{minor}")
    return os.path.realpath(path if os.path.exists(path) else str(python["executable"]))


def _look(program: str) -> dict[str, Any]:
    done = subprocess.run([program, "-I", "-c", _LOOK], capture_output=True, text=True, check=False)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise _incomplete(program, done.stderr.strip() or "it does not start") from None
    if not os.path.isfile(os.path.join(found["stdlib"], "os.py")):
        raise _incomplete(program, "its standard library is not a folder of files")
    return found


def _incomplete(program: str, why: str) -> ReenactError:
    return ReenactError("no-host-base", f"no base image can be made of {program}: {why}", exit_code=EXIT_MISSING)


def _key(path: str) -> list[Any]:
    found = os.stat(path)
    return [path, found.st_size, found.st_mtime_ns]


def _entries(program: str, about: Mapping[str, Any]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {path: Entry() for path in ("dev", "proc", "sys", "run", "home", "mnt", "opt", "srv")}
    entries |= {name: Entry(link=f"usr/{name}") for name in ("bin", "sbin", "lib", "lib64")}
    entries |= {f"usr/{name}": Entry() for name in ("bin", "sbin", "lib", "lib64")}
    entries |= {"tmp": Entry(mode=0o1777), "var/tmp": Entry(mode=0o1777), "root": Entry(mode=0o700)}
    entries |= _python(program, about)
    tools = {name: path for name in ("sh", *_TOOLS) if (path := shutil.which(name, path="/usr/bin:/bin"))}
    entries |= {f"usr/bin/{name}": Entry(Path(os.path.realpath(path))) for name, path in tools.items()}
    modules = [str(e.data) for path, e in entries.items() if isinstance(e.data, Path) and path.endswith(".so")]
    binaries = [program, *modules, *(os.path.realpath(path) for path in tools.values()), *_extra()]
    needed = _libraries(binaries)
    libc = next((path for path in needed if os.path.basename(path).startswith("libc.so")), None)
    if libc is None:
        raise _incomplete(program, "ldd names no libc for it")
    # One folder for all of them: the loader looks in that of libc, whatever paths are written into the interpreter.
    folder = _merged(os.path.dirname(os.path.realpath(libc)))
    for path in (*needed, *_extra()):
        name = os.path.basename(path)
        there = _merged(path) if name.startswith("ld-linux") else f"{folder}/{name}"
        entries[there] = Entry(Path(os.path.realpath(path)))
    return entries | _settings()


def _python(program: str, about: Mapping[str, Any]) -> dict[str, Entry]:
    minor = about["minor"]
    library = f"usr/local/{about['platlibdir']}/python{minor}"
    found = {
        path: entry
        for path, entry in tree(Path(about["stdlib"]), library, _SKIP).items()
        if not re.search(r"/config-[^/]*(/|$)", path) and not _SKIP_MODULES.match(os.path.basename(path))
    }
    found[f"{library}/site-packages"] = Entry()
    found[f"usr/local/bin/python{minor}"] = Entry(Path(program))
    found["usr/local/bin/python3"] = found["usr/local/bin/python"] = Entry(link=f"python{minor}")
    return found


def _settings() -> dict[str, Entry]:
    texts = {
        "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
        "etc/group": "root:x:0:\nnogroup:x:65534:\n",
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "etc/hosts": "",
        "etc/resolv.conf": "",
    }
    found = {path: Entry(text.encode(), mode=0o644) for path, text in texts.items()}
    certificates = next((path for path in _CERTIFICATES if os.path.isfile(path)), None)
    if certificates is not None:
        found[_CERTIFICATES_AT] = Entry(Path(os.path.realpath(certificates)), mode=0o644)
    if os.path.isfile("/etc/os-release"):
        found["etc/os-release"] = Entry(Path("/etc/os-release").read_bytes(), mode=0o644)
    if os.path.isdir("/usr/share/zoneinfo"):
        found |= tree(Path("/usr/share/zoneinfo"), "usr/share/zoneinfo", ("right", "posix"))
    for locale in ("C.utf8", "C.UTF-8"):
        if os.path.isdir(f"/usr/lib/locale/{locale}"):
            found |= tree(Path(f"/usr/lib/locale/{locale}"), f"usr/lib/locale/{locale}")
    return found


def _config(about: Mapping[str, Any]) -> dict[str, Any]:
    path = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {
        "Env": [f"PATH={path}", "LANG=C.UTF-8", f"SSL_CERT_FILE=/{_CERTIFICATES_AT}"],
        "Cmd": ["python3"],
        "Labels": {"dev.reenact.base": "host", "dev.reenact.python": about["version"]},
    }


def _merged(path: str) -> str:
    """Where a path lies in the image, in which /bin and /lib are links into /usr."""
    bare = path.lstrip("/")
    return bare if bare.startswith("usr/") else f"usr/{bare}"


def _extra() -> list[str]:
    """Libraries that no program names but wheels expect of every system."""
    cache = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    rows = re.findall(r"^\s*(\S+) \(libc6,(?:x86-64|AArch64|64bit)[^)]*\) => (\S+)$", cache, re.MULTILINE)
    listed = dict(reversed(rows))  # the first of a name is the one that the loader takes
    return [listed[name] for name in _LIBRARIES if name in listed]


def _libraries(binaries: Iterable[str]) -> list[str]:
    """What ldd lists for these programs and libraries: paths of libraries and of the loader."""
    done = subprocess.run(
        ["ldd", *sorted(set(binaries))], capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    found = re.findall(r"(?:=>\s+|^\s+)(/\S+) \(0x[0-9a-f]+\)$", done.stdout, re.MULTILINE)
    return sorted(set(found))
