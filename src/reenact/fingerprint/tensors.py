"""Fingerprint of torch tensors on any device, without a synchronisation on accelerators.

``total`` leaves its result where the tensor is: a Python integer for the CPU, a 0-dim int64 tensor elsewhere, which the
caller may copy back when the device has come that far.
"""

from __future__ import annotations

from typing import Any

from .weights import LEVELS, MASK, ROW, finish, signed_weights

BLOCK = 64
"""Rows hashed at a time on the CPU: 256 Ki words, whose 2 MiB of products stay in cache."""

FEW = 4
"""Tensors up to which copying each into place costs less than laying them end to end first."""

SMALL = 1 << 16
"""Words up to which a tensor is hashed together with others."""

DEVICE_BLOCK = 4096
"""Rows hashed at a time elsewhere: 16 Mi words, 128 MiB of products."""


class Unhashable(TypeError):
    """The tensor has no bytes of its own: meta, fake, or wrapped by a function transform."""


class TensorHasher:
    """Fingerprints with one torch module; caches the weights per device.

    Args:
        torch: the torch module that the program imported.
    """

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._int32 = torch.int32
        self._strided = torch.strided
        self._tensor = torch.Tensor
        self._parameter = torch.nn.Parameter
        self._weights: dict[tuple[Any, int], Any] = {}
        self._int64 = torch.int64
        self._cpu = torch.device("cpu")
        self._cpu_weights: list[Any] = []
        self._spare: list[Any] = []

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
        total, nbytes = self.total(tensor)
        return finish(total if type(total) is int else total.item(), nbytes)

    def total(self, tensor: Any) -> tuple[Any, int]:
        """Weighted sum (int, or a 0-dim int64 tensor on the tensor's device) and the number of bytes hashed."""
        words, nbytes = self._words(tensor)
        return (self._total_cpu(words, 0) if words.is_cpu else self._total_device(words, 0)), nbytes

    def joint(self, tensors: list[Any]) -> list[tuple[Any, int]]:
        """Several tensors at the price of a few: (weighted sum, bytes) parts, to be combined in this order.

        Tensors of at most SMALL words that lie on one device are hashed as one, laid end to end, and come first; larger
        ones follow, each for itself. Tensors without bytes of their own are left out.
        """
        small, large, count, length = [], [], 0, 0
        for tensor in tensors:
            try:
                words, nbytes = self._words(tensor)
            except Unhashable:
                continue
            words_here = words.numel()
            if words_here <= SMALL:
                small.append(words)
                count += nbytes
                length += words_here
            else:
                large.append((self._total(words), nbytes))
        if not small:
            return large
        if len(small) == 1:
            total = self._total(small[0])
        elif all(words.is_cpu for words in small):
            total = self._total_pieces(small, length)
        elif len({words.device for words in small}) > 1:
            return [(self._total(words), words.numel() * 4) for words in small] + large
        else:
            total = self._total(self._torch.cat(small))
        large.insert(0, (total, count))
        return large

    def _total(self, words: Any) -> Any:
        return self._total_cpu(words, 0) if words.is_cpu else self._total_device(words, 0)

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
        if flat.dim() != 1:
            flat = flat.view(-1)
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

    def _total_cpu(self, words: Any, level: int) -> int:
        count = words.numel()
        if count <= ROW:
            weights = self._weights_cpu(level)
            row = words.to(self._int64)
            return int(row.dot(weights if count == ROW else weights[:count]).item()) & MASK
        sums = self._torch.empty(-(-count // ROW), dtype=self._int64, device=self._cpu)
        block = self._borrow()
        step = BLOCK * ROW
        for start in range(0, count, step):
            here = min(step, count - start)
            block[0][:here].copy_(words if here == count else words[start : start + here])
            self._sum_block(block, here, level, sums[start // ROW :] if start else sums)
        self._spare.append(block)
        return self._total_cpu(sums.view(self._int32), min(level + 1, LEVELS - 1))

    def _total_pieces(self, pieces: list[Any], length: int) -> int:
        """The total of 1-d int32 tensors laid end to end, ``length`` words in all."""
        if length > BLOCK * ROW:
            return self._total_cpu(self._torch.cat(pieces), 0)
        block = self._borrow()
        flat = block[0]
        if len(pieces) <= FEW:
            end = 0
            for piece in pieces:
                start, end = end, end + piece.numel()
                flat[start:end].copy_(piece)
        else:
            flat[:length].copy_(self._torch.cat(pieces))
        if length <= ROW:
            total = int(flat[:length].dot(self._weights_cpu(0)[:length]).item()) & MASK
        else:
            sums = self._torch.empty(-(-length // ROW), dtype=self._int64, device=self._cpu)
            self._sum_block(block, length, 0, sums)
            total = self._total_cpu(sums.view(self._int32), 1)
        self._spare.append(block)
        return total

    def _sum_block(self, block: Any, count: int, level: int, sums: Any) -> None:
        """Weighted sums of the rows of the first ``count`` words in a block, into the first elements of ``sums``."""
        flat, rows = block
        started = -(-count // ROW)
        if count % ROW:
            flat[count : started * ROW].zero_()
        if started < BLOCK:
            rows = rows[:started]
        rows.mul_(self._weights_cpu(level))
        self._torch.sum(rows, 1, out=sums if sums.numel() == started else sums[:started])

    def _borrow(self) -> Any:
        """A block of BLOCK rows of int64, flat and as a matrix; kept, because fresh memory costs more than the hashing.

        Taking it out of a list and putting it back is atomic: two threads never hold the same one.
        """
        try:
            return self._spare.pop()
        except IndexError:
            # Outside inference mode even if the program is in it: an inference tensor could not be written to later.
            with self._torch.inference_mode(False):
                flat = self._torch.empty(BLOCK * ROW, dtype=self._int64, device=self._cpu)
                return flat, flat.view(BLOCK, ROW)

    def _weights_cpu(self, level: int) -> Any:
        known = self._cpu_weights
        while len(known) <= level:
            known.append(self._row_weights(self._cpu, len(known)))
        return known[level]

    def _total_device(self, words: Any, level: int) -> Any:
        weights = self._row_weights(words.device, level)
        count = words.numel()
        if count <= ROW:
            return (words * weights[:count]).sum()
        sums = self._row_sums(words, weights, DEVICE_BLOCK)
        return self._total_device(sums.view(self._int32), min(level + 1, LEVELS - 1))

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
