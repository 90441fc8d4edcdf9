"""One container engine: Docker or Podman, by its program."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Literal

from ..errors import ReenactError
from .failures import explain

Kind = Literal["docker", "podman"]
Builder = Literal["buildx", "buildkit", "legacy", "buildah"]


@dataclass(frozen=True)
class Engine:
    """A program that talks to a container engine.

    Attributes:
        kind: ``docker`` or ``podman``.
        program: absolute path of it.
        env: environment that it is called with (``DOCKER_HOST``, ``CONTAINERS_CONF``, … count).
    """

    kind: Kind
    program: str
    env: Mapping[str, str]

    def call(
        self,
        *words: str,
        check: bool = True,
        data: bytes | None = None,
        extra_env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Call the program and capture what it prints.

        Args:
            check: raise when it fails.
            data: bytes for its stdin; it has none otherwise.
            extra_env: variables on top of ``env``.
            timeout: seconds that it may take.

        Raises:
            ReenactError: it failed; what is known of the reason decides slug and exit code (see `failures.explain`).
        """
        try:
            done = subprocess.run(
                [self.program, *words],
                env={**self.env, **(extra_env or {})},
                input=data,
                stdin=subprocess.DEVNULL if data is None else None,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ReenactError(
                "engine-slow",
                f"{self.kind} has not answered within {timeout:g} s",
                fix=f"{self.kind} info",
                exit_code=4,
            ) from None
        text = subprocess.CompletedProcess(
            done.args,
            done.returncode,
            done.stdout.decode("utf-8", "replace"),
            done.stderr.decode("utf-8", "replace"),
        )
        if check and text.returncode != 0:
            raise explain(self.kind, words, text.stderr or text.stdout, self.env)
        return text

    def feed(self, *words: str, write: Callable[[IO[bytes]], object]) -> str:
        """Call the program and write its stdin while it reads; what it printed.

        Args:
            write: gets the stdin; what it raises ends the program and is raised.

        Raises:
            ReenactError: it failed.
        """
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                [self.program, *words], env=dict(self.env), stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT
            )
            assert process.stdin is not None
            try:
                with process.stdin:
                    write(process.stdin)
            except BrokenPipeError:
                pass  # it has said why
            except BaseException:
                process.kill()
                process.wait()
                raise
            code = process.wait()
            said.seek(0)
            text = said.read().decode("utf-8", "replace")
        if code != 0:
            raise explain(self.kind, words, text, self.env)
        return text

    def follow(self, words: Sequence[str], line: Callable[[str], object], extra_env: Mapping[str, str]) -> int:
        """Call the program and hand over what it prints, on stdout and stderr, line by line; its exit code.

        Args:
            line: gets each line with its end; what it raises ends the program and is raised.
        """
        process = subprocess.Popen(
            [self.program, *words],
            env={**self.env, **extra_env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        assert process.stdout is not None
        try:
            with process.stdout:
                for text in process.stdout:
                    line(text)
            return process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise

    def json(self, *words: str) -> Any:
        """What a call prints as JSON; a value for each line where there are several.

        Raises:
            ReenactError: it failed, or answered something else.
        """
        out = self.call(*words).stdout
        try:
            return json.loads(out)
        except ValueError:
            pass
        try:
            return [json.loads(line) for line in out.splitlines() if line.strip()]
        except ValueError:
            raise ReenactError(
                "engine-answer", f"{self.kind} {' '.join(words)} did not answer in JSON: {out[:200]!r}", exit_code=4
            ) from None

    def alive(self) -> dict[str, Any]:
        """What the engine tells of itself.

        Raises:
            ReenactError: ``engine-down``, ``engine-denied`` or ``engine-config``: it cannot be used, and why.
        """
        found: dict[str, Any] = self.json("info", "--format", "{{json .}}")
        # Docker's client answers about itself where the daemon does not, and exits with 0.
        errors = found.get("ServerErrors")
        if errors:
            raise explain(self.kind, ("info",), "\n".join(errors), self.env)
        return found

    @functools.cached_property
    def about(self) -> dict[str, Any]:
        """What `alive` told, asked once."""
        return self.alive()

    @functools.cached_property
    def version(self) -> tuple[int, ...]:
        """Version of the program (not of the daemon); empty where it does not tell."""
        found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", self.call("--version", check=False).stdout)
        return tuple(int(part) for part in found.groups("0")) if found else ()

    @functools.cached_property
    def builder(self) -> Builder:
        """How images are built: by BuildKit as a plug-in or built in, by Docker's old builder, or by Podman's."""
        if self.kind == "podman":
            return "buildah"
        if self.call("buildx", "version", check=False).returncode == 0:
            return "buildx"
        # Since 23, Docker's BuildKit is only had through the plug-in.
        return "buildkit" if self.version and self.version < (23,) and self.version >= (18, 9) else "legacy"

    @functools.cached_property
    def rootless(self) -> bool:
        """The engine runs as a user: that user is root in its containers."""
        if self.kind == "podman":
            return os.geteuid() != 0
        return "name=rootless" in str(self.about.get("SecurityOptions"))

    @functools.cached_property
    def server_version(self) -> str | None:
        """Version of the engine itself."""
        found = self.about.get("ServerVersion") or (self.about.get("version") or {}).get("Version")
        return str(found) if found else None

    @functools.cached_property
    def has_bridge(self) -> bool:
        """There is the network that containers are put on where none is named."""
        if self.kind == "podman":
            return True
        names = self.call("network", "ls", "--format", "{{.Name}}", check=False)
        return names.returncode != 0 or "bridge" in names.stdout.split()

    @functools.cached_property
    def remote(self) -> bool:
        """The engine is on another machine, where nothing of this one can be mounted."""
        host = self.env.get("DOCKER_HOST") or self.env.get("CONTAINER_HOST") or ""
        if not host and self.kind == "docker":
            found = self.call("context", "inspect", "--format", "{{.Endpoints.docker.Host}}", check=False)
            host = found.stdout.strip() if found.returncode == 0 else ""
        return host.startswith(("tcp:", "ssh:", "http:", "https:")) and "127.0.0.1" not in host

    def exists(self, kind: str, name: str) -> bool:
        """Whether the engine has an ``image`` or a ``container`` of that name or id."""
        return self.call(kind, "inspect", "--format", "{{.Id}}", name, check=False).returncode == 0

    def stream(self, words: Sequence[str], extra_env: Mapping[str, str] | None = None) -> int:
        """Call the program with this process's own terminal; its exit code."""
        return subprocess.run([self.program, *words], env={**self.env, **(extra_env or {})}, check=False).returncode
