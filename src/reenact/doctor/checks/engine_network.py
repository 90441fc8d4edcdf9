"""The network that containers get when nothing else is said."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import ReenactError
from ..engines import PATIENCE_S
from ..row import Context, Row


def check(context: Context) -> Iterator[Row]:
    if context.engine is None:
        yield Row("network", "not checked", "no engine answers")
        return
    engine = context.engine.engine
    if engine.kind == "podman" and engine.rootless:
        yield Row("network", "ok", "Podman makes one for each container of a user")
        return
    name = "podman" if engine.kind == "podman" else "bridge"
    try:
        names = engine.call("network", "ls", "--format", "{{.Name}}", timeout=PATIENCE_S).stdout.split()
    except ReenactError as error:
        yield Row("network", "not checked", error.what)
        return
    if name not in names:
        seen = f"{engine.kind} has no network `{name}`: containers and builds need `--network host` (or none)"
        fix = "start dockerd without --bridge=none" if engine.kind == "docker" else "podman network create podman"
        yield Row("network", "warning", seen, fix)
        return
    yield Row("network", "ok", f"{engine.kind} has the network `{name}`")
