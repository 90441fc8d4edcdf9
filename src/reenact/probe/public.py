"""``import reenact`` in a recorded program: where reenact is not installed there, what a program may call is here all the same."""

from __future__ import annotations

import os
import sys
from typing import Any

from .state import Probe


class Finder:
    """A meta path finder that comes last, and knows one module: ``reenact``, by the file that an installed one has too."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, "__init__.py")

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec of ``reenact``, as a package without modules of its own."""
        if name != "reenact":
            return None
        from importlib.util import spec_from_file_location

        spec = spec_from_file_location(name, self._path)
        if spec is not None:
            spec.submodule_search_locations = []  # the rest of reenact is not for this interpreter
        return spec


def install(probe: Probe) -> None:
    """Lets the program import ``reenact``."""
    sys.meta_path.append(Finder(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
