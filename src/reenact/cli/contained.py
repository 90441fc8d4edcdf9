"""The options of ``reenact run`` that put a command into a container."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from ..errors import EXIT_USAGE, ReenactError

F = TypeVar("F", bound=Callable[..., Any])
PROJECT = "(project)"
"""What ``--image`` without a name stands for."""

_SIZE = re.compile(r"\d+(\.\d+)?[bkmgt]?b?", re.IGNORECASE)


def contained(function: F) -> F:
    """Add the options, which come to the function by their names."""
    options = [
        click.option(
            *("--image", "image"),
            metavar="[NAME]",
            is_flag=False,
            flag_value=PROJECT,
            help="Run in a container of this image (name, tag, id or digest); without NAME: of the project's lock.",
        ),
        click.option("--gpus", metavar="all|N", help="GPUs for the container."),
        click.option("--mount", "mounts", multiple=True, metavar="SRC:DST[:ro]", help="Show a file or folder in it."),
        click.option("--port", "ports", multiple=True, metavar="HOST:CONTAINER", help="Publish a port of it."),
        click.option("--shm-size", metavar="SIZE", help="Its /dev/shm (512m, 2g); half of the memory by default."),
        click.option(
            "--env", "variables", multiple=True, metavar="K=V", help="Set a variable in it; K alone: as here."
        ),
        click.option("--network", metavar="NAME", help="Its network: bridge, host, none or a name."),
        click.option("--cpus", metavar="N", help="How many CPUs it may use."),
        click.option("--memory", metavar="SIZE", help="How much memory it may use."),
        click.option("--user", metavar="UID[:GID]", help="Who it runs as; the calling user by default."),
        click.option("--interactive", "-i", is_flag=True, help="Hand it stdin, and the terminal."),
        click.option("--entrypoint", metavar="PROGRAM", help="Start PROGRAM in it; COMMAND is its arguments."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@dataclass(frozen=True)
class Wanted:
    """A container as it was asked for."""

    image: str
    words: tuple[str, ...]
    flags: Mapping[str, Any]

    @classmethod
    def of(cls, flags: Mapping[str, Any], command: tuple[str, ...]) -> Wanted | None:
        """What the options ask for; None for a run on this machine as it is.

        Raises:
            ReenactError: ``usage``: options for a container, and none was asked for.
        """
        image = flags["image"]
        if image is None:
            given = [
                name for name in ("gpus", "shm_size", "network", "cpus", "memory", "user", "entrypoint") if flags[name]
            ]
            given += [name[:-1] for name in ("mounts", "ports") if flags[name]]
            given += ["env"] * bool(flags["variables"]) + ["interactive"] * flags["interactive"]
            if given:
                raise ReenactError(
                    "usage",
                    f"--{given[0].replace('_', '-')} is for containers, and no image is named",
                    fix="add --image (the image of the project's lock), or --image NAME",
                )
            return None
        if _is_command(image):
            return cls(PROJECT, (image, *command), flags)
        return cls(image, command, flags)

    def command(self, cwd: str, python: str | None) -> tuple[tuple[str, ...], Any]:
        """What is executed in the container, and its kind. Programs are looked up there.

        Raises:
            ReenactError: there is no command, or no such script.
        """
        from ..replay.command import inside_command

        entrypoint = self.flags["entrypoint"]
        if entrypoint is not None:
            return (entrypoint, *self.words), "command"
        return inside_command(self.words, cwd, python or "python")

    def container(self, root: Path, env: Mapping[str, str], say: Callable[[str], None]) -> tuple[Any, dict[str, str]]:
        """The container, and the environment of the command in it.

        Raises:
            ReenactError: an option does not make sense, there is no such image, or the engine cannot be used.
        """
        from ..engine.find import find_engine
        from ..engine.image import check_platform, need_image
        from ..environment.images.project import build_record, project_image
        from ..execute.containers import Container
        from ..replay.contained import container_env

        flags = self.flags
        mounts = tuple(_mount(text) for text in flags["mounts"])
        ports = tuple(_port(text) for text in flags["ports"])
        variables = dict(_variable(text, env) for text in flags["variables"])
        gpus, user = _gpus(flags["gpus"]), flags["user"]
        for name in ("shm_size", "memory"):
            if flags[name] is not None and not _SIZE.fullmatch(flags[name]):
                raise _usage(f"--{name.replace('_', '-')} {flags[name]}", "a size such as 512m or 2g")
        if flags["cpus"] is not None and not re.fullmatch(r"\d+(\.\d+)?", flags["cpus"]):
            raise _usage(f"--cpus {flags['cpus']}", "a number such as 2 or 1.5")
        engine = find_engine(env)
        if engine.remote:
            raise ReenactError(
                "remote-engine",
                f"{engine.kind} is on another machine, where the project cannot be mounted",
                fix="run reenact on that machine",
                exit_code=4,
            )
        image = project_image(engine, root) if self.image == PROJECT else need_image(engine, self.image)
        check_platform(engine, image)
        network = flags["network"]
        if network is None and not engine.has_bridge:
            say(f"{engine.kind} has no bridge network: the container uses the host's (--network host)")
            network = "host"
        _check_ports(ports, network)
        container = Container(
            engine=engine,
            image=image,
            name=_latest(image) if self.image == PROJECT else self.image,
            mounts=mounts,
            gpus=gpus,
            ports=ports if network != "host" else (),
            shm_size=flags["shm_size"],
            env=variables,
            network=network,
            cpus=flags["cpus"],
            memory=flags["memory"],
            user=user,
            interactive=flags["interactive"],
            build=build_record(image),
        )
        return container, container_env(container, env)


def _latest(image: Any) -> str:
    """The name of a project's image, of several the one that stays."""
    return next((tag for tag in image.tags if tag.endswith(":latest")), image.name)


def _is_command(word: str) -> bool:
    """``--image train.py``: no name of an image, but the beginning of the command."""
    return word.endswith((".py", ".pyw")) or word == "python" or word.startswith("python3") or os.path.isfile(word)


def _mount(text: str) -> Any:
    from ..execute.containers import Bind

    parts = text.split(":")
    mode = parts.pop() if parts[-1] in ("ro", "rw") and len(parts) > 2 else "rw"
    if len(parts) != 2 or not parts[0] or not parts[1].startswith("/"):
        raise _usage(f"--mount {text}", "SRC:DST or SRC:DST:ro, DST absolute, such as ~/data:/data:ro")
    source = os.path.abspath(os.path.expanduser(parts[0]))
    if not os.path.exists(source):
        raise ReenactError("no-such-folder", f"--mount {text}: there is no {source}", exit_code=EXIT_USAGE)
    return Bind(os.path.realpath(source), os.path.normpath(parts[1]), mode == "ro")


def _port(text: str) -> str:
    if not re.fullmatch(r"\d{1,5}:\d{1,5}(/(tcp|udp))?", text) or any(
        int(number) > 65535 for number in re.findall(r"\d+", text)
    ):
        raise _usage(f"--port {text}", "HOST:CONTAINER, two numbers up to 65535, such as 8888:8888")
    return text


def _check_ports(ports: tuple[str, ...], network: str | None) -> None:
    for text in ports:
        host, inside = (int(number) for number in re.findall(r"\d+", text)[:2])
        if network == "host" and host != inside:
            raise _usage(f"--port {text}", "with the host's network nothing is mapped: the same number twice")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", host))
            except OSError as error:
                raise ReenactError(
                    "port-in-use",
                    f"port {host} cannot be used: {error.strerror}",
                    fix=f"name another one: --port {host + 1}:{inside}",
                ) from None


def _variable(text: str, env: Mapping[str, str]) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not re.fullmatch(r"[^\s=]+", name):
        raise _usage(f"--env {text}", "NAME=VALUE, or NAME for the value that it has here")
    if equals:
        return name, value
    if name not in env:
        raise ReenactError("no-variable", f"--env {name}: it is not set here", valid=f"--env {name}=VALUE")
    return name, env[name]


def _gpus(text: str | None) -> str | None:
    if text is not None and text != "all" and not re.fullmatch(r"[1-9]\d*", text):
        raise _usage(f"--gpus {text}", "all, or how many")
    return text


def _usage(what: str, valid: str) -> ReenactError:
    return ReenactError("usage", f"{what} does not make sense", valid=valid)
