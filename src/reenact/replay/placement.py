"""Fills a workspace's tree: which file is copied, mounted or linked where."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field

from reenact.replay.inputs import Located
from reenact.replay.recorded import InputFile, Recorded, is_under, prefixes_inside, relative_to_root
from reenact.replay.sandbox import Mount

SMALL = 1 << 20
"""Bytes; files up to this size are copied."""

COPIED_AT_MOST = 256 << 20
"""Bytes copied into one workspace; further small files are shown like large ones."""

MOUNTS_AT_MOST = 4096
"""Single files mounted into one workspace; further ones are links to the read-only view."""

FICLONE = 0x40049409


@dataclass
class Placement:
    """A tree being filled.

    Args:
        recorded: what is to be given back.
        root: the project's root now, absolute and real.
        tree: the folder to fill, absolute and real.
        side: where the replayed process will see the project's original, read-only; None without a namespace.

    Attributes:
        mounts: files and folders to be shown in the tree, over empty placeholders.
        linked: originals that a symbolic link in the tree names directly: they could be written through it.
        uses_side: whether a link into the side view was made.
    """

    recorded: Recorded
    root: str
    tree: str
    side: str | None
    mounts: list[Mount] = field(default_factory=list)
    linked: list[str] = field(default_factory=list)
    uses_side: bool = False
    _folders: dict[str, str] = field(default_factory=dict)
    _copied: int = 0
    _clones: bool = True

    def __post_init__(self) -> None:
        self._folders[""] = ""
        self._changed = {
            relative
            for path in (*(o.path for o in self.recorded.outputs), *self.recorded.removed)
            if (relative := relative_to_root(path, self.recorded.root)) is not None
        }
        made = (relative_to_root(path, self.recorded.root) for path in self.recorded.made)
        self._made = {path for path in made if path}
        self._prefixes = prefixes_inside(self.recorded)

    @property
    def environments(self) -> tuple[str, ...]:
        """Environments inside the project, relative to its root; they are shown whole."""
        return self._prefixes

    def fill(self, located: Sequence[Located]) -> None:
        """Put everything in its place: environments, files, folders for outputs, listed entries."""
        self._environments()
        for item in located:
            if item.relative and item.source is not None and not self._in_environment(item.relative):
                self._file(item, item.relative)
        for path in self._output_folders():
            self.folder(path)
        listings = [(relative_to_root(one.path, self.recorded.root), one.entries) for one in self.recorded.listings]
        inside = [(path, entries) for path, entries in listings if path is not None and not self._in_environment(path)]
        for path, _ in inside:
            if not self._was_made(path):
                self.folder(path)
        for path, entries in inside:
            if not self._was_made(path):
                self._entries(path, entries)
        cwd = relative_to_root(self.recorded.cwd, self.recorded.root)
        if cwd:
            self.folder(cwd)
        git = os.path.join(self.root, ".git")
        if self.side is not None and os.path.isdir(git) and not self._placed(".git"):
            # Shown, not copied: scripts that ask git for the commit get an answer, and cannot change the repository.
            self.show(git, os.path.join(self.tree, ".git"))

    def folder(self, relative: str) -> str:
        """The tree's folder for a recorded folder, made when missing; the result is relative to the tree.

        Symbolic links of the project that stay inside it are made again, so the result can differ from ``relative``.
        Those that leave it become plain folders.
        """
        missing = []
        while relative not in self._folders:
            missing.append(relative)
            relative = os.path.dirname(relative)
        for one in reversed(missing):
            self._make_folder(one)
        return self._folders[missing[0] if missing else relative]

    def _make_folder(self, relative: str) -> None:
        parent, name = os.path.split(relative)
        here = os.path.join(self._folders[parent], name)
        target = self._link_target(here, folder=True)
        self._folders[relative] = here  # also ends circles of links
        if target is not None:
            self._folders[relative] = self._folders[here] = self.folder(target)
            self._link(here, target)
        else:
            os.makedirs(os.path.join(self.tree, here), exist_ok=True)

    def _link_target(self, here: str, *, folder: bool) -> str | None:
        """What a symbolic link of the project at ``here`` leads to, relative to the root; None when not in there."""
        original = os.path.join(self.root, here)
        if not os.path.islink(original) or os.path.lexists(os.path.join(self.tree, here)):
            return None
        target = os.path.realpath(original)
        exists = os.path.isdir(target) if folder else os.path.isfile(target)
        if not exists or not is_under(target, self.root) or target in (self.root, original):
            return None
        return os.path.relpath(target, self.root)

    def show(self, original: str, place: str, *, readonly: bool = True) -> None:
        """Have ``original`` (a file or a folder) mounted at ``place`` in the tree."""
        if os.path.isdir(original):
            os.makedirs(place, exist_ok=True)
        elif not os.path.lexists(place):
            os.makedirs(os.path.dirname(place), exist_ok=True)
            os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self.mounts.append(Mount(original, place, readonly))

    def _link(self, here: str, target: str) -> None:
        place = os.path.join(self.tree, here)
        text = os.readlink(os.path.join(self.root, here))
        if os.path.isabs(text):
            text = os.path.relpath(os.path.join(self.tree, target), os.path.dirname(place))
        if not os.path.lexists(place):
            os.symlink(text, place)

    def _placed(self, relative: str) -> bool:
        return os.path.lexists(os.path.join(self.tree, relative))

    def _in_environment(self, relative: str) -> bool:
        return any(is_under(relative, prefix) for prefix in self._prefixes)

    def _was_made(self, relative: str) -> bool:
        while relative:
            if relative in self._made:
                return True
            relative = os.path.dirname(relative)
        return False

    def _output_folders(self) -> list[str]:
        """Folders that were there and that the run wrote into, or made folders in: they have to be folders of the tree."""
        found = {os.path.dirname(path) for path in self._changed} | self._made
        return sorted({self._there_before(path) for path in found if not self._in_environment(path)} - {""})

    def _there_before(self, relative: str) -> str:
        """The innermost folder of a path that the run did not make."""
        while self._was_made(relative):
            relative = os.path.dirname(relative)
        return relative

    def _environments(self) -> None:
        for prefix in self._prefixes:
            original = os.path.join(self.root, prefix)
            if not os.path.exists(original):
                continue
            parent, name = os.path.split(prefix)
            place = os.path.join(self.tree, self.folder(parent), name)
            if self.side is None:
                os.symlink(original, place)
            else:
                self.show(original, place)

    def _file(self, item: Located, relative: str) -> None:
        source = item.source or ""
        parent, name = os.path.split(relative)
        here = os.path.join(self.folder(parent), name)
        target = self._link_target(here, folder=False)
        if target is not None:
            target = os.path.join(self.folder(os.path.dirname(target)), os.path.basename(target))
            self._link(here, target)
            here = target
        place = os.path.join(self.tree, here)
        if os.path.lexists(place):
            return
        if os.path.isdir(source):
            self.folder(relative)
            return
        code = not isinstance(item.file, InputFile)
        changed = relative in self._changed or here in self._changed
        size = os.stat(source).st_size
        fits = size <= SMALL and self._copied + size <= COPIED_AT_MOST
        if code or changed or fits:
            shutil.copyfile(source, place)
            self._copied += 0 if changed else size
            self._dress(item, place)
        elif self.side is None:
            if not self._clone(source, place):
                os.symlink(source, place)
                self.linked.append(source)
            else:
                self._dress(item, place)
        elif len(self.mounts) < MOUNTS_AT_MOST:
            self.show(source, place)
        else:
            os.symlink(self._seen(source), place)

    def _seen(self, original: str) -> str:
        """The name of an original in the replayed process: through the side view when it lies in the project."""
        if self.side is None or not is_under(original, self.root):
            self.linked.append(original)
            return original
        self.uses_side = True
        return os.path.join(self.side, os.path.relpath(original, self.root))

    def _dress(self, item: Located, place: str) -> None:
        mode = item.file.mode
        if mode is None:
            try:
                mode = stat.S_IMODE(os.stat(item.place).st_mode)
            except OSError:
                mode = 0o644
        os.chmod(place, mode & 0o777)
        mtime = item.file.mtime_ns if isinstance(item.file, InputFile) else None
        if mtime is not None:
            os.utime(place, ns=(mtime, mtime))

    def _clone(self, source: str, place: str) -> bool:
        """A copy that shares blocks until written (Btrfs, XFS); False where the file system has none."""
        if not self._clones:
            return False
        try:
            import fcntl

            with open(source, "rb") as reader, open(place, "xb") as writer:
                fcntl.ioctl(writer.fileno(), FICLONE, reader.fileno())
            return True
        except (OSError, ImportError):
            self._clones = False
            if os.path.lexists(place):
                os.unlink(place)
            return False

    def _entries(self, path: str, entries: Sequence[str]) -> None:
        outputs = {relative_to_root(one.path, self.recorded.root): one.existed for one in self.recorded.outputs}
        base = self.folder(path)
        for name in entries:
            relative = os.path.join(path, name)
            place = os.path.join(self.tree, base, name)
            if not name or "/" in name or name in (".", "..") or os.path.lexists(place):
                continue
            if relative == ".git" and self.side is not None and os.path.isdir(os.path.join(self.root, ".git")):
                continue
            if not self._was_made(relative) and outputs.get(relative, True):
                self._unread(os.path.join(self.root, relative), place, relative in self._changed)

    def _unread(self, original: str, place: str, changed: bool) -> None:
        """An entry that was listed and, as far as is known, never read."""
        if changed or not os.path.exists(original):
            os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        elif self.side is not None:
            os.symlink(self._seen(original), place)
        elif os.path.isdir(original):
            os.mkdir(place)  # not a link: what is written into it must not land in the original
        elif not os.path.isfile(original) or os.path.basename(original) == ".git":
            os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        elif (size := os.stat(original).st_size) <= SMALL and self._copied + size <= COPIED_AT_MOST:
            shutil.copyfile(original, place)
            shutil.copystat(original, place)
            self._copied += size
        else:
            os.symlink(original, place)
            self.linked.append(original)
