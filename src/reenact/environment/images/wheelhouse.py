"""The wheels of a lock, fetched by pip with this machine's own settings, so that no build needs an index or its password."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import EXIT_MISSING, ReenactError
from ...record.atomic import tmp_name
from ..packages import normalise, record_fingerprint
from ..uv import find_uv
from .layers import MTIME
from .lockfile import File, Package
from .target import Target, wheel_tags

_HEAVY = re.compile(r"torch|triton|pytorch-triton.*|nvidia-.*|cuda-.*|jaxlib|tensorflow.*")


@dataclass(frozen=True)
class Wheel:
    """A wheel that is here.

    Attributes:
        name, version: of its distribution, the name normalised.
        path: where it lies; its file name is a wheel's.
        sha256: hex.
    """

    name: str
    version: str
    path: Path
    sha256: str

    @property
    def heavy(self) -> bool:
        """It belongs in the layer of large packages that seldom change: torch and what it brings."""
        return bool(_HEAVY.fullmatch(self.name))


def wheels_folder() -> Path:
    """Where wheels are kept, for all projects."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reenact" / "wheels"


class Wheelhouse:
    """Wheels for one target.

    Args:
        target: the Python that they are for.
        python: an interpreter of this machine to build source distributions with.
        env: variables for pip.
        say: gets a line for a person now and then.
        folder: the cache; `wheels_folder` when None.
    """

    def __init__(
        self,
        target: Target,
        python: str,
        env: Mapping[str, str],
        say: Callable[[str], None],
        folder: Path | None = None,
    ) -> None:
        self.target = target
        self.python = python
        self.env = {**env, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "SOURCE_DATE_EPOCH": str(MTIME)}
        self.say = say
        self.folder = folder or wheels_folder()
        self.ranks = {tag: rank for rank, tag in enumerate(target.tags())}

    def fetch(self, packages: Sequence[Package]) -> list[Wheel]:
        """A wheel for every package; what is kept already is not asked for again.

        Raises:
            ReenactError: ``no-wheel``, naming the package; ``no-pip``; ``no-space``.
        """
        found: dict[str, Wheel] = {}
        wanted: dict[str, tuple[Package, File]] = {}
        other: list[Package] = []
        for package in packages:
            if package.editable:
                self.say(f"{package.name} is code, not an installed package: it is not in the image")
                continue
            file = self._best(package)
            if file is None or file.sha256 is None:
                other.append(package)
            elif (kept := self._kept(file.sha256)) is not None:
                found[package.name] = self._wheel(kept, file.sha256)
            elif file.path is not None and file.path.exists():
                found[package.name] = self._take(file.path, file.sha256)
            else:
                wanted[package.name] = (package, file)
        if wanted:
            self.say(f"fetching {_count(len(wanted), 'wheel')}")
            for wheel in self._download(wanted):
                found[wheel.name] = wheel
        for package in other:
            found[package.name] = self._make(package)
        return [found[name] for name in sorted(found)]

    def uv(self) -> Wheel:
        """uv itself for the target: the program that is used here where it runs there too, else a wheel of that version."""
        program = find_uv(self.env)
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
        version = (re.search(r"\d+\.\d+\.\d+", told) or ["0"])[0]
        package = Package("uv", version, (), None, None, False, None, None)
        marker = self._marker(package)
        kept = self._marked(marker)
        if kept is not None:
            return kept
        if not self._runs_there(program):
            return self._mark(marker, self._download_named(package, None))
        with tempfile.TemporaryDirectory(prefix="reenact-uv-") as folder:
            path = Path(folder, f"uv-{version}-py3-none-linux_{self.target.machine}.whl")
            with zipfile.ZipFile(path, "w") as archive, open(program, "rb") as file:
                info = zipfile.ZipInfo(f"uv-{version}.data/scripts/uv", (1980, 1, 1, 0, 0, 0))
                archive.writestr(info, file.read(), zipfile.ZIP_DEFLATED, 1)
            return self._mark(marker, self._take(path, _sha256(path)))

    def _runs_there(self, program: str) -> bool:
        """Whether a program of this machine starts on the target too: by its format and the glibc that it wants."""
        with open(program, "rb") as file:
            data = file.read()
        if not data.startswith(b"\x7fELF") or os.uname().machine != self.target.machine:
            return False
        wanted = {(2, int(minor)) for minor in re.findall(rb"GLIBC_2\.(\d+)", data)}
        return not wanted or (self.target.glibc is not None and max(wanted) <= self.target.glibc)

    def _best(self, package: Package) -> File | None:
        """The wheel that an installer would choose: the one with the best tag."""
        ranked = []
        for file in package.wheels:
            ranks = [self.ranks[tag] for tag in wheel_tags(file.name) if tag in self.ranks]
            if ranks:
                ranked.append((min(ranks), file.name, file))
        return min(ranked)[2] if ranked else None

    def _kept(self, sha256: str) -> Path | None:
        """The file of that digest in the cache, checked."""
        folder = self.folder / "sha256" / sha256
        for path in sorted(folder.glob("*.whl")) if folder.is_dir() else ():
            if _sha256(path) == sha256:
                return path
            path.unlink(missing_ok=True)
        return None

    def _take(self, path: Path, sha256: str) -> Wheel:
        """Put a wheel into the cache.

        Raises:
            ReenactError: ``no-wheel``: it is another file than the lock says; ``no-space``.
        """
        actual = _sha256(path)
        if actual != sha256:
            raise _no_wheel(path.name, f"{path} has the sha256 {actual}, and the lock says {sha256}")
        folder = self.folder / "sha256" / sha256
        aside = folder / tmp_name("wheel")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, aside)
            os.replace(aside, folder / path.name)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise ReenactError("no-space", f"{path.name} cannot be kept in {folder}: {error.strerror}", exit_code=EXIT_MISSING) from error  # fmt: skip
        return self._wheel(folder / path.name, sha256)

    def _wheel(self, path: Path, sha256: str) -> Wheel:
        name, version = path.name.split("-")[:2]
        return Wheel(normalise(name), version, path, sha256)

    def _download(self, wanted: Mapping[str, tuple[Package, File]]) -> list[Wheel]:
        rows = [f"{name}=={package.version} --hash=sha256:{file.sha256}" for name, (package, file) in wanted.items()]
        with tempfile.TemporaryDirectory(prefix="reenact-wheels-") as folder:
            given = Path(folder, "requirements.txt")
            given.write_text("\n".join(rows) + "\n")
            words = ["download", "--quiet", "--no-deps", "--require-hashes", *self._platform(), "--dest", folder]
            done = self._pip([*words, "--requirement", str(given)])
            if done.returncode != 0:
                raise _no_wheel(_named(done.stderr, wanted), _reason(done.stderr))
            digests = {file.sha256 for _, file in wanted.values()}
            paths = {path: _sha256(path) for path in Path(folder).glob("*.whl")}
            return [self._take(path, digest) for path, digest in paths.items() if digest in digests]

    def _download_named(self, package: Package, name: str | None) -> Wheel:
        """A wheel whose hash is not known, by name and version, and by its file's name where that is known.

        Raises:
            ReenactError: ``no-wheel``.
        """
        with tempfile.TemporaryDirectory(prefix="reenact-wheels-") as folder:
            words = ["download", "--quiet", "--no-deps", *self._platform(), "--dest", folder]
            done = self._pip([*words, f"{package.name}=={package.version}"])
            paths = sorted(Path(folder).glob("*.whl"))
            if done.returncode != 0 or not paths:
                raise _no_wheel(f"{package.name} {package.version}", _reason(done.stderr))
            if package.fingerprint and fingerprint(paths[0]) != package.fingerprint:
                self.say(
                    f"{package.name} {package.version}: the index has another build than the lock was read from ({name})"
                )
            return self._take(paths[0], _sha256(paths[0]))

    def _make(self, package: Package) -> Wheel:
        """The wheel of a package for which the lock names none with a hash."""
        marker = self._marker(package)
        kept = self._marked(marker)
        if kept is not None:
            return kept
        if package.sdist is None and package.source is None:
            if package.wheels:
                names = ", ".join(file.name for file in package.wheels[:3])
                raise _no_wheel(
                    f"{package.name} {package.version}", f"the lock has no wheel of it for this base: {names}"
                )
            try:
                return self._mark(marker, self._download_named(package, package.wheel))
            except ReenactError:
                pass  # there may be a source distribution
        return self._mark(marker, self._build(package))

    def _build(self, package: Package) -> Wheel:
        what = f"{package.name} {package.version or ''}".strip()
        self.say(f"building a wheel of {what}")
        with tempfile.TemporaryDirectory(prefix="reenact-wheels-") as folder:
            words = ["--python", self.python, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder]
            sdist = package.sdist
            given = Path(folder, "requirements.txt")
            if sdist is not None and sdist.path is not None and sdist.path.exists():
                if sdist.sha256 is not None and _sha256(sdist.path) != sdist.sha256:
                    raise _no_wheel(what, f"{sdist.path} is another file than the lock says")
                words.append(str(sdist.path))
            elif package.source is not None:
                words.append(package.source)
            elif sdist is not None and sdist.sha256 is not None:
                given.write_text(f"{package.name}=={package.version} --hash=sha256:{sdist.sha256}\n")
                words += ["--no-binary", package.name, "--require-hashes", "--requirement", str(given)]
            else:
                words.append(f"{package.name}=={package.version}")
            done = self._pip(words)
            paths = sorted(Path(folder).glob("*.whl"))
            if done.returncode != 0 or not paths:
                raise _no_wheel(what, _reason(done.stderr))
            if not any(tag in self.ranks for tag in wheel_tags(paths[0].name)):
                why = f"what is built of it here is for another system than the base: {paths[0].name}"
                raise _no_wheel(what, why)
            return self._take(paths[0], _sha256(paths[0]))

    def _marker(self, package: Package) -> Path | None:
        """Where it is noted which wheel was made or found for a package that has no hash; None where it may change."""
        if package.source is not None and not re.search(r"@[0-9a-f]{40}|sha256=", package.source):
            return None
        origin = package.sdist.sha256 if package.sdist else package.source or package.fingerprint or package.wheel
        text = f"{package.name} {package.version} {origin} {self.target.minor} {self.target.platforms()[0]}"
        return self.folder / "made" / hashlib.sha256(text.encode()).hexdigest()[:32]

    def _marked(self, marker: Path | None) -> Wheel | None:
        if marker is None or not marker.is_file():
            return None
        digest = marker.read_text().strip()
        path = self._kept(digest)
        return self._wheel(path, digest) if path is not None else None

    def _mark(self, marker: Path | None, wheel: Wheel) -> Wheel:
        if marker is not None:
            marker.parent.mkdir(parents=True, exist_ok=True)
            aside = marker.with_name(tmp_name(marker.name))
            aside.write_text(wheel.sha256)
            os.replace(aside, marker)
        return wheel

    def _platform(self) -> list[str]:
        """pip's words for the target."""
        short = self.target.minor.replace(".", "")
        words = ["--only-binary=:all:", "--python-version", self.target.minor, "--implementation", "cp"]
        words += ["--abi", f"cp{short}{self.target.abiflags}", "--abi", "abi3", "--abi", "none"]
        return words + [word for platform in self.target.platforms() for word in ("--platform", platform)]

    def _pip(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        if importlib.util.find_spec("pip") is None:
            raise ReenactError(
                "no-pip",
                "pip is not installed beside reenact, which fetches wheels with your own settings",
                fix='pip install "reenact[env]"',
                exit_code=EXIT_MISSING,
            )
        return subprocess.run(
            [sys.executable, "-m", "pip", *words, "--no-input"],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )


def fingerprint(wheel: Path) -> str | None:
    """The fingerprint that a distribution will have once this wheel is installed (see `packages`)."""
    with zipfile.ZipFile(wheel) as archive:
        record = next((name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/RECORD", name)), None)
        return record_fingerprint(archive.read(record), record.partition("/")[0].encode()) if record else None


def _sha256(path: Path) -> str:
    state = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            state.update(chunk)
    return state.hexdigest()


def _no_wheel(what: str, why: str) -> ReenactError:
    return ReenactError(
        "no-wheel",
        f"there is no wheel of {what}: {why}",
        fix="check pip's index and network (`pip download` asks the same), or lock a version that can be had: reenact lock --upgrade",
        exit_code=EXIT_MISSING,
    )


def _named(said: str, wanted: Mapping[str, tuple[Package, File]]) -> str:
    """Which package pip complains of."""
    found = re.search(r"(?:distribution found for|satisfies the requirement) ([\w.-]+)==(\S+)", said)
    if found:
        return f"{found[1]} {found[2]}"
    names = [name for name in wanted if re.search(rf"\b{re.escape(name)}\b", said)]
    return ", ".join(f"{name} {wanted[name][0].version}" for name in names or list(wanted)[:3])


def _reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    text = (errors or lines or ["pip said nothing"])[0]
    return re.sub(r"^(?i:error):\s*", "", text)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
