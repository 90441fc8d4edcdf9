"""Two unpickled structures side by side: tensors by bits, containers by item, placeholders by what they hold."""

from __future__ import annotations

import struct
from typing import Any

from ..difference import Tolerance
from .tensors import Meter, Tensor, compare_tensors
from .unpickle import Opaque, numpy_dtype


class Walk:
    """Collects what differs between two structures.

    Attributes:
        differences: one sentence each, `tensors` of them about tensors; compared: tensors looked at.
        notes: what is not a difference but worth telling (dictionary order).
        outside: something differs by more than the tolerance, or is no number.
    """

    def __init__(self, tolerance: Tolerance | None = None) -> None:
        self.tolerance = tolerance
        self.differences: list[str] = []
        self.notes: list[str] = []
        self.compared = 0
        self.outside = False
        self._meter = Meter()
        self._seen: set[tuple[int, int]] = set()
        self._keep: list[Any] = []

    @property
    def equal(self) -> bool:
        return not self.differences

    def values(self, path: str, a: Any, b: Any) -> None:
        """Compare `a` with `b`, iteratively, because a pickle may be nested deeper than Python's stack."""
        stack = [(path, a, b)]
        while stack:
            where, one, other = stack.pop()
            stack.extend(reversed(self._step(where, one, other)))

    def _step(self, path: str, a: Any, b: Any) -> list[tuple[str, Any, Any]]:
        if isinstance(a, Opaque) and isinstance(b, Opaque):
            left, right = array_of(a), array_of(b)
            if left is not None and right is not None:
                # Kept alive, so that the identities in _seen stay unique.
                a, b = left, right
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            self._tensors(path, a, b)
            return []
        if type(a) is not type(b) and not (isinstance(a, Opaque) and isinstance(b, Opaque)):
            self._differ(f"{path or 'value'}: {_short(a)} became {_short(b)}")
            return []
        if isinstance(a, (Opaque, dict, list, tuple)):
            if (id(a), id(b)) in self._seen:
                return []
            self._seen.add((id(a), id(b)))
            self._keep += (a, b)
        if isinstance(a, Opaque):
            return self._opaque(path, a, b)
        if isinstance(a, dict):
            return self._dicts(path, a, b) + _attributes(path, a, b)
        if isinstance(a, (list, tuple)):
            if len(a) != len(b):
                self._differ(f"{path or 'list'}: {len(a)} items became {len(b)}")
            return [(f"{path}[{i}]", x, y) for i, (x, y) in enumerate(zip(a, b))]
        if isinstance(a, (set, frozenset)):
            if {canonical(x) for x in a} != {canonical(x) for x in b}:
                self._differ(f"{path or 'set'}: other members")
            return []
        self._leaf(path, a, b)
        return []

    def _opaque(self, path: str, a: Opaque, b: Opaque) -> list[tuple[str, Any, Any]]:
        if a.name != b.name:
            self._differ(f"{path or 'object'}: a {a.name} became a {b.name}")
            return []
        return [
            (f"{path}({a.name.rpartition('.')[2]})", a.args, b.args),
            (path, a.kwargs, b.kwargs),
            (path, a.state, b.state),
            (path, a.items, b.items),
        ]

    def _dicts(self, path: str, a: dict[Any, Any], b: dict[Any, Any]) -> list[tuple[str, Any, Any]]:
        left = {canonical(key): (key, value) for key, value in a.items()}
        right = {canonical(key): (key, value) for key, value in b.items()}
        for key in left:
            if key not in right:
                self._differ(f"{_join(path, left[key][0])}: only in the baseline")
        for key in right:
            if key not in left:
                self._differ(f"{_join(path, right[key][0])}: only in the candidate")
        if list(left) != list(right) and left.keys() == right.keys():
            self.notes.append(f"keys of {path or 'the dictionary'} in another order")
        return [(_join(path, name), value, right[key][1]) for key, (name, value) in left.items() if key in right]

    def _tensors(self, path: str, a: Tensor, b: Tensor) -> None:
        self.compared += 1
        found = compare_tensors(path, a, b, self.tolerance, self._meter)
        if found is not None:
            self._differ(found.sentence(), within=found.within)

    def _leaf(self, path: str, a: Any, b: Any) -> None:
        if canonical(a) == canonical(b):
            return
        within = False
        if isinstance(a, (int, float)) and self.tolerance is not None and not isinstance(a, bool):
            within = self.tolerance.accepts(a, b)
        self._differ(f"{path or 'value'}: {_became(a, b)}", within=within)

    def _differ(self, sentence: str, within: bool = False) -> None:
        self.outside = self.outside or not within
        self.differences.append(sentence)


def _attributes(path: str, a: Any, b: Any) -> list[tuple[str, Any, Any]]:
    # An OrderedDict may carry attributes (torch's state_dict has _metadata).
    left, right = getattr(a, "__dict__", {}), getattr(b, "__dict__", {})
    return [(path, left, right)] if left or right else []


def _join(path: str, key: Any) -> str:
    if not isinstance(key, str):
        return f"{path}[{_short(key)}]"
    return f"{path}.{key}" if path else key


def _became(a: Any, b: Any) -> str:
    if isinstance(a, (str, bytes)) and len(repr(a)) > 60:
        same = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        if same > 20:
            # What two long texts have in common at the start would hide how they differ.
            return f"from position {same} on, {_short(a[same:])} became {_short(b[same:])}"
    return f"{_short(a)} became {_short(b)}"


def _short(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor {value.dtype}{list(value.shape)}"
    if isinstance(value, Opaque):
        return f"a {value.name}"
    text = repr(value) if not isinstance(value, (dict, list, tuple, set)) else f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def canonical(value: Any) -> Any:
    """A hashable stand-in that is equal exactly when type and bits of `value` are."""
    if isinstance(value, float):
        return ("float", struct.pack("<d", value))
    if isinstance(value, complex):
        return ("complex", struct.pack("<dd", value.real, value.imag))
    if isinstance(value, type):
        # Placeholder classes are made anew for each pickle.
        return ("class", getattr(value, "name", value.__name__))
    if isinstance(value, Opaque):
        return (value.name, canonical(value.args), canonical(value.state))
    if isinstance(value, Tensor):
        return ("tensor", value.dtype, value.shape, value.data)
    if isinstance(value, (tuple, list)):
        return (type(value).__name__, tuple(canonical(item) for item in value))
    if isinstance(value, (set, frozenset)):
        return ("set", frozenset(canonical(item) for item in value))
    if isinstance(value, dict):
        return ("dict", tuple((canonical(key), canonical(item)) for key, item in value.items()))
    if isinstance(value, bytearray):
        return ("bytearray", bytes(value))
    return (type(value).__name__, value)


def array_of(value: Opaque) -> Tensor | None:
    """The tensor in a pickled numpy array or numpy scalar, None for anything else."""
    function = value.name.rpartition(".")[2]
    if not value.name.startswith("numpy"):
        return None
    try:
        if function == "scalar" and len(value.args) == 2 and isinstance(value.args[1], bytes):
            return Tensor(numpy_dtype(value.args[0]), (), value.args[1])
        if function == "_reconstruct" and isinstance(value.state, tuple) and len(value.state) == 5:
            _, shape, dtype, column_major, data = value.state
            name = numpy_dtype(dtype)
            if isinstance(data, bytes) and name != "object":
                # Column-major bytes are compared as they lie, under the reversed shape.
                return Tensor(name, tuple(reversed(shape)) if column_major else tuple(shape), data)
        if function == "_frombuffer" and len(value.args) == 4:
            data, dtype, shape, order = value.args
            name = numpy_dtype(dtype)
            return Tensor(name, tuple(shape) if order == "C" else tuple(reversed(shape)), bytes(data))
    except Exception:
        # A form that is not known is compared as the placeholder that it is.
        return None
    return None
