"""What the baseline wrote outside the project, and the overlays that keep a replay's writes away from there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from reenact.replay.recorded import KERNEL_PLACES, Recorded, is_under
from reenact.replay.removal import OVERLAY_PREFIX
from reenact.replay.sandbox import Overlay, mount_points

OutsideKind = Literal["temp", "home", "device", "other"]

# Where an overlay would hide more than files: other file systems, sockets of the session, or everything.
NEVER_COVERED = ("/", "/dev", "/proc", "/sys", "/run", "/var/run")


@dataclass(frozen=True)
class OutsideWrite:
    """A path written outside the project. ``temp`` and ``device`` are harmless; ``home`` and ``other`` are not."""

    path: str
    kind: OutsideKind

    @property
    def harmless(self) -> bool:
        """Whether a replay may write there without being told to."""
        return self.kind in ("temp", "device")


def outside_writes(recorded: Recorded, environ: Mapping[str, str] | None = None) -> list[OutsideWrite]:
    """Every path that the baseline wrote outside its root, with its kind; sorted by path.

    Args:
        environ: the recorded environment (HOME and TMPDIR are looked at); this process's own when not given.
    """
    variables = os.environ if environ is None else environ
    homes = {variables.get("HOME") or "", os.path.expanduser("~")}
    temps = set(temp_folders(variables))
    found = []
    for path in sorted({os.path.normpath(path) for path in recorded.outside}):
        kind: OutsideKind = "other"
        longest = -1
        candidates: list[tuple[OutsideKind, Iterable[str]]] = [
            ("device", KERNEL_PLACES),
            ("temp", temps),
            ("home", homes),
        ]
        for name, folders in candidates:
            for folder in folders:
                # The innermost folder tells: a home under /tmp is a home, a TMPDIR in the home is temporary.
                if os.path.isabs(folder) and folder != "/" and is_under(path, folder) and len(folder) > longest:
                    kind, longest = name, len(folder)
        found.append(OutsideWrite(path, kind))
    return found


def temp_folders(environ: Mapping[str, str]) -> list[str]:
    """Folders for temporary files, absolute."""
    named = [environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    folders = [*named, tempfile.gettempdir(), "/tmp", "/var/tmp"]
    return [os.path.normpath(folder) for folder in folders if os.path.isabs(folder)]


def covering(paths: Sequence[str], avoid: Sequence[str] = ()) -> dict[str, str | None]:
    """For each path the existing folder to cover with an overlay, None where that is not safe.

    The folder is the nearest existing one above the path. Of nested folders only the outermost is used.
    """
    points = set(mount_points())
    found: dict[str, str | None] = {}
    for path in paths:
        folder = os.path.dirname(path)
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        folder = os.path.realpath(folder)
        refused = folder in NEVER_COVERED or folder in avoid or any(is_under(folder, k) for k in KERNEL_PLACES)
        # Memory file systems of the session (/run/user/1000) hold sockets, which an overlay cannot pass on.
        if refused or (folder in points and folder.startswith("/run/")):
            found[path] = None
        else:
            found[path] = folder
    for path, chosen in found.items():
        if chosen:
            found[path] = min((f for f in found.values() if f and is_under(chosen, f)), key=len)
    return found


def prepare_overlay(lower: str, candidates: Sequence[str]) -> Overlay | None:
    """Make the private folders of an overlay over ``lower``.

    Args:
        candidates: folders to make them in; the first that neither contains nor lies in ``lower`` is taken, because
            an overlay's layers must not overlap.

    Returns:
        The overlay, whose folder is to be removed later; None where there is no place for it.
    """
    for candidate in candidates:
        real = os.path.realpath(candidate)
        if is_under(real, lower) or is_under(lower, real + "/overlay"):
            continue
        try:
            private = tempfile.mkdtemp(prefix=OVERLAY_PREFIX, dir=real)
        except OSError:
            continue
        for name in ("upper", "work", "merged"):
            os.mkdir(os.path.join(private, name))
        os.symlink(lower, os.path.join(private, "lower"))
        upper = os.path.join(private, "upper")
        # The merged folder shows the upper folder's owner and mode.
        before = os.stat(lower)
        if os.geteuid() == 0:
            os.chown(upper, before.st_uid, before.st_gid)
        shutil.copystat(lower, upper)
        return Overlay(lower, private)
    return None


def upper_path(overlay: Overlay, path: str) -> str:
    """Where a write to ``path`` (real, under the overlay's folder) lands."""
    return os.path.join(overlay.folder, "upper", os.path.relpath(path, overlay.lower))


def hide(overlay: Overlay, path: str) -> bool:
    """Let ``path`` look absent in the overlay, as before the baseline wrote it; False where that is not possible."""
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    if not os.path.lexists(real):
        return True
    if not is_under(real, overlay.lower) or os.path.isdir(real):
        return False
    marker = upper_path(overlay, real)
    try:
        make_parents(overlay, real)
        if not os.path.lexists(marker):
            os.mknod(marker, 0o020000, os.makedev(0, 0))  # overlayfs reads a 0/0 character device as "not there"
    except OSError:
        return False
    return True


def give(overlay: Overlay, path: str, source: str) -> None:
    """Let ``path`` have the content of ``source`` in the overlay."""
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    make_parents(overlay, real)
    place = upper_path(overlay, real)
    if os.path.lexists(place):
        os.unlink(place)
    shutil.copyfile(source, place)
    if os.path.exists(real):
        shutil.copymode(real, place)


def make_parents(overlay: Overlay, path: str) -> None:
    """Make the folders above ``path`` in the overlay's private part, with the modes of those that they stand for."""
    here = os.path.join(overlay.folder, "upper")
    there = overlay.lower
    for part in os.path.relpath(os.path.dirname(path), overlay.lower).split("/"):
        if part == ".":
            continue
        here, there = os.path.join(here, part), os.path.join(there, part)
        if not os.path.isdir(here):
            os.mkdir(here)
            if os.path.isdir(there):
                shutil.copystat(there, here)
