"""Where the content of every recorded file can be had now, and which content can no longer be had."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reenact.replay.recorded import (
    KERNEL_PLACES,
    CodeFile,
    InputFile,
    Recorded,
    is_under,
    prefixes_inside,
    relative_to_root,
)

BlobPath = Callable[[str], "Path | None"]
DigestOf = Callable[[str], str]


@dataclass(frozen=True)
class InputProblem:
    """A recorded file whose content can no longer be had.

    ``current_digest`` is None when nothing readable is at ``found_at``, the place that was looked at.
    """

    path: str
    recorded_digest: str
    current_digest: str | None
    found_at: str

    def describe(self) -> str:
        """One line for a person, with both digests."""
        now = f"is now {self.current_digest}" if self.current_digest else "is missing or cannot be read"
        return f"{self.path}: recorded {self.recorded_digest}, {now} ({self.found_at})"


@dataclass(frozen=True)
class Located:
    """A recorded file and where its content is now; ``source`` None when it cannot be had.

    ``relative`` is its path inside the project, None when it lies outside. ``in_place`` says that ``source`` is the
    file's own place and not a blob.
    """

    file: CodeFile | InputFile
    relative: str | None
    place: str
    source: str | None
    in_place: bool
    current_digest: str | None = None


def locate(recorded: Recorded, root: str, blob_path: BlobPath, digest_of: DigestOf) -> Iterator[Located]:
    """Every code file, then every input, with the place that holds the recorded content now.

    Code comes from the store first (it is always kept there), inputs from where they are. Kernel files are left out.
    """
    prefixes = prefixes_inside(recorded)
    files: list[tuple[CodeFile | InputFile, bool]] = [(file, True) for file in recorded.code]
    files += [(file, False) for file in recorded.inputs]
    for file, blob_first in files:
        relative = relative_to_root(file.path, recorded.root)
        place = os.path.join(root, relative) if relative is not None else recorded.place(file.path)
        if relative is None and any(is_under(place, kernel) for kernel in KERNEL_PLACES):
            continue
        # An environment inside the project is shown whole, so a blob cannot stand in for one file of it.
        whole = relative is not None and any(is_under(relative, prefix) for prefix in prefixes)
        yield _locate_one(file, relative, place, None if whole else blob_path, digest_of, blob_first)


def _locate_one(
    file: CodeFile | InputFile,
    relative: str | None,
    place: str,
    blob_path: BlobPath | None,
    digest_of: DigestOf,
    blob_first: bool,
) -> Located:
    if file.digest is None:
        there = place if os.path.exists(place) else None
        return Located(file, relative, place, there, there is not None)
    # Outside the project the file's own place is what the program will open, so it is looked at first.
    if blob_first and relative is not None and blob_path is not None:
        blob = blob_path(file.digest)
        if blob is not None:
            return Located(file, relative, place, str(blob), False)
    current = _digest(place, digest_of)
    if current == file.digest:
        return Located(file, relative, place, place, True, current)
    blob = blob_path(file.digest) if blob_path is not None else None
    return Located(file, relative, place, str(blob) if blob is not None else None, False, current)


def _digest(place: str, digest_of: DigestOf) -> str | None:
    try:
        return digest_of(place) if os.path.isfile(place) else None
    except OSError:
        return None


def problems(located: list[Located], *, in_namespace: bool) -> list[InputProblem]:
    """Those that cannot be given back. Without a namespace a file outside the project must be in its own place."""
    found = []
    for item in located:
        digest = item.file.digest
        if digest is None:
            continue
        if item.source is None or (item.relative is None and not item.in_place and not in_namespace):
            found.append(InputProblem(item.file.path, digest, item.current_digest, item.place))
    return found


def check_inputs(
    recorded: Recorded, root: str | Path, blob_path: BlobPath, digest_of: DigestOf, *, in_namespace: bool = True
) -> list[InputProblem]:
    """Recorded code and inputs whose content is neither in its place nor in the store.

    Args:
        root: the project's root now; relative paths are looked up there, absolute ones at their own place.
        blob_path: digest to the blob's path, None when the store does not hold it.
        digest_of: path to digest, written as in the record.
        in_namespace: whether the replay will have a mount namespace (``sandbox.available() is not None``); only then
            can a blob stand in for a changed file outside the project.
    """
    located = list(locate(recorded, os.path.abspath(root), blob_path, digest_of))
    return problems(located, in_namespace=in_namespace)
