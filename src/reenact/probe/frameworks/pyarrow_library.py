"""pyarrow: opens files from C++."""

from __future__ import annotations

from typing import Any

from ..state import Probe
from .readers import wrap


def hook(probe: Probe, module: Any) -> None:
    """Wraps the functions of ``pyarrow`` and ``pyarrow.parquet`` that take a path."""
    if module.__name__ == "pyarrow":
        wrap(module, "memory_map", "r", "pyarrow", 0, "path")
        return
    for name in ("read_table", "read_schema", "read_metadata", "read_pandas"):
        wrap(module, name, "r", "pyarrow", 0, "source")
    wrap(module, "write_table", "w", "pyarrow", 1, "where")
