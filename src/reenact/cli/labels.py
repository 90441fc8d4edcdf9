"""``reenact tag`` and ``note``: what a person says of a run."""

from __future__ import annotations

import os
import stat
import sys

import click

from .opened import project, say


@click.command(name="tag", short_help="Tag a run, or remove tags.")
@click.argument("run", metavar="RUN")
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Remove the tags instead.")
def tag(run: str, tags: tuple[str, ...], remove: bool) -> int:
    """Add tags to RUN, or remove them."""
    import msgspec

    from ..errors import ReenactError
    from ..record.labels import read_labels, write_labels
    from ..store.refs import resolve

    for one in tags:
        if not one.strip() or not one.isprintable():
            raise ReenactError("bad-tag", f"{one!r} cannot be a tag", valid="printable text that is not blank")
    with project() as (store, index):
        folder = store.run_dir(resolve(store, run, index))
    labels = read_labels(folder)
    if remove:
        for one in tags:
            if one not in labels.tags:
                say(f"{folder.name} has no tag {one}")
        now = [one for one in labels.tags if one not in tags]
    else:
        now = list(dict.fromkeys([*labels.tags, *tags]))
    if now != labels.tags:
        write_labels(folder, msgspec.structs.replace(labels, tags=now))
    say(f"{folder.name}: {'tags ' + ', '.join(now) if now else 'no tags'}")
    return 0


@click.command(name="note", short_help="Print or set the note of a run.")
@click.argument("run", metavar="RUN")
@click.argument("text", metavar="[TEXT]", required=False)
def note(run: str, text: str | None) -> int:
    """Set the note of RUN to TEXT, or to what is piped in; without either, print it. An empty TEXT removes it."""
    import msgspec

    from ..record.labels import read_labels, write_labels
    from ..store.refs import resolve

    with project() as (store, index):
        folder = store.run_dir(resolve(store, run, index))
    labels = read_labels(folder)
    if text is None:
        # A pipe without anything in it says nothing: it must not wipe a note out.
        text = _piped() or None
    if text is None:
        if labels.note:
            sys.stdout.write(labels.note + "\n")
        else:
            say(f"{folder.name} has no note")
        return 0
    new = text.strip("\n") or None
    if labels.note and labels.note != new:
        say(f"{folder.name}: the note was: {labels.note}")
    write_labels(folder, msgspec.structs.replace(labels, note=new))
    say(f"{folder.name}: note {'set' if new else 'removed'}")
    return 0


def _piped() -> str:
    """What stdin holds when it is a pipe or a file; nothing when it is a terminal, a device or closed."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return ""
    return sys.stdin.read() if stat.S_ISFIFO(mode) or stat.S_ISREG(mode) else ""
