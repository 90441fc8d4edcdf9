"""What a run in a container sees: the project and the run folder at their own places, the probe, and what the user mounts."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..engine.find import find_engine
from ..engine.image import check_platform
from ..environment.compare import EnvChange, compare
from ..environment.contained import describe, gpus_inside
from ..environment.images.lockfile import lock_digest
from ..environment.images.recover import recover
from ..environment.images.saved import pushed, saved_files
from ..environment.snapshot import snapshot
from ..environment.solve import LOCK
from ..environment.variables import bit_variables
from ..errors import EXIT_MISSING, EXIT_NOT_REPLAYABLE, EXIT_USAGE, ReenactError
from ..execute.containers import PROBE_PLACE, Bind, Container
from ..probe.redact import REDACTED
from ..record.schema import Manifest
from ..store.project import Store
from .recorded import is_under

if TYPE_CHECKING:
    from .session import Session

PACKAGE = Path(__file__).resolve().parent.parent
INJECT = PACKAGE / "probe" / "inject"
"""The folder that goes first on PYTHONPATH."""

INJECT_INSIDE = f"{PROBE_PLACE}/probe/inject"
"""The same in a container."""

_IN_THE_WAY = ("/", "/bin", "/etc", "/lib", "/lib64", "/opt", "/usr", "/usr/lib", "/usr/local", "/sbin", "/var", "/home", "/root")  # fmt: skip
"""Folders that an image needs itself: a project that is all of one would hide it."""


def probe_bind() -> Bind:
    """The probe, for a container."""
    return Bind(str(PACKAGE), PROBE_PLACE, readonly=True)


def project_binds(session: Session) -> list[Bind]:
    """What a recording in a container mounts.

    Everything has its own place, so that the record is the same as that of a run without a container.

    Raises:
        ReenactError: ``in-the-way``: the project's folder is one that the image needs.
    """
    root, container = session.start.root, session.request.container
    refuse_in_the_way(root)
    binds = [Bind(root, root)]
    run_dir = str(session.run_dir)
    if not (run_dir + "/").startswith(root.rstrip("/") + "/"):
        binds.append(Bind(run_dir, run_dir))
    resume = session.request.resume
    if resume is not None:
        binds.append(Bind(str(resume.journals), str(resume.journals), readonly=True))
        binds += [Bind(str(place), path, readonly=True) for path, place in resume.shown.items()]
    return [*binds, *(container.mounts if container else ()), probe_bind()]


def keep_lock(store: Store, container: Container) -> None:
    """Keep the lock that an image was built of, as long as it is the project's: the image can be built again from it."""
    wanted = (container.build or {}).get("lock")
    try:
        text = (store.root / LOCK).read_bytes()
    except OSError:
        return
    if wanted == lock_digest(text):
        store.blobs.put_bytes(text)


def refuse_in_the_way(root: str) -> None:
    if os.path.normpath(root) in _IN_THE_WAY:
        raise ReenactError(
            "in-the-way",
            f"the project's folder is {root}, which the image needs for itself",
            fix="move the project into a folder of its own",
            exit_code=EXIT_USAGE,
        )


def container_env(container: Container, env: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command in a container: the image's own, what decides bits outside, what the user sets.

    Args:
        env: this machine's environment.
    """
    outside = {name: value for name, value in bit_variables(env).items() if not name.startswith(_PLACES)}
    found = {**container.image.variables, **outside, **container.env}
    found.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if container.user is None:
        # The user's number is in no passwd of the image.
        name = _user()
        for variable, value in (("HOME", f"/home/{name}"), ("USER", name), ("LOGNAME", name)):
            if variable not in container.env:
                found[variable] = value
    return found


_PLACES = ("LD_", "DYLD_", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONSTARTUP", "PYTHONPYCACHEPREFIX", "CUDA_HOME", "CUDA_PATH", "HF_HOME", "TORCH_HOME", "TRITON_CACHE", "NUMBA_CACHE", "LANG", "LC_", "TZ")  # fmt: skip
"""Variables that name places of this machine, or what an image decides for itself."""


def describe_container(store: Store, container: Container, python: Mapping[str, Any] | None) -> dict[str, Any]:
    """The environment inside, as `environment.contained.describe` tells; cached in the store.

    Args:
        python: the start event of the main process, or what a record keeps of it; None where there is none yet.
    """
    program = str((python or {}).get("executable") or "python")
    path = None
    if python and python.get("path") is not None:
        path = [str(folder) for folder in python["path"] if folder and folder != INJECT_INSIDE]
    root = str(store.root)
    options = [*container.limits(), *Bind(root, root, readonly=True).words()]
    for mount in container.mounts:
        options += Bind(mount.source, mount.target, readonly=True).words()
    # What is mounted may hold packages, which change.
    mounted = any(is_under(folder, mount.target) for mount in container.mounts for folder in path or ())
    cache = None if mounted or (container.mounts and path is None) else store.folder / "cache" / "images.json"
    return describe(container.engine, container.image.id, options, program, path, cache)


def check_inside(store: Store, container: Container, python: str | None) -> None:
    """Look into a container of the image before the run, once for each image.

    Args:
        python: the interpreter that is to be there; None where the command is none.

    Raises:
        ReenactError: ``no-python``; ``no-gpu``: some engines take the option and give none (exit code 4).
    """
    if container.gpus is None and python is None:
        return
    inside = describe_container(store, container, {"executable": python} if python else None)
    if container.gpus is None:
        return
    seen = gpus_inside(inside)
    wanted = 1 if container.gpus == "all" else int(container.gpus)
    if seen < wanted:
        raise ReenactError(
            "no-gpu",
            f"{wanted if container.gpus != 'all' else 'a'} GPU was asked for, and {seen or 'none'} can be seen in the container",
            fix="`reenact doctor` looks for the driver and the NVIDIA Container Toolkit; or leave --gpus out",
            exit_code=EXIT_MISSING,
        )


def mounts_of(recorded: Mapping[str, Any]) -> tuple[Bind, ...]:
    """What the container of a record had mounted besides the project."""
    return tuple(Bind(mount["source"], mount["target"], mount["readonly"]) for mount in recorded["mounts"])


def restore_container(store: Store, baseline: Manifest, say: Callable[[str], None]) -> Container:
    """The container of a record again: its image by digest, from wherever it can still be had.

    Raises:
        ReenactError: ``image-gone`` or ``no-mount`` (exit code 3), or the engine cannot be used (exit code 4).
    """
    recorded = baseline.container
    assert recorded is not None
    mounts = mounts_of(recorded)
    for mount in mounts:
        if not os.path.exists(mount.source):
            raise ReenactError(
                "no-mount",
                f"the run had {mount.source} mounted at {mount.target}: it is not there any more",
                fix="put it back",
                exit_code=EXIT_NOT_REPLAYABLE,
            )
    engine = find_engine()
    lock = baseline.environment.lock
    build = recorded.get("build")
    locks = [digest for digest in ((build or {}).get("lock"), lock) if digest and store.blobs.has(digest)]
    image = recorded["image"]
    places = [*image["repo_digests"], *pushed(store.folder, image["diff_ids"])]
    found = recover(
        engine,
        {**image, "repo_digests": places, "name": recorded["name"], "engine": recorded["engine"]},
        saved_files(store.folder),
        build,
        store.blobs.path(locks[0]).read_bytes() if locks else None,
        say,
    )
    check_platform(engine, found.image)
    network = recorded["network"]
    return Container(
        engine=engine,
        image=found.image,
        name=recorded["name"],
        mounts=mounts,
        gpus=recorded["gpus"],
        shm_size=recorded["shm_size"],
        network="host" if network is None and not engine.has_bridge else network,
        cpus=recorded["cpus"],
        memory=recorded["memory"],
        user=recorded["user"],
        build=build,
    )


def replay_container_env(recorded: Mapping[str, str]) -> dict[str, str]:
    """The environment for a replay in a container: as recorded; secrets are taken from the present one."""
    present = {name: os.environ[name] for name, value in recorded.items() if value == REDACTED and name in os.environ}
    return {**{name: value for name, value in recorded.items() if value != REDACTED}, **present}


def compare_container(
    store: Store, baseline: Manifest, container: Container, say: Callable[[str], None]
) -> list[EnvChange]:
    """What differs between the recorded environment and that of the container now."""
    recorded = msgspec.to_builtins(baseline.environment)
    try:
        # Of a program that was no Python, the image's own Python was asked.
        told = recorded["python"] if recorded["python"].get("executable") else None
        inside = describe_container(store, container, told)
    except ReenactError as error:
        if error.slug != "no-python" or recorded["distributions"]:
            raise
        return []  # an image without Python, known by its layers alone
    env = replay_container_env(baseline.command.env)
    current = snapshot(
        recorded["python"],
        env,
        hardware=inside["hardware"],
        packages=inside["distributions"],
        variables=baseline.environment.variables,
    ).environment
    changes = [change for change in compare(recorded, current) if change.kind != "library"]
    for change in changes:
        say(f"environment: {change.kind} {change.name}: recorded {change.recorded}, now {change.current}")
    return changes


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "user"
