"""reenact's compiled parts, without which it works, slower."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import reenact

from ..row import Context, Row

PARTS = {
    "fingerprint/_w64.so": "fingerprints",
    "probe/_audit.abi3.so": "the start of programs",
    "probe/_steps.so": "recorded steps",
}


def check(context: Context) -> Iterator[Row]:
    folder = Path(reenact.__file__).parent
    absent = {part: what for part, what in PARTS.items() if not (folder / part).is_file()}
    if absent:
        seen = f"not there: {', '.join(absent)}; slower: {', '.join(absent.values())}"
        fix = "install a C compiler and Python's headers (Debian: sudo apt-get install gcc python3-dev), then install reenact again"
        yield Row("compiled parts", "warning", seen, fix)
        return
    yield Row("compiled parts", "ok", ", ".join(PARTS))
