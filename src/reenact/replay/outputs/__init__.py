"""Comparing what two runs wrote: matched by path, then by kind of file; every kind is one module of this package."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from ..difference import Tolerance
from . import archives, documents, npy, pickles, safetensors, text, tfevents, torchfile
from .found import Found, Kind, Unreadable
from .match import pair

__all__ = ["KINDS", "OutputResult", "compare_files", "compare_outputs", "outputs_agree"]

_EVENTS = tfevents.KIND

KINDS: tuple[Kind, ...] = (
    torchfile.KIND,
    safetensors.KIND,
    npy.KIND,
    npy.ARCHIVE,
    pickles.KIND,
    archives.TAR,
    archives.GZIP,
    archives.ZIP,
    documents.PNG,
    documents.PDF,
    documents.SVG,
    text.KIND,
)
"""Tried in this order; a kind that cannot read a file passes it on to the next."""


@dataclasses.dataclass(frozen=True)
class OutputResult:
    """How one output of the baseline compares.

    Attributes:
        path: in the baseline (in the candidate for one that only the candidate has).
        candidate_path: what it was compared with; None when there is nothing.
        equal: the contents are equal as `how` compares them.
        how: ``bytes``, ``tensors``, ``structure``, ``members``, ``unpacked``, ``dates-masked``, ``pixels``, ``text``,
            ``records``, ``tolerance``, ``ignored``, ``only-in-baseline``, ``only-in-candidate``, ``unavailable``.
        detail: a sentence; empty when the bytes are equal and so is the path.
    """

    path: str
    candidate_path: str | None
    equal: bool
    how: str
    detail: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return dataclasses.asdict(self)


def outputs_agree(results: Iterable[OutputResult]) -> bool:
    """True when every output that is not ignored is equal."""
    return all(result.equal or result.how == "ignored" for result in results)


def compare_outputs(
    baseline: Sequence[dict[str, Any]],
    candidate: Sequence[dict[str, Any]],
    open_baseline: Callable[[str], Path],
    open_candidate: Callable[[str], Path],
    ignore: Sequence[str] = (),
    tolerance: Tolerance | None = None,
    watched: bool = False,
    logs: Collection[str] = (),
) -> list[OutputResult]:
    """Match and compare the outputs of two runs.

    Args:
        baseline, candidate: ``{path, digest, size, how}`` of each output.
        open_baseline, open_candidate: give a file with the content of a digest; OSError when it is gone.
        ignore: glob patterns on the path, its last part, or a folder of it; told as ``ignored`` and not compared.
        tolerance: compare numbers by value where the kind of file allows it.
        watched: the probe was in the baseline. A file of it that was only found by comparing the project before and
            after, and that the candidate did not write, is then taken for somebody else's and ``ignored``.
        logs: outputs of the baseline that a logger writes: the time on a line is when it was written, and does not count.
    """
    left = {item["path"]: item for item in baseline}
    right = {item["path"]: item for item in candidate}
    pairs, gone, new = pair(left, right)
    results = []
    for path, other in pairs:
        same = left[path]["digest"] == right[other]["digest"]
        note = "" if path == other else f"matched with {other}, whose name differs only in a time, version or id"
        if ignored(path, ignore) or ignored(other, ignore):
            results.append(OutputResult(path, other, same, "ignored", note))
            continue
        if same:
            found = Found(True, "bytes")
        else:
            try:
                one, another = open_baseline(left[path]["digest"]), open_candidate(right[other]["digest"])
                found = (path in logs and text.compare_log(one, another)) or compare_files(
                    path, one, another, tolerance
                )
            except OSError as error:
                found = Found(False, "unavailable", f"the digests differ and a content cannot be read: {error}")
        detail = "; ".join(part for part in (found.detail, note) if part)
        results.append(OutputResult(path, other, found.equal, found.how, detail))
    for path in gone:
        how = "ignored" if ignored(path, ignore) else "only-in-baseline"
        detail = "the candidate did not write it"
        if watched and left[path].get("how") == "scan":
            how, detail = "ignored", "it changed while the baseline ran; nothing saw the baseline write it"
        results.append(OutputResult(path, None, False, how, detail))
    for path in new:
        how = "ignored" if ignored(path, ignore) else "only-in-candidate"
        results.append(OutputResult(path, path, False, how, "the baseline did not write it"))
    return results


def ignored(path: str, patterns: Sequence[str]) -> bool:
    """True when a pattern fits the path, its last part, or one of the folders that it lies in."""
    parts = path.split("/")
    names = [path, parts[-1], *("/".join(parts[:n]) for n in range(1, len(parts))), *parts[:-1]]
    return any(fnmatch.fnmatchcase(name, pattern.rstrip("/")) for pattern in patterns for name in names)


def compare_files(path: str, baseline: Path, candidate: Path, tolerance: Tolerance | None = None) -> Found:
    """Compare two files by what `path` and their first bytes say they are.

    Raises:
        OSError: a file cannot be read.
    """
    with open(baseline, "rb") as one, open(candidate, "rb") as other:
        head, head_other = one.read(16), other.read(16)
        at = _first_byte(one, other)
    if at is None:
        return Found(True, "bytes")
    reasons = []
    for kind in (_EVENTS, *KINDS) if ".tfevents." in path else KINDS:
        if not (kind.knows(path, head) and kind.knows(path, head_other)):
            continue
        try:
            return kind.compare(baseline, candidate, tolerance)
        except (Unreadable, MemoryError, RecursionError) as error:
            reasons.append(f"as {kind.name}: {error or type(error).__name__}")
    note = f" (not readable {'; '.join(reasons)})" if reasons else ""
    if path.lower().endswith((".h5", ".hdf5")):
        note = " (HDF5 may hold times of writing; it is compared by bytes)"
    return Found(False, "bytes", f"the bytes differ from byte {at:,} on{note}")


def _first_byte(one: Any, other: Any) -> int | None:
    """Position of the first differing byte, None when there is none; a shorter file differs at its end."""
    one.seek(0)
    other.seek(0)
    position = 0
    while True:
        left, right = one.read(1 << 20), other.read(1 << 20)
        if left != right:
            both = zip(left, right)
            return position + next((i for i, (x, y) in enumerate(both) if x != y), min(len(left), len(right)))
        if not left:
            return None
        position += len(left)
