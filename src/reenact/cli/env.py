"""``reenact env``: the environment of a run, made again; what differs between two, or has changed since."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from .opened import say

if TYPE_CHECKING:
    from ..environment.compare import EnvChange
    from ..record.schema import Manifest
    from ..store.project import Store


class _Env(click.Group):
    """``env RUN`` is ``env make RUN``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["make", *args]
        return super().resolve_command(ctx, args)


@click.group(name="env", cls=_Env, short_help="Make the environment of a run again, or compare environments.")
def command() -> None:
    """`reenact env RUN` makes the environment of RUN again and prints its interpreter.

    It lies in a cache that all projects share; `verify` uses it where packages have changed since.
    """


@command.command(name="make")
@click.argument("run", metavar="RUN", default="last")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def make(run: str, as_json: bool) -> int:
    """The environment of RUN, made again from its record: each distribution compared by fingerprint.

    Exit code 0: all are as recorded; 1: some could not be had, which is told.
    """
    from ..environment.recreate import recreate
    from ..replay.interpreter import environments_folder

    _, manifest, data = _environment(run)
    found = recreate(data, environments_folder(), dict(os.environ))
    if as_json:
        wrong = [{"name": one.name, "version": one.version, "why": one.why} for one in found.wrong]
        told = {"python": found.python, "equal": found.equal, "unknown": found.unknown, "wrong": wrong}
        sys.stdout.write(json.dumps({"run": manifest.run, "fresh": found.fresh, **told}) + "\n")
        return 1 if found.wrong else 0
    for one in found.wrong:
        say(f"{one.name} {one.version}: {one.why}")
    total = found.equal + found.unknown + len(found.wrong)
    text = f"{found.equal} of {total} distributions are as recorded, by fingerprint"
    text += f"; of {found.unknown} the record has none" if found.unknown else ""
    say(text + ("" if found.fresh else " (made before)"))
    sys.stdout.write(found.python + "\n")
    return 1 if found.wrong else 0


@command.command(name="diff")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff(a: str, b: str, as_json: bool) -> int:
    """What differs between the environments of the runs A and B. Exit code 1: something that can change bits."""
    from ..environment.compare import compare

    return _show(compare(_environment(a)[2], _environment(b)[2]), ("A", "B"), as_json)


@command.command(name="check")
@click.argument("run", metavar="RUN", default="last")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(run: str, as_json: bool) -> int:
    """What has changed since RUN in the environment that its command would get now. Exit code 1: something that can change bits."""
    from ..environment.compare import compare
    from ..environment.interpreter import find_python, probe_interpreter
    from ..environment.snapshot import snapshot

    store, manifest, recorded = _environment(run)
    if manifest.container is not None:
        say(
            f"{manifest.run} ran in the image {manifest.container['name']}, which does not change: this is the machine's own"
        )
    env = dict(os.environ)
    python = manifest.command.interpreter
    python = python if python is not None and os.access(python, os.X_OK) else find_python(env)
    about = probe_interpreter(python, env, str(store.folder / "cache" / "interpreters.json"))
    current = snapshot(about, env, variables=manifest.environment.variables).environment
    changes = [change for change in compare(recorded, current) if change.kind != "library"]
    return _show(changes, ("recorded", "now"), as_json)


def _environment(run: str) -> tuple[Store, Manifest, dict[str, Any]]:
    """The store, the manifest of a run, and its environment as plain data."""
    import msgspec

    from ..store.project import Store
    from ..store.refs import resolve

    store = Store.open(os.getcwd())
    manifest = store.manifest(resolve(store, run))
    return store, manifest, msgspec.to_builtins(manifest.environment)


def _show(changes: list[EnvChange], sides: tuple[str, str], as_json: bool) -> int:
    import dataclasses

    from ..report.console import console
    from ..report.env import changes_table

    if as_json:
        sys.stdout.write(json.dumps([dataclasses.asdict(change) for change in changes]) + "\n")
    elif changes:
        out = console(sys.stdout)
        out.print(changes_table(changes, sides, out.width))
    else:
        say("nothing differs")
    return 1 if any(change.severity == "bits" for change in changes) else 0
