"""What ``reenact init`` did, as text."""

from __future__ import annotations

import os
import shlex

from rich.console import Console

from ..scaffold.create import Created
from .lines import LABEL, Lines
from .quantities import plain

_STEPS = (
    "reenact lock",
    "uv venv .venv && uv pip sync --python .venv/bin/python pylock.toml",
    ". .venv/bin/activate",
    "reenact run src/train.py",
    "reenact verify last",
)


def render_created(made: Created, out: Console) -> None:
    """Print what was added, what was left and why, and what to do next."""
    lines = Lines(out.width)
    where = os.path.relpath(made.folder)
    same = [one for one in made.left if one.same]
    left = [one for one in made.left if not one.same]
    if made.fresh:
        lines.add(plain(f"made {where}: {made.name}, {made.framework}"))
    elif made.added:
        lines.add(plain(f"added to {made.folder.name if where == '.' else where}: {len(made.added)} files"))
    else:
        lines.add("nothing added: all that could be is there")
    lines.table([["+", plain(path)] for path in made.added], indent=2)
    if left:
        lines.heading("left as it is")
        lines.table([[plain(one.path), (plain(one.why))] for one in left], indent=2)
    if same:
        lines.add((f"{len(same)} files are there already, as they would be written", LABEL))
    if made.hints:
        lines.heading("by hand")
        for hint in made.hints:
            lines.sentence(plain(hint), indent=2)
    told = {"made": "a git repository was made", "absent": "git is not installed: there is no repository"}
    told["failed"] = "git could not make a repository: `git init` says why"
    if made.git in told:
        lines.add((told[made.git], LABEL))
    if made.added:
        lines.heading("next")
        steps = [] if where == "." else [f"cd {shlex.quote(where)}"]
        for step in (*steps, *_STEPS):
            lines.add(plain(step), indent=2)
        if "README.md" in made.added:
            lines.add(("README.md has the rest", LABEL))
    out.print(lines.text())
