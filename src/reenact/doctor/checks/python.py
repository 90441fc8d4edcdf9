"""The Python that programs run with: reenact's own may be another."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from ...environment.interpreter import find_python, probe_interpreter
from ...errors import ReenactError
from ..row import Context, Row

OLDEST = (3, 9)
"""Of the Python that programs run with."""


def check(context: Context) -> Iterator[Row]:
    yield Row("reenact", "ok", f"runs with Python {platform.python_version()}")
    try:
        program = find_python(context.env)
        about = probe_interpreter(program, dict(context.env))
    except ReenactError as error:
        yield Row("python", "missing", error.what, error.fix or "install Python, or set REENACT_PYTHON to one")
        return
    version = str(about.get("version"))
    seen = f"programs run with {program}, {about.get('implementation')} {version}"
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        yield Row(
            "python", "missing", seen, f"Python {oldest} or newer: activate its environment, or set REENACT_PYTHON"
        )
        return
    yield Row("python", "ok", seen)
