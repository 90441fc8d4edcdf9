"""From what an engine says when it fails to an error that a person can act on."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from ..errors import EXIT_MISSING, EXIT_USAGE, ReenactError

_DOWN = (
    "cannot connect to the docker daemon",
    "is the docker daemon running",
    "connection refused",
    "unable to connect to podman",
)
_FULL = ("no space left on device", "disk quota exceeded")
_PORT = ("port is already allocated", "address already in use", "bind for ", "ports are not available")
_PLATFORM = (
    "does not match the specified platform",
    "no matching manifest for",
    "exec format error",
    "does not match the expected platform",
    "no image found in image index for architecture",
)
_GPU = ("could not select device driver", "nvidia-container", "unresolvable cdi devices", "no such cdi device", "setting up cdi devices", "failed to discover gpu")  # fmt: skip
_ABSENT = ("no such image", "image not known", "manifest unknown", "not found: manifest", "repository does not exist", "name unknown", "unable to find image")  # fmt: skip
_LOGIN = ("unauthorized", "authentication required", "denied: requested access", "access to the resource is denied", "no basic auth credentials", "toomanyrequests", "pull rate limit")  # fmt: skip
_UNREACHED = ("no such host", "i/o timeout", "network is unreachable", "tls handshake", "dial tcp", "server gave http response", "context deadline exceeded", "connection reset", "x509:", "bad gateway", "service unavailable")  # fmt: skip


def explain(kind: str, words: Sequence[str], said: str, env: Mapping[str, str]) -> ReenactError:
    """The error for a call that failed.

    Args:
        kind: ``docker`` or ``podman``.
        words: what it was called with.
        said: what it printed.
        env: what it was called with, for HOME and DOCKER_CONFIG.

    Returns:
        An error with slug ``engine-down``, ``engine-denied``, ``engine-config``, ``no-space``, ``port-in-use``,
        ``wrong-platform``, ``no-init``, ``no-gpu``, ``no-image``, ``no-login``, ``no-registry`` or ``engine-failed``.
    """
    text, line = said.lower(), _line(said)
    verb = next((word for word in words if not word.startswith("-")), "")
    if "permission denied" in text and ("docker.sock" in text or "daemon socket" in text or "podman.sock" in text):
        return _missing(
            "engine-denied",
            f"{kind} does not let this user in: {line}",
            "sudo usermod -aG docker $USER, then log in again (or use rootless Docker, or Podman)",
        )
    if "config.json" in text and ("permission denied" in text or "error loading config" in text):
        return config_unreadable(kind, env, line)
    if any(sign in text for sign in _FULL):
        return _missing(
            "no-space",
            f"there is no space left for {kind} {verb}: {line}",
            f"make room: `{kind} system df` says what takes it, `{kind} system prune` and `reenact gc` remove what is unused",
        )
    if any(sign in text for sign in _PORT) and verb in ("run", "start", "create", "container"):
        return _usage("port-in-use", f"a port is in use already: {line}", "name another one: --port HOST:CONTAINER")
    if "container-init binary not found" in text or 'exec: "docker-init"' in text:
        return _missing(
            "no-init",
            f"{kind} lacks the init process for containers: {line}",
            "install it (Debian: sudo apt-get install " + ("catatonit)" if kind == "podman" else "tini or docker.io)"),
        )
    if any(sign in text for sign in _GPU):
        return _missing(
            "no-gpu",
            f"{kind} cannot give a GPU to a container: {line}",
            "install the NVIDIA Container Toolkit (`reenact doctor` looks), or leave --gpus out",
        )
    if any(sign in text for sign in _PLATFORM):
        return _usage(
            "wrong-platform",
            f"the image is made for another platform: {line}",
            "take an image for this machine, or build it here: reenact image build",
        )
    if any(sign in text for sign in _LOGIN):
        return _missing("no-login", f"the registry wants a login: {line}", f"{kind} login REGISTRY")
    if any(sign in text for sign in _ABSENT):
        return _usage("no-image", f"there is no such image: {line}", "`reenact image ls` shows those that are here")
    if verb in ("pull", "push", "build", "buildx", "manifest") and any(sign in text for sign in _UNREACHED):
        return _missing("no-registry", f"the registry cannot be reached: {line}", "check its name and the network")
    if any(sign in text for sign in _DOWN) or ("docker.sock" in text and "no such file" in text):
        start = "sudo systemctl start docker (without systemd: sudo dockerd)"
        return _missing(
            "engine-down",
            f"{kind} is installed, but its engine does not run: {line}",
            start if kind == "docker" else "podman info says why; `podman system migrate` mends an old set-up",
        )
    return ReenactError("engine-failed", f"{kind} {verb} failed: {line or 'it said nothing'}", exit_code=1)


def config_unreadable(kind: str, env: Mapping[str, str], line: str) -> ReenactError:
    """The error for a ``config.json`` that belongs to somebody else: usually written by a ``sudo docker login``."""
    folder = env.get("DOCKER_CONFIG") or os.path.join(env.get("HOME") or "~", ".docker")
    return _missing(
        "engine-config",
        f"{kind} cannot read its settings: {line}",
        f'sudo chown -R "$USER" {folder}',
    )


def _line(said: str) -> str:
    """The sentence that matters: the last line that is an error, without the client's own prefixes."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    lines = [line for line in lines if not re.match(r"(See|Run) '(docker|podman) ", line)]
    wanted = [line for line in lines if re.search(r"(?i)error|denied|failed|cannot|no such", line)] or lines
    text = wanted[-1] if wanted else ""
    text = re.sub(r"^(?:docker|Error|ERROR|error|Error response from daemon)\s*:\s*", "", text)
    text = re.sub(r"^Error response from daemon:\s*", "", text)
    return re.sub(r"\s*See 'docker .*$", "", text).rstrip(".")


def _missing(slug: str, what: str, fix: str) -> ReenactError:
    return ReenactError(slug, what, fix=fix, exit_code=EXIT_MISSING)


def _usage(slug: str, what: str, fix: str) -> ReenactError:
    return ReenactError(slug, what, fix=fix, exit_code=EXIT_USAGE)
