"""What a container is made of: an image, what is mounted into it, and what it may use."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..engine.cli import Engine
from ..engine.image import Image

RUN_LABEL = "dev.reenact.run"
"""Label of a container, and of an image made from one: the id of its run."""

PROBE_PLACE = "/opt/reenact"
"""Where the probe is mounted in every container, read-only."""

_OF_THE_CLIENT = ("PATH", "HOME", "USER", "LOGNAME", "SSH_", "DOCKER_", "BUILDKIT_", "CONTAINER", "PODMAN_", "XDG_", "HTTP", "http", "NO_PROXY", "TMPDIR")  # fmt: skip
"""Variables that the engine's program itself goes by."""


@dataclass(frozen=True)
class Bind:
    """Show ``source`` of this machine at ``target`` in the container; both absolute."""

    source: str
    target: str
    readonly: bool = False

    def words(self) -> list[str]:
        # --mount, not -v: that one makes a source that is missing, as root.
        text = f"type=bind,{_field('source', self.source)},{_field('target', self.target)}"
        return ["--mount", text + (",readonly" if self.readonly else "")]


@dataclass(frozen=True)
class Container:
    """How a command is put into a container.

    Attributes:
        engine: who runs it.
        image: what it is made from.
        name: the image as it was asked for.
        mounts: what the user wants mounted, besides the project.
        gpus: ``all`` or a number, as text.
        ports: ``HOST:CONTAINER`` each.
        shm_size: bytes of /dev/shm, or as the engine takes it (``2g``).
        env: variables that the user sets.
        network: name of a network; None for the engine's own default.
        cpus, memory: limits as the engine takes them.
        user: ``uid[:gid]`` or a name that the image knows; None for the calling user.
        interactive: hand on stdin, and a terminal where there is one.
        build: what the image was built from, as far as it is known.
    """

    engine: Engine
    image: Image
    name: str
    mounts: tuple[Bind, ...] = ()
    gpus: str | None = None
    ports: tuple[str, ...] = ()
    shm_size: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    network: str | None = None
    cpus: str | None = None
    memory: str | None = None
    user: str | None = None
    interactive: bool = False
    build: Mapping[str, Any] | None = None

    def limits(self) -> list[str]:
        """The words that say what it may use."""
        words = []
        if self.gpus is not None and self.engine.kind == "podman":
            count = None if self.gpus == "all" else int(self.gpus)
            names = ["all"] if count is None else [str(number) for number in range(count)]
            words += [word for name in names for word in ("--device", f"nvidia.com/gpu={name}")]
        elif self.gpus is not None:
            words += ["--gpus", self.gpus]
        for option, value in (("--cpus", self.cpus), ("--memory", self.memory), ("--network", self.network)):
            if value is not None:
                words += [option, value]
        return words

    def identity(self) -> list[str]:
        """The words that make files in mounts belong to the calling user."""
        if self.user is not None:
            return ["--user", self.user]
        uid, gid = os.getuid(), os.getgid()
        if self.engine.rootless:
            # Root in the container is the user outside; Podman can also keep the number.
            return ["--userns=keep-id", "--user", f"{uid}:{gid}"] if self.engine.kind == "podman" else ["--user", "0:0"]
        return ["--user", f"{uid}:{gid}"]

    def create(
        self, argv: Sequence[str], cwd: str, env: Mapping[str, str], binds: Sequence[Bind], run: str, tty: bool
    ) -> tuple[list[str], dict[str, str]]:
        """The words for the engine that make the container, and the variables to call it with.

        Values of variables are handed over in the environment, where other users do not see them.
        """
        words = ["create", "--init", "--name", f"reenact-{run}", "--label", f"{RUN_LABEL}={run}", "--workdir", cwd]
        words += [*self.identity(), *self.limits(), "--shm-size", self.shm_size or str(_shared_memory())]
        home = env.get("HOME", "")
        if self.user is None and home.startswith("/") and home != "/":
            words += ["--tmpfs", f"{home}:exec,mode=1777"]
        for bind in binds:
            words += bind.words()
        for port in self.ports:
            words += ["--publish", port]
        extra = {}
        for name, value in env.items():
            if self.image.variables.get(name) == value:
                continue
            if name.startswith(_OF_THE_CLIENT):
                words += ["--env", f"{name}={value}"]
            else:
                words += ["--env", name]
                extra[name] = value
        words += ["--interactive"] * self.interactive + ["--tty"] * tty
        # What the image would start by itself is not what was asked for.
        return [*words, "--entrypoint", argv[0], self.image.id, *argv[1:]], extra

    def to_json(self) -> dict[str, Any]:
        """What a record keeps of it; `env` is in the record as the environment of the command."""
        return {
            "engine": self.engine.kind,
            "engine_version": self.engine.server_version,
            "name": self.name,
            "image": self.image.to_json(),
            "build": dict(self.build) if self.build is not None else None,
            "mounts": [{"source": m.source, "target": m.target, "readonly": m.readonly} for m in self.mounts],
            "gpus": self.gpus,
            "ports": list(self.ports),
            "shm_size": self.shm_size,
            "network": self.network,
            "cpus": self.cpus,
            "memory": self.memory,
            "user": self.user,
            "interactive": self.interactive,
        }


def _field(name: str, value: str) -> str:
    """One field of --mount, which is a row of CSV."""
    text = f"{name}={value}"
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\n') else text


def _shared_memory() -> int:
    """Half of the machine's memory, as /dev/shm has without a container; engines give 64 MB, of which workers die."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
