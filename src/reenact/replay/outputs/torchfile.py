"""torch checkpoints (.pt, .pth, .ckpt, .bin), read tensor by tensor without torch.

The zip form since torch 1.6: ``<root>/data.pkl`` and one member ``<root>/data/<key>`` for each storage. The root's name
follows the file's name and the other members tell the writer, so two equal checkpoints may differ as files.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

from ..difference import Tolerance
from .found import Found, Kind, Unreadable, listed
from .structure import Walk
from .tensors import DTYPES, Tensor
from .unpickle import Opaque, find_class, gather, load

_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "uint8",
}

# Members that say who wrote the file, not what is in it.
_ENVELOPE = ("version", ".format_version", ".storage_alignment", ".data/serialization_id", "byteorder")


class _Checkpoint:
    """One zip checkpoint; storages are read when a tensor of theirs is compared."""

    def __init__(self, path: Path) -> None:
        try:
            self.zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise Unreadable("not the zip form of a torch checkpoint") from error
        names = self.zip.namelist()
        found = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(found) != 1:
            self.zip.close()
            raise Unreadable("a zip without data.pkl")
        self.root = found[0][: -len("data.pkl")]
        self.others = {
            name[len(self.root) :]: name
            for name in names
            if name != found[0] and not name.startswith(f"{self.root}data/") and name[len(self.root) :] not in _ENVELOPE
        }
        if f"{self.root}byteorder" in names and self.zip.read(f"{self.root}byteorder") == b"big":
            self.zip.close()
            raise Unreadable("big-endian storages")

    def load(self) -> Any:
        return load(io.BytesIO(self.zip.read(f"{self.root}data.pkl")), find=self._find, persistent=self._persistent)

    def _persistent(self, pid: Any) -> Any:
        if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage"):
            raise Unreadable("an unknown persistent id")
        kind = getattr(pid[1], "name", str(pid[1])).rpartition(".")[2]
        return _Storage(self, _STORAGES.get(kind, "uint8"), str(pid[2]))

    def _find(self, module: str, name: str) -> Any:
        return _READERS.get(f"{module}.{name}") or find_class(module, name)


class _Storage(Opaque):
    name = "torch.storage"

    def __new__(cls, owner: _Checkpoint, dtype: str, key: str) -> Any:
        made = super().__new__(cls)
        made.owner, made.dtype, made.key = owner, dtype, key
        return made

    owner: _Checkpoint
    dtype: str
    key: str

    def read(self) -> bytes:
        return self.owner.zip.read(f"{self.owner.root}data/{self.key}")

    def tensor(self) -> Tensor:
        """All of the storage, as a tensor of its own (a script may save one)."""
        data = self.read()
        return Tensor(self.dtype, (len(data) // max(1, DTYPES[self.dtype][0]),), data)


class _View(Opaque):
    """A tensor before its bytes are read."""

    name = "torch.Tensor"

    def tensor(self) -> Tensor:
        storage, offset, shape, strides = self.args[:4]
        dtype = self.kwargs["dtype"]
        shape = tuple(shape.args[0] if isinstance(shape, Opaque) else shape)
        if dtype not in DTYPES:
            return Tensor(dtype, shape, storage.read())
        return Tensor(dtype, shape, gather(storage.read(), offset, shape, tuple(strides), DTYPES[dtype][0]))


def _rebuild_v2(storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, *rest: Any) -> Any:
    if not isinstance(storage, _Storage):
        raise Unreadable("a tensor without storage")
    view = _View(storage, offset, size, stride, dtype=storage.dtype)
    view.state = (requires_grad, *rest[1:])
    return view


def _rebuild_v3(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, dtype: Any, *rest: Any
) -> Any:
    if not isinstance(storage, _Storage):
        raise Unreadable("a tensor without storage")
    name = str(getattr(dtype, "name", "unknown")).rpartition(".")[2]
    view = _View(storage, offset, size, stride, dtype=name)
    view.state = (requires_grad, *rest)
    return view


_READERS: dict[str, Any] = {
    "torch._utils._rebuild_tensor_v2": _rebuild_v2,
    "torch._utils._rebuild_tensor_v3": _rebuild_v3,
}


class _TorchWalk(Walk):
    """Reads a pair of tensors when it meets them, so that one pair is in memory at a time."""

    def _step(self, path: str, a: Any, b: Any) -> list[tuple[str, Any, Any]]:
        if isinstance(a, _View) and isinstance(b, _View):
            self._tensors(path, a.tensor(), b.tensor())
            return [(f"{path}.requires_grad", a.state, b.state)]
        if isinstance(a, _Storage) and isinstance(b, _Storage):
            self._tensors(path, a.tensor(), b.tensor())
            return []
        return super()._step(path, a, b)


def compare(a: Path, b: Path, tolerance: Tolerance | None) -> Found:
    """Compare two checkpoints tensor by tensor, and the rest of them as plain data."""
    if not (zipfile.is_zipfile(a) and zipfile.is_zipfile(b)):
        raise Unreadable("not in torch's zip form, so not read tensor by tensor")
    left, right = _Checkpoint(a), _Checkpoint(b)
    with left.zip, right.zip:
        walk = _TorchWalk(tolerance)
        walk.values("", left.load(), right.load())
        # TorchScript keeps code and constants beside the tensors.
        for name in sorted(left.others.keys() | right.others.keys()):
            if name not in left.others or name not in right.others:
                walk.differences.append(
                    f"member {name} only in the {'candidate' if name in right.others else 'baseline'}"
                )
                walk.outside = True
            elif left.zip.read(left.others[name]) != right.zip.read(right.others[name]):
                walk.differences.append(f"member {name} differs")
                walk.outside = True
    return told(walk, "the files differ only in their zip envelope (names, timestamps, the pickle's memo)")


def told(walk: Walk, envelope: str) -> Found:
    """The Found that a finished walk amounts to."""
    how = "tensors" if walk.compared else "structure"
    unit = f"{walk.compared:,} tensors" if walk.compared else "the contents"
    if walk.equal:
        return Found(True, how, "; ".join([f"{unit} equal, {envelope}", *walk.notes[:3]]))
    if walk.tolerance is not None and not walk.outside:
        return Found(True, "tolerance", f"within the tolerance: {listed(walk.differences)}")
    return Found(False, how, listed(walk.differences))


KIND = Kind("torch", (".pt", ".pth", ".ckpt", ".bin", ".pt2", ".tar"), compare)
