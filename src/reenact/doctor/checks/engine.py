"""Container engines: found, and answering."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import ReenactError
from ..row import Context, Row, Status

_NEEDED = "runs in containers and images need one"


def check(context: Context) -> Iterator[Row]:
    try:
        found = context.engines
    except ReenactError as error:
        yield Row("engine", "warning", error.what, error.fix or f"valid: {error.valid}")
        return
    if not found:
        fix = "sudo apt-get install docker.io, or podman"
        yield Row("engine", "warning", f"neither docker nor podman is on PATH; {_NEEDED}", fix)
        return
    for at, seen in enumerate(found):
        if seen.info is not None:
            # Asked for only now: an engine that hangs would hang here too.
            name = f"{seen.engine.kind} {'.'.join(map(str, seen.engine.version))}".strip()
            where = "on another machine" if seen.engine.remote else "here"
            used = "is used" if at == 0 else "answers too"
            yield Row("engine", "ok", f"{name} {used}, {seen.engine.program}; its engine runs {where}")
        else:
            why = seen.error or ReenactError("engine-failed", "it does not answer")
            # One that is not used does no harm.
            status: Status = "warning" if at == 0 else "not checked"
            yield Row("engine", status, f"{seen.engine.program}: {why.what}", why.fix or f"{seen.engine.kind} info")
