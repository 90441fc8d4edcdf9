"""``reenact init``: an experiment repository that works, or what is missing of one."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from ..scaffold.create import Created
    from ..scaffold.files import Framework


@click.command(name="init", short_help="Write an experiment repository that works, or what is missing of one.")
@click.argument("folder", metavar="[DIR]", default=".")
@click.option("--name", metavar="NAME", help="Name of the project; that of its pyproject.toml or folder if not given.")
@click.option("--framework", type=click.Choice(["torch", "numpy"]), help="What the model is written with; torch.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option("--json", "as_json", is_flag=True, help="Ask nothing, and print one JSON object.")
def command(folder: str, name: str | None, framework: str | None, yes: bool, as_json: bool) -> int:
    """Write a project into DIR, this folder if not given: Hydra configs, training, prediction, data, tests, images, CI.

    In a folder with something in it only what is missing is added. No file that is there is ever changed.
    """
    from pathlib import Path

    from ..report.console import console, is_terminal
    from ..report.created import render_created
    from ..scaffold.create import create
    from ..scaffold.naming import checked_name, usual_name

    target = Path(os.path.abspath(folder))
    if name is not None:
        checked_name(name)
    if not (yes or as_json) and is_terminal(sys.stdin) and is_terminal(sys.stdout):
        name = name or click.prompt("Name of the project", default=usual_name(target), err=True)
        framework = framework or click.prompt(
            "Framework", type=click.Choice(["torch", "numpy"]), default="torch", err=True
        )
    made = create(target, name or usual_name(target), cast("Framework", framework or "torch"))
    if as_json:
        sys.stdout.write(json.dumps(_data(made)) + "\n")
    else:
        render_created(made, console(sys.stdout))
    return 0


def _data(made: Created) -> dict[str, Any]:
    """The object of ``--json``."""
    return {
        "path": str(made.folder),
        "name": made.name,
        "framework": made.framework,
        "fresh": made.fresh,
        "added": made.added,
        "left": [{"path": one.path, "why": one.why, "same": one.same} for one in made.left],
        "hints": made.hints,
        "git": made.git,
    }
