"""Names in a query that mean nothing here."""

from __future__ import annotations

import difflib

from ..errors import ReenactError
from .index import Index
from .query import names
from .sql import FIELDS

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
        if name in FIELDS or index.has_name(name) or index.has_name(name.rpartition(".")[0]):
            continue
        known = index.names(_NEAR)
        valid = [*(field for field in FIELDS if field != "tags"), *known]
        near = difflib.get_close_matches(name, valid, n=3, cutoff=0.5)
        raise ReenactError(
            "unknown-key",
            f"no run here has {name!r} to compare",
            valid=", ".join(valid[:40]),
            fix="did you mean " + " or ".join(near) + "?" if near else None,
        )
