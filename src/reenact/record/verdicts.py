"""Verdicts as attestations of the baseline: in-toto Statements in its ``verdicts/`` folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from . import layout
from .atomic import write_atomic
from .canonical import canonical_json, digest_bytes
from .changed import note_change

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://reenact.dev/verdict/v1"


class Verdict(Struct, frozen=True, kw_only=True):
    """The predicate: what was compared, and what came out."""

    verdict: str
    baseline: str
    candidate: str
    who: str | None
    when: str
    machine: dict[str, Any]
    steps_compared: int
    first_difference: dict[str, Any] | None = None
    causes: list[dict[str, Any]] = []
    outputs: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    gaps: list[dict[str, Any]] = []
    tolerance: float | None = None
    fresh_entropy: bool = False


def write_verdict(run_dir: str | os.PathLike[str], verdict: Verdict) -> Path:
    """Write the attestation of a verdict beside its baseline; returns the file.

    Args:
        run_dir: folder of the baseline; its manifest.json is the subject, by digest.
        verdict: the predicate. A second verdict with the same candidate replaces the first.

    Raises:
        OSError: the baseline has no manifest.
        ReenactError: as `write_atomic`.
    """
    folder = Path(run_dir)
    digest = digest_bytes((folder / layout.MANIFEST).read_bytes())
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": f"{verdict.baseline}/{layout.MANIFEST}", "digest": {"sha256": digest.removeprefix("sha256:")}}
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": verdict,
    }
    (folder / layout.VERDICTS).mkdir(exist_ok=True)
    path = folder / layout.VERDICTS / f"{verdict.candidate}.json"
    write_atomic(path, canonical_json(statement))
    os.utime(folder)  # the index looks at the run folder's own time only
    note_change(folder)
    return path


def read_verdicts(run_dir: str | os.PathLike[str]) -> list[Verdict]:
    """The verdicts on a run, oldest first; a file that is not one is left out."""
    verdicts = []
    for path in sorted((Path(run_dir) / layout.VERDICTS).glob("*.json")):
        try:
            statement = json.loads(path.read_bytes())
            if statement["predicateType"] == PREDICATE_TYPE:
                verdicts.append(msgspec.convert(statement["predicate"], Verdict))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(verdicts, key=lambda verdict: verdict.when)
