"""What a container has changed, as an image of its own."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Sequence
from typing import IO

from ..engine.cli import Engine
from ..engine.failures import explain
from .containers import RUN_LABEL


def commit(engine: Engine, container: str, changed: Sequence[str], image: str, name: str, run: str) -> str:
    """Put what a container has changed on top of the image it was made from.

    The engine's own commit would also keep what reenact has set for that one run: the command, the probe, the hash seed.

    Args:
        container: id of a container that has ended.
        changed: absolute paths to take over.
        image: id of the image that it was made from.
        name: of the new image.
        run: id of the run.

    Returns:
        Id of the new image.

    Raises:
        ReenactError: the engine refuses; nothing is left then.
    """
    fresh = engine.call("create", "--network", "none", image).stdout.split()[-1]
    try:
        _copy(engine, container, fresh, {path.lstrip("/") for path in changed})
        return engine.call("commit", "--change", f"LABEL {RUN_LABEL}={run}", fresh, name).stdout.split()[-1]
    finally:
        engine.call("rm", "--force", fresh, check=False)


def _copy(engine: Engine, source: str, target: str, wanted: set[str]) -> None:
    """Copy files from one container to another, with owners and modes, in one pass."""
    env = dict(engine.env)
    # Archive mode, which Podman has by itself, gives everything to the user of the container.
    kept = ["--archive=false"] if engine.kind == "podman" else []
    with (
        subprocess.Popen([engine.program, "export", source], stdout=subprocess.PIPE, env=env) as reader,
        subprocess.Popen(
            [engine.program, "cp", *kept, "-", f"{target}:/"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
        ) as writer,
    ):
        assert reader.stdout is not None and writer.stdin is not None and writer.stderr is not None
        try:
            _filter(reader.stdout, writer.stdin, wanted)
        except BrokenPipeError:
            pass  # its own words follow
        finally:
            try:
                writer.stdin.close()
            except BrokenPipeError:
                pass
        said = writer.stderr.read().decode("utf-8", "replace")
        writer.stdin = None
    if writer.returncode != 0 or reader.returncode != 0:
        raise explain(engine.kind, ("cp",), said, engine.env)


def _filter(reader: IO[bytes], writer: IO[bytes], wanted: set[str]) -> None:
    with (
        tarfile.open(fileobj=reader, mode="r|") as source,
        tarfile.open(fileobj=writer, mode="w|", format=tarfile.PAX_FORMAT) as target,
    ):
        for member in source:
            if member.name.lstrip("./").rstrip("/") in wanted:
                target.addfile(member, source.extractfile(member) if member.isreg() else None)
