"""A folder in which a recorded command can be executed again without touching anything of the user's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from reenact.errors import ReenactError
from reenact.execute.containers import Bind
from reenact.replay import sandbox
from reenact.replay.container_workspace import Binds
from reenact.replay.guard import Changed, Guard
from reenact.replay.inputs import BlobPath, DigestOf, InputProblem, Located, locate, problems
from reenact.replay.namespace import Namespace, Unsuitable, not_replayable
from reenact.replay.outside import OutsideWrite, outside_writes, upper_path
from reenact.replay.placement import Placement
from reenact.replay.recorded import Recorded, is_under, prefixes_inside, relative_to_root
from reenact.replay.removal import remove_tree
from reenact.replay.sandbox import Overlay
from reenact.replay.translate import translation

Isolation = Literal["namespace", "folder", "container"]
LINKS_AT_MOST = 40


@dataclass
class Workspace:
    """A rebuilt project, ready for one execution.

    Attributes:
        isolation: ``namespace``: the replayed process sees the recorded paths, and writes land in the workspace;
            ``folder``: it runs in the workspace at the workspace's own path; ``container``: what is in ``binds`` is mounted
            into one, at the recorded paths.
        tree: the folder that stands for the project's root.
        seen: the project's root as the replayed process names it.
        argv, cwd: what to execute, and where, as the replayed process names it.
        env_changes: environment variables to set instead of their recorded values.
        pre_exec: to be called between fork and exec; afterwards the process is in ``cwd``. None without a namespace.
        needs_permission: paths outside that the replay would write for real: refuse unless the user agreed.
        redirected: paths outside whose writes stay private, with the folder that is covered.
        notes: what differs from the recorded circumstances, for a person.
        binds: what is to be mounted into a container.
    """

    isolation: Isolation
    tree: Path
    seen: str
    argv: tuple[str, ...]
    cwd: str
    env_changes: dict[str, str]
    pre_exec: Callable[[], None] | None
    needs_permission: tuple[str, ...]
    redirected: dict[str, str]
    notes: tuple[str, ...]
    binds: tuple[Bind, ...] = ()
    _roots: tuple[str, ...] = ()
    _reached: tuple[str, ...] = ()
    _mounts: dict[str, str] = field(default_factory=dict)
    _shown: dict[str, str] = field(default_factory=dict)
    _overlays: tuple[Overlay, ...] = ()
    _removed: tuple[str, ...] = ()
    _guard: Guard | None = None

    @property
    def start_cwd(self) -> str:
        """Folder for the executor to start the process in; ``pre_exec`` then goes on to ``cwd``.

        ``cwd`` itself need not exist here, or be the user's own folder.
        """
        return self.cwd if self.pre_exec is None else str(self.tree)

    def relative(self, path: str) -> str:
        """A path of the replayed process relative to the root as recorded; unchanged (absolute) when outside it."""
        full = os.path.normpath(os.path.join(self.cwd, path))
        for root in self._roots:
            if is_under(full, root):
                return os.path.relpath(full, root) if full != root else "."
        return full

    def map_path(self, path: str) -> Path:
        """Where a path of the replayed process can be read from here; it need not exist."""
        return Path(self._outer(os.path.normpath(os.path.join(self.cwd, path)), LINKS_AT_MOST))

    def changed(self) -> list[Changed]:
        """The user's files that differ from before the replay. Anything in it is to be reported loudly."""
        return self._guard.changed() if self._guard is not None else []

    def cleanup(self) -> None:
        """Remove the workspace and all that the replay wrote. Nothing outside it is followed or touched.

        Raises:
            ReenactError: ``workspace-not-removed``, naming the folder, when files in it resist.
        """
        for folder in self._removed:
            try:
                remove_tree(folder)
            except OSError as error:
                raise ReenactError(
                    "workspace-not-removed", f"cannot remove {folder}: {error.strerror}", fix=f"remove {folder} by hand"
                ) from error

    def _outer(self, path: str, links: int) -> str:
        for kept in self._reached:
            if is_under(path, kept):
                return path
        if self.isolation == "folder":
            return path
        for root in self._roots:
            if is_under(path, root):
                return self._in_tree(path[len(root) :].strip("/"), links)
        for place in sorted(self._shown, key=len, reverse=True):
            if is_under(path, place):
                return self._shown[place] + path[len(place) :]
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        for overlay in self._overlays:
            private = upper_path(overlay, real)
            if is_under(real, overlay.lower) and os.path.lexists(private):
                return private
        return path

    def _in_tree(self, relative: str, links: int) -> str:
        here = str(self.tree)
        parts = relative.split("/") if relative else []
        for number, part in enumerate(parts):
            here = os.path.join(here, part)
            if here in self._mounts:
                return os.path.join(self._mounts[here], *parts[number + 1 :])
            if os.path.islink(here) and links > 0:
                # Absolute links mean what they mean to the replayed process.
                seen = os.path.join(self.seen, os.path.relpath(os.path.dirname(here), self.tree))
                target = os.path.normpath(os.path.join(seen, os.readlink(here), *parts[number + 1 :]))
                return self._outer(target, links - 1)
        return here


def build(
    recorded: Recorded,
    target: Path,
    *,
    root: str | Path,
    blob_path: BlobPath,
    digest_of: DigestOf,
    environ: Mapping[str, str] | None = None,
    writable: Iterable[str | Path] = (),
    readable: Iterable[str | Path] = (),
    isolation: Isolation | None = None,
) -> Workspace:
    """Rebuild the project of a record.

    Args:
        target: a folder that does not exist yet; the workspace and what the replay writes live there.
        root: the project's root now (it may have been moved).
        blob_path: digest to the blob's path, None when the store does not hold it.
        digest_of: path to digest, written as in the record.
        environ: the recorded environment, for ``env_changes`` and for HOME.
        writable: paths that stay as they are and writable for the replay (the candidate's run folder); they must exist.
        readable: paths that stay readable (the probe, the baseline's run folder); they must exist.
        isolation: demand this level; otherwise the best that works here.

    Raises:
        ReenactError: exit code 3 when recorded content is no longer to be had (``inputs-changed``) or a demanded level
            does not work (``no-isolation``); ``workspace-failed`` when the folder cannot be written.
    """
    kept, shown = [str(path) for path in writable], [str(path) for path in readable]
    now = os.path.realpath(root)
    located = list(locate(recorded, now, blob_path, digest_of))
    _refuse(problems(located, in_namespace=isolation != "folder"))
    try:
        for path in (*kept, *shown):
            os.stat(path)  # a path that is missing could not be mounted, and would cost the namespace
        target.mkdir(parents=True)
    except OSError as error:
        raise _failed(target, error) from error
    full = os.path.realpath(target)
    job = _Job(recorded, full, now, located, dict(environ or {}), kept, shown)
    notes: list[str] = []
    try:
        if isolation == "container":
            return job.in_container()
        if isolation != "folder":
            for seen in dict.fromkeys((os.path.normpath(recorded.root), now)):
                try:
                    return job.in_namespace(seen, notes)
                except Unsuitable as reason:
                    notes.append(f"no namespace with the project at {seen}: {reason}")
                    job.clear()
            if isolation == "namespace":
                raise not_replayable("no-isolation", "; ".join(notes), "leave out the demand for a namespace")
        _refuse(problems(located, in_namespace=False))
        return job.in_folder(notes)
    except OSError as error:
        job.clear()
        remove_tree(full)
        raise _failed(target, error) from error
    except BaseException:
        job.clear()
        remove_tree(full)
        raise


def _refuse(found: Sequence[InputProblem]) -> None:
    if not found:
        return
    lines = [problem.describe() for problem in found]
    raise not_replayable(
        "inputs-changed",
        f"{len(lines)} recorded file(s) cannot be given back:\n  " + "\n  ".join(lines),
        "put the recorded content back, or record a new run",
    )


def _failed(target: Path, error: OSError) -> ReenactError:
    what = f"cannot make a workspace in {target}: {error.strerror or error}"
    where = f" ({os.fsdecode(error.filename)})" if error.filename else ""
    return ReenactError("workspace-failed", what + where, fix="free some space, or choose another folder")


@dataclass
class _Job:
    recorded: Recorded
    target: str
    root: str
    located: list[Located]
    environ: dict[str, str]
    writable: list[str]
    readable: list[str]
    scratch: list[str] = field(default_factory=list)

    @property
    def tree(self) -> str:
        return os.path.join(self.target, "tree")

    def clear(self) -> None:
        """Back to an empty target."""
        for name in os.listdir(self.target):
            remove_tree(os.path.join(self.target, name))
        for folder in self.scratch:
            remove_tree(folder)
        self.scratch = []

    def in_namespace(self, seen: str, notes: list[str]) -> Workspace:
        kind = sandbox.available()
        if kind is None:
            raise Unsuitable("this system does not let this user make one")
        if seen == "/" or self.root == "/":
            raise Unsuitable("the project is the whole file system")
        side = os.path.join(self.target, "side")
        os.mkdir(self.tree)
        os.mkdir(side)
        candidates = [self.target, *(f for f in ("/var/tmp", "/tmp", "/dev/shm") if os.path.isdir(f))]
        plan = Namespace(self.recorded, seen, self.root, self.tree, side, candidates, scratch=self.scratch)
        placement = Placement(self.recorded, self.root, self.tree, side)
        plan.reach(placement, self.readable, readonly=True)
        plan.reach(placement, self.writable, readonly=False)
        placement.fill(self.located)
        plan.arrange(placement, self.located, self._writes(), self.environ)
        moved = translation(self.recorded, self.root, seen)
        cwd = os.path.normpath(os.path.join(seen, self._cwd()))
        ready = plan.sandbox(kind, cwd)
        if not moved.same:
            plan.notes.append(f"the project is at {seen}, not at {self.recorded.root} as recorded")
        return Workspace(
            isolation="namespace",
            tree=Path(self.tree),
            seen=seen,
            argv=tuple(moved.argument(argument) for argument in self.recorded.argv),
            cwd=cwd,
            env_changes=moved.variables(self.recorded, self.environ),
            pre_exec=ready.enter,
            needs_permission=tuple(sorted(plan.refused)),
            redirected=dict(plan.redirected),
            notes=tuple(notes + plan.notes),
            _roots=tuple(dict.fromkeys((seen, plan.seen_real))),
            _reached=self._reached(),
            _mounts={mount.dest: mount.source for mount in plan.inner if is_under(mount.dest, self.tree)}
            | {side: self.root},
            _overlays=tuple(plan.overlays),
            _removed=(self.target, *self.scratch),
            _guard=Guard(self._guarded(placement.linked)),
        )

    def in_container(self) -> Workspace:
        os.mkdir(self.tree)
        plan = Binds(self.recorded, self.root, self.tree, os.path.join(self.target, "mounts"))
        placement = plan.arrange(self.located, self.readable, self.writable)
        seen = self.recorded.root
        return Workspace(
            isolation="container",
            tree=Path(self.tree),
            seen=seen,
            argv=self.recorded.argv,
            cwd=os.path.normpath(os.path.join(seen, self._cwd())),
            env_changes={},
            pre_exec=None,
            needs_permission=(),
            redirected={},
            notes=(),
            binds=tuple(plan.binds),
            _roots=(seen,),
            _reached=self._reached(),
            _mounts={mount.dest: mount.source for mount in placement.mounts},
            _shown=plan.shown,
            _removed=(self.target,),
            _guard=Guard(self._guarded(placement.linked)),
        )

    def in_folder(self, notes: list[str]) -> Workspace:
        os.mkdir(self.tree)
        placement = Placement(self.recorded, self.root, self.tree, None)
        placement.fill(self.located)
        moved = translation(self.recorded, self.root, self.tree)
        environments = [os.path.join(self.root, prefix) for prefix in prefixes_inside(self.recorded)]
        written = [os.path.join(self.root, relative) for relative in self._written()]
        asked = [write.path for write in self._writes() if not write.harmless]
        asked += [path for path in written if any(is_under(path, place) for place in environments)]
        told = f"the project is at {self.tree}, not at {self.recorded.root} as recorded"
        return Workspace(
            isolation="folder",
            tree=Path(self.tree),
            seen=self.tree,
            argv=tuple(moved.argument(argument) for argument in self.recorded.argv),
            cwd=os.path.normpath(os.path.join(self.tree, self._cwd())),
            env_changes=moved.variables(self.recorded, self.environ),
            pre_exec=None,
            needs_permission=tuple(sorted(asked)),
            redirected={},
            notes=(*notes, told),
            _roots=(self.tree,),
            _reached=self._reached(),
            _removed=(self.target,),
            _guard=Guard(self._guarded([*placement.linked, *written])),
        )

    def _cwd(self) -> str:
        inside = relative_to_root(self.recorded.cwd, self.recorded.root)
        return self.recorded.cwd if inside is None else inside

    def _written(self) -> list[str]:
        found = (relative_to_root(output.path, self.recorded.root) for output in self.recorded.outputs)
        return [path for path in found if path]

    def _writes(self) -> list[OutsideWrite]:
        return outside_writes(self.recorded, self.environ or None)

    def _reached(self) -> tuple[str, ...]:
        names = (os.path.abspath(path) for path in (*self.writable, *self.readable))
        return tuple(dict.fromkeys(name for path in names for name in (path, os.path.realpath(path))))

    def _guarded(self, others: Sequence[str]) -> dict[str, str | None]:
        """The user's files to look at again afterwards, with their digests where known."""
        written = set(self.recorded.outside)
        digests: dict[str, str | None] = dict.fromkeys(others)
        for one in self.located:
            if one.file.path not in written and os.path.isfile(one.place):
                digests[one.place] = one.file.digest if one.in_place else one.current_digest
        return digests
