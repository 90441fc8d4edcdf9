"""Decides the mounts of a replay: the workspace over the project, overlays over what was written outside."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reenact.errors import EXIT_NOT_REPLAYABLE, ReenactError
from reenact.replay.inputs import Located
from reenact.replay.outside import OutsideWrite, covering, give, hide, prepare_overlay, temp_folders
from reenact.replay.placement import MOUNTS_AT_MOST, Placement
from reenact.replay.recorded import Recorded, is_under
from reenact.replay.removal import note_elsewhere
from reenact.replay.sandbox import Kind, Mount, MountFailed, Overlay, Sandbox, mount_points

TRIES_AT_MOST = 16


class Unsuitable(Exception):
    """This way of isolating does not work here; the text says why."""


@dataclass
class Namespace:
    """The mounts of one replay, while they are decided.

    Args:
        seen: the project's root as the replayed process is to see it, absolute.
        root: the project's root now, absolute and real.
        tree: the workspace's tree; ``side`` where the read-only view of the original goes.
        private: folders that overlays may keep their parts in, the best first.
    """

    recorded: Recorded
    seen: str
    root: str
    tree: str
    side: str
    private: Sequence[str]
    inner: list[Mount] = field(default_factory=list)
    outer: list[Mount] = field(default_factory=list)
    overlays: list[Overlay] = field(default_factory=list)
    scratch: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    redirected: dict[str, str] = field(default_factory=dict)
    _needed: set[Overlay] = field(default_factory=set)
    _optional: list[Mount] = field(default_factory=list)
    _files_of: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.seen_real = real_where_existing(self.seen)

    def reach(self, placement: Placement, paths: Sequence[str], *, readonly: bool) -> None:
        """Keep paths (the run folder, the probe) at their names for the replayed process. Before the tree is filled."""
        for path in sorted((os.path.abspath(path) for path in paths), key=len):
            inside = self.inside(path)
            if inside is None:
                self.outer.append(Mount(path, os.path.realpath(path), readonly))
            elif inside and not any(is_under(inside, prefix) for prefix in placement.environments):
                placement.show(path, os.path.join(self.tree, inside), readonly=readonly)

    def inside(self, path: str) -> str | None:
        """``path`` relative to the seen root, by either of its names; None when outside."""
        for name, folder in ((path, self.seen), (os.path.realpath(path), self.seen_real)):
            if is_under(name, folder):
                return os.path.relpath(name, folder) if name != folder else ""
        return None

    def arrange(
        self,
        placement: Placement,
        located: Sequence[Located],
        writes: Sequence[OutsideWrite],
        environ: Mapping[str, str],
    ) -> None:
        """Decide all mounts. After the tree was filled."""
        if placement.uses_side:
            inside = self.inside(self.side)
            place = self.side if inside is None else os.path.join(self.tree, inside)
            os.makedirs(place, exist_ok=True)
            self.inner.append(Mount(self.root, place, True))
            if inside is None:
                self.outer.append(Mount(self.side, self.side, True))
        self.inner += placement.mounts
        self._cover(located, writes, environ)
        self._protect(located)
        if not os.path.isdir(self.seen_real):
            self._make_seen()
        if self.seen_real != self.root and not is_under(self.root, self.seen_real):
            self.outer.append(Mount(self.root, self.root, True))
        self.outer.append(Mount(self.tree, self.seen_real, False))
        self._keep_submounts()

    def sandbox(self, kind: Kind, cwd: str) -> Sandbox:
        """The plan, tried out; overlays and protections that this kernel refuses are taken out of it.

        Raises:
            Unsuitable: when the essential part does not work.
        """
        for _ in range(TRIES_AT_MOST):
            plan = Sandbox(kind, self.inner, self.overlays, self.outer, cwd)
            failed = plan.rehearse()
            if failed is None:
                return plan
            self._without(failed)
        raise Unsuitable("too many mounts were refused")

    def _without(self, failed: MountFailed) -> None:
        step = failed.step
        if isinstance(step, Overlay) and step not in self._needed:
            self.overlays.remove(step)
            self.notes.append(f"writes below {step.lower} cannot be redirected: {failed.strerror}")
            for path in self._files_of.pop(step.lower, []):
                self.redirected.pop(path, None)
                self.refused.append(path)
            self.outer = [m for m in self.outer if not (m in self._optional and is_under(m.dest, step.lower))]
        elif isinstance(step, Mount) and step in self._optional:
            self.inner = [mount for mount in self.inner if mount not in self._optional]
            self.outer = [mount for mount in self.outer if mount not in self._optional]
            self.notes.append(f"inputs outside the project are not protected against writing: {failed.strerror}")
            self._optional = []
        else:
            raise Unsuitable(str(failed))

    def overlay_of(self, path: str) -> Overlay | None:
        """The overlay that a path outside the project lies under, or None."""
        real = os.path.realpath(path)
        return next((overlay for overlay in self.overlays if is_under(real, overlay.lower)), None)

    def _cover(self, located: Sequence[Located], writes: Sequence[OutsideWrite], environ: Mapping[str, str]) -> None:
        temps = {os.path.realpath(folder) for folder in temp_folders(environ)}
        # A file directly in a temporary folder is left to itself; a folder there that still exists may be of use.
        wanted = [w for w in writes if not w.harmless or (w.kind == "temp" and self._worth(w.path, temps))]
        absent = [one for one in located if one.relative is None and not one.in_place and not os.path.isfile(one.place)]
        paths = [write.path for write in wanted] + [one.place for one in absent]
        harmless = {write.path for write in wanted if write.harmless}
        missing = {one.place for one in absent}
        for path, folder in covering(paths, avoid=tuple(temps)).items():
            if folder is not None and is_under(folder, self.seen_real):
                continue  # it leads back into the project, by a link
            overlay = self._overlay(folder) if folder is not None else None
            if overlay is not None:
                self.redirected[path] = overlay.lower
                self._files_of.setdefault(overlay.lower, []).append(path)
                if path in missing:
                    self._needed.add(overlay)
            elif path in missing:
                raise Unsuitable(f"{path} is missing, and its folder cannot be covered")
            elif path not in harmless:
                self.refused.append(path)
        inputs = {one.place for one in located}
        for path in self.redirected:
            under = self.overlay_of(path)
            if path not in inputs and under is not None and not hide(under, path):
                self.notes.append(f"{path} exists already for the replay, as the baseline or a later program left it")
        for one in located:
            if one.relative is None and not one.in_place and one.source is not None:
                under = self.overlay_of(one.place)
                if under is not None:
                    give(under, one.place, one.source)
                    self._needed.add(under)
                else:
                    self.inner.append(Mount(one.source, one.place, True))

    def _worth(self, path: str, temps: set[str]) -> bool:
        folder = os.path.dirname(path)
        return os.path.isdir(folder) and os.path.realpath(folder) not in temps

    def _overlay(self, folder: str) -> Overlay | None:
        for overlay in self.overlays:
            if overlay.lower == folder:
                return overlay
        prepared = prepare_overlay(folder, self.private)
        if prepared is None:
            return None
        self.overlays.append(prepared)
        self.scratch.append(prepared.folder)
        note_elsewhere(os.path.dirname(self.tree), self.scratch)
        return prepared

    def _protect(self, located: Sequence[Located]) -> None:
        """Make inputs outside the project read-only for the replay, where this user could write them."""
        written = set(self.recorded.outside)
        for one in located:
            if one.relative is not None or not one.in_place or one.file.path in written:
                continue
            environment = any(is_under(one.place, prefix) for prefix in self.recorded.prefixes)
            if environment or self.overlay_of(one.place) is not None or self.inside(one.place) is not None:
                continue
            if os.path.isfile(one.place) and os.access(one.place, os.W_OK) and len(self.inner) < MOUNTS_AT_MOST:
                mount = Mount(one.place, os.path.realpath(one.place), True)
                self.inner.append(mount)
                self._optional.append(mount)

    def _make_seen(self) -> None:
        """Let the recorded root exist for the replayed process, where this machine has no such folder."""
        folder = covering([self.seen_real])[self.seen_real]
        overlay = self.overlay_of(folder) or self._overlay(folder) if folder is not None else None
        if overlay is None:
            raise Unsuitable(f"the recorded root {self.seen} does not exist and cannot be made to appear")
        self._needed.add(overlay)
        place = os.path.join(overlay.folder, "upper", os.path.relpath(self.seen_real, overlay.lower))
        os.makedirs(place, exist_ok=True)

    def _keep_submounts(self) -> None:
        """An overlay shows only one file system: put back what was mounted below it."""
        for point in mount_points():
            covered = any(is_under(point, o.lower) and point != o.lower for o in self.overlays)
            if covered and not is_under(point, self.seen_real) and os.path.exists(point):
                mount = Mount(point, point, False)
                self.outer.append(mount)
                self._optional.append(mount)


def real_where_existing(path: str) -> str:
    """``path`` with the links of its existing part resolved."""
    folder, rest = os.path.normpath(path), ""
    while not os.path.lexists(folder):
        folder, name = os.path.split(folder)
        rest = os.path.join(name, rest) if rest else name
    return os.path.join(os.path.realpath(folder), rest) if rest else os.path.realpath(folder)


def not_replayable(slug: str, what: str, fix: str | None = None) -> ReenactError:
    """The error for a record that cannot be executed again here."""
    return ReenactError(slug, what, fix=fix, exit_code=EXIT_NOT_REPLAYABLE)
