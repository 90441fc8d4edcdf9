"""uv, which solves locks and makes environments again."""

from __future__ import annotations

from collections.abc import Iterator

from ...environment.uv import find_uv
from ...errors import ReenactError
from ..asked import asked
from ..row import Context, Row


def check(context: Context) -> Iterator[Row]:
    try:
        program = find_uv(context.env)
    except ReenactError:
        yield Row("uv", "warning", "not installed: `reenact lock` and `reenact env` need it", "pip install uv")
        return
    answer = asked([program, "--version"], context.env)
    if answer is None or answer[0] != 0:
        yield Row(
            "uv",
            "warning",
            f"{program} does not run: {answer[1] if answer else 'no answer'}",
            "pip install --upgrade uv",
        )
        return
    yield Row("uv", "ok", f"{answer[1]}, {program}")
