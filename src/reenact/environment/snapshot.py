"""The environment of a run as one object, and what differs between two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .hardware import hardware as read_hardware
from .interpreter import from_start_event
from .lock import freeze, pylock
from .packages import distributions
from .variables import bit_variables


@dataclass(frozen=True)
class Snapshot:
    """An environment: the manifest's object, and its two texts."""

    environment: dict[str, Any]
    """The manifest's ``environment``; ``libraries`` is empty, the journals tell it."""
    lock: str
    """Text of pylock.toml; ``environment["lock"]`` is the digest of its UTF-8 bytes."""
    freeze: str
    """Text of freeze.txt."""


def snapshot(
    python: Mapping[str, Any],
    env: Mapping[str, str],
    *,
    hardware: Mapping[str, Any] | None = None,
    variables: Iterable[str] = (),
    packages: list[dict[str, Any]] | None = None,
) -> Snapshot:
    """The environment that a command runs in.

    Args:
        python: the probe's ``start`` event, or what `interpreter.probe_interpreter` gives.
        env: the user's environment variables, redacted or not.
        hardware: what `hardware.hardware` gave, or None to look now.
        variables: names of further variables that count: those that the program itself reads.
        packages: the distributions, where they are known already: those of a container.
    """
    about = dict(from_start_event(python)) if "e" in python else dict(python)
    about.pop("site_packages", None)
    packages = distributions(about.get("path") or []) if packages is None else packages
    machine = dict(hardware if hardware is not None else read_hardware())
    lock = pylock(packages, about.get("version") or "3")
    cpu, gpus = machine.pop("cpu"), machine.pop("gpus")
    environment = {
        "python": about,
        "distributions": packages,
        "lock": "sha256:" + hashlib.sha256(lock.encode("utf-8", "surrogatepass")).hexdigest(),
        "platform": machine,
        "cpu": cpu,
        "gpus": gpus,
        "libraries": {},
        "variables": {name: env[name] for name in variables if name in env} | bit_variables(env),
    }
    return Snapshot(environment, lock, freeze(packages))
