"""What a pickle is of and which modules it takes to load it, read from its opcodes."""

from __future__ import annotations

import math
import sys
from _compat_pickle import IMPORT_MAPPING
from dataclasses import dataclass
from typing import Any, BinaryIO

from ...replay.outputs.unpickle import Opaque, SafeUnpickler, find_class, numpy_name, width_of
from .code import Sources, source_root, sources
from .model import Recorded, normal

_CALLED = {
    "sklearn": ("scikit-learn",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "imblearn": ("imbalanced-learn",),
    "skimage": ("scikit-image",),
    "PIL": ("pillow",),
    "cv2": ("opencv-python", "opencv-python-headless"),
    "umap": ("umap-learn",),
    "yaml": ("pyyaml",),
}
"""Distributions of modules that are not called alike."""


@dataclass(frozen=True)
class Named:
    """One pickle.

    Attributes:
        root: what it is of: an `Opaque` unless it is plain data.
        modules: of every class and function that it names.
    """

    root: Any
    modules: frozenset[str]

    @property
    def kind(self) -> str:
        """The root's class; empty for plain data."""
        return self.root.name if isinstance(self.root, Opaque) else ""


def named(file: BinaryIO, tensors: bool = False) -> Named:
    """Read one pickle; `tensors` when it is torch's, whose tensors lie beside it.

    Raises:
        Exception: it is none, or is damaged.
    """
    modules: set[str] = set()

    def find(module: str, name: str) -> Any:
        modules.add(IMPORT_MAPPING.get(module, module))
        if name in ("bytes", "bytearray"):
            # Called with a number they take as much memory as it says.
            return Opaque
        return find_class(module, name)

    return Named(_Reader(file, find, _tensor if tensors else None).load(), frozenset(modules))


class _Reader(SafeUnpickler):
    """Steps over the arrays of a joblib file, structured ones too."""

    def joblib_array(self, wrapper: dict[str, Any]) -> Any:
        dtype = wrapper["dtype"]
        code, state = str(dtype.args[0]), dtype.state
        if code.lstrip("<>|=").startswith("O"):
            return _Reader(self.raw, self._find).load()
        if wrapper.get("numpy_array_alignment_bytes") is not None:
            self.raw.read(self.raw.read(1)[0])
        names = state[3] if isinstance(state, tuple) and len(state) > 5 else None
        size = math.prod(wrapper["shape"]) * (state[5] if names else width_of(numpy_name(code)[0]))
        if size < 0 or len(self.raw.read(size)) != size:
            raise EOFError
        return Opaque()


def _tensor(pid: Any) -> Any:
    return Opaque()


@dataclass(frozen=True)
class Needed:
    """What it takes to load a pickle: distributions, and recorded sources of the project."""

    distributions: list[str]
    code: Sources


def needed(recorded: Recorded, modules: frozenset[str]) -> Needed | None:
    """Where these modules are from; None when one of them is not known, as ``__main__`` of the script is not."""
    own: list[str] = []
    distributions: list[str] = []
    for module in sorted(modules):
        distribution = _distribution(recorded, module)
        if distribution is None and source_root(recorded, module) is not None:
            own.append(module)
        elif distribution is None:
            return None
        elif distribution:
            distributions.append(distribution)
    code = sources(recorded, own)
    return Needed(distributions, code) if code is not None else None


def _distribution(recorded: Recorded, module: str) -> str | None:
    """The recorded distribution that has a module; empty when it is Python's own, None when no distribution is known to."""
    root = module.partition(".")[0]
    if root == "__main__":
        return None
    if root in sys.stdlib_module_names:
        return ""
    known = recorded.versions.keys() - recorded.editable
    return next((name for name in _CALLED.get(root, (root,)) if normal(name) in known), None)
