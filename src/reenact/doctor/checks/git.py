"""git, which tells the commit of the code that ran."""

from __future__ import annotations

from collections.abc import Iterator

from ..asked import asked
from ..row import Context, Row


def check(context: Context) -> Iterator[Row]:
    program = context.which("git")
    if program is None:
        seen = "not on PATH: records name no commit, the code itself is recorded all the same"
        yield Row("git", "warning", seen, "sudo apt-get install git, or your system's own way")
        return
    answer = asked([program, "--version"], context.env)
    if answer is None or answer[0] != 0:
        yield Row(
            "git", "warning", f"{program} does not run: {answer[1] if answer else 'no answer'}", "install git again"
        )
        return
    inside = asked([program, "-C", str(context.cwd), "rev-parse", "--show-toplevel"], context.env)
    if inside is not None and inside[0] != 0 and "dubious ownership" in inside[1]:
        fix = f"git config --global --add safe.directory {context.cwd}"
        yield Row("git", "warning", "the repository belongs to another user, and git does not look at it", fix)
        return
    where = f"repository {inside[1]}" if inside and inside[0] == 0 else "this folder is in no repository"
    yield Row("git", "ok", f"{answer[1].removeprefix('git ')}; {where}")
