"""Where in the user's code something was called from."""

from __future__ import annotations

import os
import sys
from typing import Any

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _foreign() -> tuple[str, ...]:
    """Prefixes of files that are not the user's own: this package, the standard library, installed packages."""
    found = [_HERE + os.sep, "<frozen ", os.path.dirname(os.__file__) + os.sep]
    found += [p + os.sep for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    return tuple(found)


_prefixes: tuple[str, ...] = ()


def is_users(filename: str) -> bool:
    """True for a file that is neither Python's own nor an installed package's nor ours."""
    global _prefixes
    if not _prefixes:
        _prefixes = _foreign()
    return not filename.startswith(_prefixes)


def call_site() -> str:
    """``file:line`` of the innermost frame in the user's code; of the outermost frame when there is none."""
    frame: Any = sys._getframe(1)
    last = frame
    while frame is not None:
        name = frame.f_code.co_filename
        if is_users(name):
            return f"{name}:{frame.f_lineno}"
        last = frame
        frame = frame.f_back
    return f"{last.f_code.co_filename}:{last.f_lineno}"
