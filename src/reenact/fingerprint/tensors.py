"""Fingerprint of torch tensors on any device, without a synchronisation on accelerators.

Results stay where the tensor is: a Python integer for the CPU, a 0-dim int64 tensor elsewhere, which the caller may copy back
when the device has come that far. On the CPU :mod:`.native` does the sums where it was built; torch's
own operations, which do them everywhere else, give the same numbers.
"""

from __future__ import annotations

from typing import Any

from . import native
from .weights import LEVELS, MASK, ROW, finish, signed_weights

SMALL = 1 << 16
"""Words up to which a tensor is hashed together with others."""

BLOCK = 64
"""Rows that torch hashes at a time on the CPU: 256 Ki words, whose 2 MiB of products stay in cache …"""

DEVICE_BLOCK = 4096
"""… and elsewhere: 16 Mi words, 128 MiB of products."""

PLAIN_DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
"""Those whose bytes in memory are their value: not complex (may be conjugated lazily), not quantized."""


class Unhashable(TypeError):
    """The tensor has no bytes of its own: meta, fake, or wrapped by a function transform."""


class TensorHasher:
    """Fingerprints with one torch module; caches the weights per device.

    Args:
        torch: the torch module that the program imported.
        compiled: use the compiled sums where they were built.
    """

    def __init__(self, torch: Any, compiled: bool = True) -> None:
        self._torch = torch
        self._native = native.load() if compiled else None
        self._strided = torch.strided
        self._int32 = torch.int32
        self._tensor = torch.Tensor
        self._parameter = torch.nn.Parameter
        self._weights: dict[tuple[Any, int], Any] = {}
        self._plain_dtypes = frozenset(getattr(torch, name) for name in PLAIN_DTYPES)

    def _row_weights(self, device: Any, level: int) -> Any:
        key = (device, level)
        row = self._weights.get(key)
        if row is None:
            torch = self._torch
            row = torch.tensor(signed_weights(level), dtype=torch.int64, device="cpu")
            if device.type != "cpu":
                row = row.to(device, non_blocking=True)
            self._weights[key] = row
        return row

    def fingerprint(self, tensor: Any) -> int:
        """64-bit fingerprint, any shape, dtype, layout and device; waits for the device if there is one.

        Raises:
            Unhashable: the tensor holds no bytes.
        """
        value = self.value(tensor)
        return value if type(value) is int else finish(value[0][0].item(), value[0][1])

    def value(self, tensor: Any) -> Any:
        """The fingerprint where it is known at once, else [(0-dim int64 tensor on the tensor's device, bytes)] to finish it from.

        Raises:
            Unhashable: the tensor holds no bytes.
        """
        address = self._address(tensor)
        if address:
            return self._native.fingerprint(address, tensor.nbytes)  # type: ignore[union-attr]
        words, nbytes = self._words(tensor)
        total = self._sum(words)
        return finish(total, nbytes) if type(total) is int else [(total, nbytes)]

    def joint(self, tensors: list[Any]) -> list[tuple[Any, int]]:
        """Several tensors at the price of a few: (weighted sum, bytes) parts, to be combined in this order.

        Tensors of at most SMALL words that lie on one device are hashed as one, laid end to end, and come first; larger
        ones follow, each for itself. Tensors without bytes of their own are left out.
        """
        table: list[int] = []
        small, large, count = [], [], 0
        for tensor in tensors:
            address = self._address(tensor)
            if address:
                words, nbytes = tensor, tensor.nbytes
            else:
                try:
                    words, nbytes = self._words(tensor)
                except Unhashable:
                    continue
                address = self._address(words)
            if nbytes > 4 * SMALL:
                large.append((self._sum(words), nbytes))
                continue
            small.append(words)
            count += nbytes
            if address:
                table += (address, nbytes)
        if not small:
            return large
        if len(table) == 2 * len(small):
            total: Any = self._native.total_pieces(table)  # type: ignore[union-attr]
        elif len({words.device for words in small}) > 1:
            return [(self._sum(words), words.nbytes) for words in small] + large
        else:
            total = self._sum(self._torch.cat([self._words(words)[0] for words in small]))
        large.insert(0, (total, count))
        return large

    def _address(self, tensor: Any) -> int:
        """Where the tensor's bytes lie, in logical order, for the compiled sums; 0 where they do not or are elsewhere."""
        kind = type(tensor)
        if (
            self._native is not None
            and (kind is self._tensor or kind is self._parameter)
            and tensor.is_cpu
            and tensor.layout is self._strided
            and tensor.dtype in self._plain_dtypes
            and tensor.is_contiguous()
            and not (tensor.is_neg() or tensor.is_nested)
        ):
            # 0 for an empty tensor, and for one of zeros that exist nowhere.
            return int(tensor.data_ptr())
        return 0

    def _words(self, tensor: Any) -> tuple[Any, int]:
        """The tensor's bytes in logical order as a 1-d int32 tensor, and how many bytes they were."""
        flat = tensor.detach()
        kind = type(tensor)
        if (
            (kind is not self._tensor and kind is not self._parameter)
            or flat.layout is not self._strided
            or flat.is_quantized
            or flat.is_nested
        ):
            flat = self._plain(flat)
        if flat.is_conj() or flat.is_neg():
            flat = flat.resolve_conj().resolve_neg()
        if flat.is_meta:
            raise Unhashable("a meta tensor has no data")
        if not flat.is_contiguous():
            flat = flat.contiguous()
        if flat.dim() != 1 or flat.numel() == 1:
            flat = flat.as_strided((flat.numel(),), (1,))
        size = flat.element_size()
        nbytes = flat.numel() * size
        if size == 4 or size == 8:
            return flat.view(self._int32), nbytes
        if nbytes % 4 == 0 and (flat.storage_offset() * size) % 4 == 0 and size in (1, 2, 16):
            return flat.view(self._int32), nbytes
        torch = self._torch
        raw = flat.view(torch.uint8)
        padded = torch.zeros(nbytes + -nbytes % 4, dtype=torch.uint8, device=flat.device)
        padded[:nbytes] = raw
        return padded.view(self._int32), nbytes

    def _plain(self, tensor: Any) -> Any:
        """A strided, unquantized tensor that holds the same information."""
        torch = self._torch
        if hasattr(tensor, "to_local"):
            return self._plain(tensor.to_local())
        if tensor.is_quantized:
            return torch.cat([self._bytes(tensor.int_repr()), self._bytes(_scales(torch, tensor))])
        if tensor.is_nested:
            parts = [self._bytes(part.contiguous()) for part in tensor.unbind()]
            sizes = torch.tensor([list(part.shape) for part in tensor.unbind()], dtype=torch.int64)
            return torch.cat([*parts, self._bytes(sizes.to(tensor.device))])
        if tensor.layout is torch.sparse_coo:
            if not tensor.is_coalesced():
                return torch.cat([self._bytes(tensor._indices()), self._bytes(tensor._values())])
            return torch.cat([self._bytes(tensor.indices()), self._bytes(tensor.values())])
        if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
            parts = [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
            return torch.cat([self._bytes(part) for part in parts])
        if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
            parts = [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
            return torch.cat([self._bytes(part) for part in parts])
        if tensor.layout is not torch.strided:
            return tensor.to_dense()
        return tensor

    def _bytes(self, tensor: Any) -> Any:
        return tensor.detach().contiguous().reshape(-1).view(self._torch.uint8)

    def _sum(self, words: Any) -> Any:
        """The weighted sum of a tensor whose bytes lie in order."""
        address = self._address(words)
        return self._native.total(address, words.nbytes) if address else self._total(words, 0)  # type: ignore[union-attr]

    def _total(self, words: Any, level: int) -> Any:
        weights = self._row_weights(words.device, level)
        count = words.numel()
        if count <= ROW:
            total = (words * weights[:count]).sum()
            return int(total.item()) & MASK if words.is_cpu else total
        sums = self._row_sums(words, weights, BLOCK if words.is_cpu else DEVICE_BLOCK)
        return self._total(sums.view(self._torch.int32), min(level + 1, LEVELS - 1))

    def _row_sums(self, words: Any, weights: Any, block: int) -> Any:
        """Weighted sums of the rows: int64, one for every started row of ROW words."""
        torch = self._torch
        full, rest = divmod(words.numel(), ROW)
        sums = torch.empty(full + (1 if rest else 0), dtype=torch.int64, device=words.device)
        rows = words[: full * ROW].view(full, ROW)
        for start in range(0, full, block):
            part = rows[start : start + block]
            torch.sum(part * weights, 1, out=sums[start : start + part.shape[0]])
        if rest:
            sums[full] = (words[full * ROW :] * weights[:rest]).sum()
        return sums


def _scales(torch: Any, tensor: Any) -> Any:
    if tensor.qscheme() in (torch.per_channel_affine, torch.per_channel_symmetric):
        return torch.cat([tensor.q_per_channel_scales().double(), tensor.q_per_channel_zero_points().double()])
    return torch.tensor([tensor.q_scale(), float(tensor.q_zero_point())], dtype=torch.float64)
