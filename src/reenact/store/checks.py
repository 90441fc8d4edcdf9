"""Names in a query that mean nothing here."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable

from ..errors import ReenactError
from .index import Index
from .query import names
from .sql import FIELDS

_SAME = {"time": "duration", "age": "started"}
"""Columns of the list and the fields that they show."""
_NAMED = tuple(field for field in FIELDS if field not in ("tags", "run"))
_NEAR = 2_000
"""Names among which those near one that was typed are looked for."""


def check_where(where: str, index: Index) -> None:
    """A name that no run has would match nothing, whatever the operator, without a word.

    Raises:
        ReenactError: ``unknown-key`` (exit code 2), with the names that are near; ``bad-query``.
    """
    if not index.rows(include_replays=True, limit=1):
        return
    for name in names(where):
        if name not in FIELDS and not index.has_name(name):
            raise unknown_key(name, "compare", index)


def unknown_key(name: str, use: str, index: Index, fields: Iterable[str] = _NAMED) -> ReenactError:
    """The error for a name that no run has, with those that are near.

    Args:
        name: what was typed.
        use: what it was to be used to: ``sort by``.
        index: the runs.
        fields: names that can be used besides those of params and metrics.
    """
    valid = [*fields, *index.names(_NEAR)]
    near = [_SAME[name]] if name in _SAME else difflib.get_close_matches(name, valid, n=3, cutoff=0.5)
    return ReenactError(
        "unknown-key",
        f"no run here has {name!r} to {use}",
        valid=", ".join(map(quoted, valid[:40])),
        fix="did you mean " + " or ".join(map(quoted, near)) + "?" if near else None,
    )


def quoted(name: str) -> str:
    """A name as a query takes it: one with blanks or signs in quotes."""
    return name if re.fullmatch(r"[\w./@-]+", name) else json.dumps(name, ensure_ascii=False)
