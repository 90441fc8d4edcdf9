"""A workspace for a container: the rebuilt project is mounted at its recorded place, and what else it saw beside it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..execute.containers import Bind
from .inputs import Located
from .placement import SMALL, Placement
from .recorded import Recorded, is_under, relative_to_root

SIDE = "/opt/reenact-original"
"""Where the container sees the project as it is now, read-only: files that were listed and never read are links there."""


@dataclass
class Binds:
    """The mounts of one replay in a container, while they are decided.

    Args:
        root: the project's root now, absolute and real.
        tree: the workspace's tree, which is filled here.
        private: folder for what stands for mounts that the run could write.
    """

    recorded: Recorded
    root: str
    tree: str
    private: str
    binds: list[Bind] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    """Outside of the tree: where a path of the container lies for us."""

    def arrange(self, located: Sequence[Located], readable: Sequence[str], writable: Sequence[str]) -> Placement:
        """Fill the tree and decide all mounts."""
        seen = self.recorded.root
        placement = Placement(self.recorded, self.root, self.tree, SIDE)
        beside: list[Bind] = []
        for paths, readonly in ((readable, True), (writable, False)):
            for path in sorted(map(os.path.abspath, paths), key=len):
                inside = relative_to_root(path, seen)
                if inside is None:
                    beside.append(Bind(path, path, readonly))
                else:
                    placement.show(path, os.path.join(self.tree, inside), readonly=readonly)
        placement.fill(located)
        self.binds.append(Bind(self.tree, seen))
        for part in placement.mounts:
            self.binds.append(Bind(part.source, seen + part.dest[len(self.tree) :], part.readonly))
        if placement.uses_side:
            self.binds.append(Bind(self.root, SIDE, readonly=True))
        self.shown[SIDE] = self.root
        for number, mount in enumerate(self.recorded.mounts):
            self._mount(number, mount, [one for one in located if is_under(one.file.path, mount.target)])
        self.binds += beside
        return placement

    def _mount(self, number: int, mount: Bind, located: Sequence[Located]) -> None:
        """What the user had mounted: read-only as it is, else a copy that the replay may write."""
        if mount.readonly:
            self.binds.append(mount)
            self.shown[mount.target] = mount.source
            others = [one for one in located if not one.in_place and one.source is not None]
            self.binds += [Bind(str(one.source), one.file.path, readonly=True) for one in others]
            return
        place = os.path.join(self.private, str(number))
        self.shown[mount.target] = place
        self.binds.append(Bind(place, mount.target))
        if os.path.isfile(mount.source):
            os.makedirs(self.private, exist_ok=True)
            shutil.copyfile(next((str(one.source) for one in located if one.source), mount.source), place)
            return
        os.makedirs(place)
        written = {output.path for output in self.recorded.outputs} | set(self.recorded.removed)
        for path in written - set(self.recorded.made):
            if is_under(path, mount.target):
                os.makedirs(place + os.path.dirname(path)[len(mount.target) :], exist_ok=True)
        for one in located:
            if one.source is None or os.path.isdir(one.source):
                continue
            here = place + one.file.path[len(mount.target) :]
            os.makedirs(os.path.dirname(here), exist_ok=True)
            if one.file.path in written or os.stat(one.source).st_size <= SMALL:
                shutil.copyfile(one.source, here)
            else:
                open(here, "xb").close()
                self.binds.append(Bind(one.source, one.file.path, readonly=True))
