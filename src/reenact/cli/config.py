"""``reenact config``: the params of a script, and nothing run."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click


@click.command(
    name="config",
    context_settings={"allow_interspersed_args": False},
    short_help="Show the params of a script without running it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("script", metavar="SCRIPT")
@click.argument("overrides", metavar="[NAME=VALUE]...", nargs=-1, type=click.UNPROCESSED)
def command(as_json: bool, script: str, overrides: tuple[str, ...]) -> int:
    """Show the params of SCRIPT as its source tells them: constants, arguments of its parser, and overrides.

    Nothing is run. Later origins win: constant, default of an argument, then what is given on the command line.
    """
    from ..config.overrides import load_script
    from ..config.parameters import parameters

    # Options may also stand last, where a person adds them.
    as_json = as_json or "--json" in overrides
    words = tuple(word for word in overrides if word != "--json")
    sources = load_script(script, os.getcwd())
    reader, found = parameters(script, words, sources)
    if as_json:
        data: dict[str, Any] = {"script": script, "reads": reader, "params": [one.to_dict() for one in found]}
        sys.stdout.write(json.dumps(data) + "\n")
        return 0
    from ..report.config import config_lines
    from ..report.console import console

    out = console(sys.stdout)
    if found:
        out.print(config_lines(found))
    for remark in _remarks(script, reader, bool(found), words):
        sys.stderr.write(f"reenact: {remark}\n")
    return 0


def _remarks(script: str, reader: str | None, found: bool, words: tuple[str, ...]) -> list[str]:
    if reader == "hydra":
        return [f"{script} is a Hydra app: `python {script} --cfg job` prints its config"]
    if reader is not None:
        told = f"{script} reads its command line ({reader}): it gets its words as they are"
        return [told] if words or not found else []
    return [] if found else [f"{script} has no params that its source tells"]
