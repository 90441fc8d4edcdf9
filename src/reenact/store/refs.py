"""From what a person types to a run: id, beginning of an id, name, ``last``, ``last~1``."""

from __future__ import annotations

import difflib
import re

from ..errors import ReenactError
from ..record.ids import RUN_ID
from .index import Index, RunRow
from .project import Store

_LAST = re.compile(r"last(?:~(\d+))?$")
_SHOWN = 8


def resolve(store: Store, ref: str, index: Index | None = None) -> str:
    """The id of the run that is meant.

    A full id comes first, then ``last`` (newest first; replays are not counted), a name, the beginning of an id.

    Args:
        store: the store.
        ref: what was typed.
        index: the store's index, where the caller has one open.

    Raises:
        ReenactError: ``unknown-run`` or ``ambiguous-run`` (exit code 2), with the runs that are near or meant.
    """
    ref = ref.strip()
    if RUN_ID.fullmatch(ref) and ref in store.runs():
        return ref
    if index is not None:
        return _among(store, ref, index)
    with Index(store) as opened:
        return _among(store, ref, opened)


def _among(store: Store, ref: str, index: Index) -> str:
    rows = index.rows(include_replays=True)
    own = [row for row in rows if row.replay_of is None]
    last = _LAST.fullmatch(ref)
    if last:
        back = int(last[1] or 0)
        if back < len(own):
            return own[back].id
        raise ReenactError(
            "unknown-run",
            f"there is no run {ref}: {len(own)} {'run is' if len(own) == 1 else 'runs are'} recorded in {store.folder}",
            valid=f"last to last~{len(own) - 1}" if own else None,
            fix=None if own else "record one with `reenact run COMMAND`",
        )
    named = [row for row in own if row.name == ref]
    found = named or ([row for row in rows if row.id.startswith(ref)] if ref else [])
    if len(found) == 1:
        return found[0].id
    if found:
        raise ReenactError(
            "ambiguous-run",
            f"{ref!r} is {'the name' if named else 'the beginning'} of {len(found)} runs",
            valid=_list(found),
            fix="type more of the id",
        )
    raise ReenactError(
        "unknown-run",
        f"there is no run {ref!r} in {store.folder}",
        valid=_near(ref, own) or None,
        fix="see `reenact ls`",
    )


def _near(ref: str, rows: list[RunRow]) -> str:
    words: dict[str, RunRow] = {}
    for row in rows:
        words.setdefault(row.id, row)
        if row.name:
            words.setdefault(row.name, row)
    close = difflib.get_close_matches(ref, words, n=3, cutoff=0.6)
    # A part of an id that is not its beginning: people remember the random end.
    close += [row.id for row in rows if len(ref) >= 3 and ref in row.id]
    chosen = list({words[word].id: words[word] for word in close}.values())
    return _list(chosen or rows[:3])


def _list(rows: list[RunRow]) -> str:
    shown = ", ".join(f"{row.id} ({row.name})" if row.name else row.id for row in rows[:_SHOWN])
    return shown + (f", and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else "")
