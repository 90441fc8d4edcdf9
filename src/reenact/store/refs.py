"""From what a person types to a run: id, beginning of an id, name, ``last``, ``last~1``; and ``.3`` after it for a trial."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from ..errors import ReenactError
from ..record import layout
from ..record.ids import RUN_ID
from .index import Brief, Index, RunRow
from .project import Store

_LAST = re.compile(r"last(?:~(\d+))?$")
_TRIAL = re.compile(r"(.+)\.(\d+)")
_SHOWN = 8
_LOOKED = 1000
"""Of the newest so many runs the names are compared with one that no run has."""


def check_name(name: str | None) -> None:
    """Refuse a name that always means another run.

    Raises:
        ReenactError: ``bad-name`` (exit code 2).
    """
    if name is not None and (_LAST.fullmatch(name.strip()) or RUN_ID.fullmatch(name.strip())):
        raise ReenactError(
            "bad-name",
            f"a run cannot be named {name!r}: that means {'the newest run' if 'last' in name else 'the run of that id'}",
            fix="choose another name",
        )


def resolve(store: Store, ref: str, index: Index | None = None) -> str:
    """The id of the run that is meant.

    A full id comes first, then ``last`` (newest first; replays and trials are not counted), a name, the beginning of an id. A point and a number
    after it mean that trial of it.

    Args:
        store: the store.
        ref: what was typed.
        index: the store's index, where the caller has one open.

    Raises:
        ReenactError: ``unknown-run`` or ``ambiguous-run`` (exit code 2), with the runs that are near or meant.
    """
    ref = ref.strip()
    if RUN_ID.fullmatch(ref) and any((store.run_dir(ref) / name).exists() for name in (layout.START, layout.MANIFEST)):
        return ref
    if index is not None:
        return _among(store, ref, index)
    with Index(store) as opened:
        return _among(store, ref, opened)


def expand(store: Store, refs: Iterable[str], index: Index) -> list[RunRow]:
    """The runs that are meant, each once, in the order named; a sweep that has trials means all of them.

    Raises:
        ReenactError: as `resolve`.
    """
    found: dict[str, RunRow] = {}
    for ref in refs:
        run = resolve(store, ref, index)
        for row in index.trials(run) or [one for one in [index.row(run)] if one is not None]:
            found.setdefault(row.id, row)
    return list(found.values())


def _among(store: Store, ref: str, index: Index) -> str:
    last = _LAST.fullmatch(ref)
    if last:
        run = index.latest(int(last[1] or 0))
        if run is not None:
            return run
        count = index.latest_count()
        raise ReenactError(
            "unknown-run",
            f"there is no run {ref}: {count:,} {'run is' if count == 1 else 'runs are'} recorded in {store.folder}",
            valid=f"last to last~{count - 1}" if count else None,
            fix=None if count else "record one with `reenact run COMMAND`",
        )
    named = index.named(ref)
    found = named or (index.beginning(ref) if ref else [])
    trial = _TRIAL.fullmatch(ref)
    if trial and not found and not index.named(ref, replays=True):
        sweep = _among(store, trial[1], index)
        jobs = index.trial_ids(sweep)
        if f"{sweep}.{trial[2]}" in jobs:
            return f"{sweep}.{trial[2]}"
        raise ReenactError(
            "unknown-run",
            f"the run {sweep} has no trial {trial[2]}",
            valid=", ".join(jobs[:_SHOWN]) or None,
            fix=None if jobs else "it is no sweep",
        )
    if "." not in ref:
        # The beginning of a sweep's id is that of its trials' too.
        found = [row for row in found if row.sweep is None] or found
    if len(found) == 1:
        return found[0].id
    if found:
        raise ReenactError(
            "ambiguous-run",
            f"{ref!r} is {'the name' if named else 'the beginning'} of {len(found):,} runs",
            valid=_list(found),
            fix="type more of the id",
        )
    raise ReenactError(
        "unknown-run",
        f"there is no run {ref!r} in {store.folder}",
        valid=_near(ref, index) or None,
        fix="see `reenact ls`",
    )


def _near(ref: str, index: Index) -> str:
    rows = index.near(ref if len(ref) >= 3 else "", _LOOKED)
    words: dict[str, Brief] = {}
    for row in rows:
        words.setdefault(row.id, row)
        if row.name:
            words.setdefault(row.name, row)
    close = difflib.get_close_matches(ref, words, n=3, cutoff=0.6)
    # A part of an id that is not its beginning: people remember the random end.
    close += [row.id for row in rows if len(ref) >= 3 and ref in row.id]
    chosen = list({words[word].id: words[word] for word in close}.values())
    return _list(chosen or rows[:3])


def _list(rows: list[Brief]) -> str:
    shown = ", ".join(f"{row.id} ({row.name})" if row.name else row.id for row in rows[:_SHOWN])
    return shown + (f", and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else "")
