"""Reading pickles without running anything that they name: unknown classes and functions become opaque placeholders.

The restricted unpickler knows plain containers, and turns torch tensors and numpy arrays into `Tensor`s. Everything
else is kept as what the pickle says about it: a name, arguments, and state.
"""

from __future__ import annotations

import collections
import pickle
import re
from collections.abc import Callable
from typing import Any, BinaryIO

from .found import Unreadable
from .tensors import Tensor

Storage = Callable[[Any], Any]
"""Given a persistent id of the pickle, what stands for it."""


class Opaque:
    """Stands for an object of a class that is not loaded: `name`, and what the pickle would have made it from."""

    name = ""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls)
        made.args = args
        made.kwargs = kwargs
        made.state = None
        made.items = []
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    state: Any
    items: list[Any]

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def append(self, item: Any) -> None:
        self.items.append(item)

    def extend(self, items: Any) -> None:
        self.items.extend(items)

    def add(self, item: Any) -> None:
        self.items.append(item)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items.append((key, value))


_PLAIN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "bytearray"): bytearray,
    ("builtins", "complex"): complex,
    ("builtins", "list"): list,
    ("builtins", "dict"): dict,
    ("builtins", "tuple"): tuple,
    ("builtins", "int"): int,
    ("builtins", "float"): float,
    ("builtins", "str"): str,
    ("builtins", "bool"): bool,
    ("builtins", "bytes"): bytes,
}


def find_class(module: str, name: str) -> Any:
    """What a pickle gets for a name: one of a few plain containers, a reader of arrays, or a placeholder class."""
    module = {"__builtin__": "builtins"}.get(module, module)
    plain = _PLAIN.get((module, name))
    if plain is not None:
        return plain
    if module == "_codecs" and name == "encode":
        return _encode
    return type(name.rpartition(".")[2] or "anonymous", (Opaque,), {"name": f"{module}.{name}"})


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Protocol 2 writes bytes as text in latin1; no other codec is run."""
    if encoding.replace("-", "").replace("_", "").lower() not in ("latin1", "utf8", "ascii"):
        raise Unreadable(f"codec {encoding}")
    return text.encode(encoding)


# The one in Python, not in C: see load_build.
_Base: Any = pickle._Unpickler


class SafeUnpickler(_Base):
    """Unpickles data only. Pure Python, because arrays that joblib puts between the opcodes must be read there."""

    def __init__(
        self,
        file: BinaryIO,
        find: Callable[[str, str], Any] = find_class,
        persistent: Storage | None = None,
    ) -> None:
        super().__init__(file)
        self.raw = file
        self._find = find
        self._persistent = persistent

    def find_class(self, module: str, name: str) -> Any:
        return self._find(module, name)

    def get_extension(self, code: int) -> None:
        # The real one has a cache that would hand out classes without asking find_class.
        raise Unreadable("pickle extension codes")

    def persistent_load(self, pid: Any) -> Any:
        if self._persistent is None:
            raise Unreadable("persistent ids")
        return self._persistent(pid)

    dispatch = dict(_Base.dispatch)

    def load_build(self) -> None:
        """BUILD, then what joblib appends to it: the bytes of an array that its wrapper announces."""
        super().load_build()
        made = self.stack[-1]
        if isinstance(made, Opaque) and made.name.endswith(".NumpyArrayWrapper"):
            self.stack[-1] = self.joblib_array(made.state or {})

    dispatch[pickle.BUILD[0]] = load_build

    def joblib_array(self, wrapper: dict[str, Any]) -> Any:
        shape = tuple(wrapper["shape"])
        dtype = numpy_dtype(wrapper["dtype"])
        if dtype == "object":
            return load(self.raw)
        if wrapper.get("numpy_array_alignment_bytes") is not None:
            self.raw.read(self.raw.read(1)[0])
        count = 1
        for length in shape:
            count *= length
        data = self.raw.read(count * width_of(dtype))
        return Tensor(dtype, shape, data if wrapper.get("order") != "F" else fortran(data, shape, width_of(dtype)))


def load(file: BinaryIO, find: Callable[[str, str], Any] = find_class, persistent: Storage | None = None) -> Any:
    """Read one pickle as data.

    Raises:
        Unreadable: it is no pickle, or one that data alone cannot tell.
    """
    try:
        return SafeUnpickler(file, find, persistent).load()
    except Unreadable:
        raise
    except Exception as error:
        # Anything at all can be wrong with a damaged pickle, and bytes are then compared.
        raise Unreadable(f"{type(error).__name__}: {error}") from error


_NUMPY_KINDS = {"f": "float", "i": "int", "u": "uint", "c": "complex"}


def numpy_name(code: str) -> tuple[str, bool]:
    """A dtype's name for numpy's code (``<f4``), and whether the bytes are big-endian.

    Raises:
        Unreadable: the code is a structured or otherwise unknown type.
    """
    order, code = (code[0], code[1:]) if code[:1] in "<>|=" else ("<", code)
    if code in ("b1", "?"):
        return "bool", False
    if code[:1] == "O":
        return "object", False
    if code[:1] in _NUMPY_KINDS and code[1:].isdigit():
        return f"{_NUMPY_KINDS[code[0]]}{int(code[1:]) * 8}", order == ">"
    if code[:1] in ("S", "U", "V", "M", "m"):
        return f"{order}{code}", False
    raise Unreadable(f"dtype {code}")


def numpy_dtype(dtype: Any) -> str:
    """Name of a pickled numpy dtype (a placeholder).

    Raises:
        Unreadable: it is structured or big-endian.
    """
    if not isinstance(dtype, Opaque) or not dtype.args or not isinstance(dtype.args[0], str):
        raise Unreadable("dtype")
    state = dtype.state
    if isinstance(state, tuple) and len(state) > 3 and state[3]:
        raise Unreadable("structured dtype")
    if isinstance(state, tuple) and len(state) > 1 and state[1] == ">":
        raise Unreadable("big-endian dtype")
    return numpy_name(dtype.args[0])[0]


def width_of(dtype: str) -> int:
    """Bytes of one element of a dtype named by `numpy_name`.

    Raises:
        Unreadable: the width is not known.
    """
    if dtype == "bool":
        return 1
    digits = re.search(r"\d+", dtype)
    number = int(digits[0]) if digits else 0
    if dtype[0] in "<>|=":
        return number * (4 if dtype[1] == "U" else 1) if dtype[1] not in "Mm" else 8
    if not number:
        raise Unreadable(f"width of {dtype}")
    return number // 8


def fortran(data: bytes, shape: tuple[int, ...], width: int) -> bytes:
    """Bytes of a column-major array in row-major order."""
    strides, step = [], 1
    for length in shape:
        strides.append(step)
        step *= length
    return gather(data, 0, shape, tuple(strides), width)


def gather(storage: bytes, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], width: int) -> bytes:
    """Elements of a strided view in logical order; `offset` and `strides` count elements of `width` bytes.

    Raises:
        Unreadable: the view reaches outside the storage.
    """
    count, last = 1, offset
    for length, stride in zip(shape, strides):
        count *= length
        last += max(0, length - 1) * stride
    if count == 0:
        return b""
    if offset < 0 or min(strides, default=0) < 0 or (last + 1) * width > len(storage):
        raise Unreadable("a tensor outside its storage")
    dense = 1
    for length, stride in zip(reversed(shape), reversed(strides)):
        if length != 1 and stride != dense:
            break
        dense *= length
    else:
        return storage[offset * width : (offset + count) * width]
    starts = [offset]
    for length, stride in zip(shape[:-1], strides[:-1]):
        starts = [start + i * stride for start in starts for i in range(length)]
    length, stride = shape[-1], strides[-1]
    pieces = []
    for start in starts:
        if stride == 1:
            pieces.append(storage[start * width : (start + length) * width])
        else:
            places = range(start, start + length * stride, stride) if stride else [start] * length
            pieces.extend(storage[at * width : (at + 1) * width] for at in places)
    return b"".join(pieces)
