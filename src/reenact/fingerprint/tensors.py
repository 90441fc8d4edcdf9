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

NARROW = 8
"""Rows up to which one thread's matrix-vector product is faster than a product and a sum, which several may share."""

SHORT = 16
"""Row sums up to which Python adds them up itself."""

PLANS = 256
"""Views remembered for the sizes that come again with every step."""

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
        self._wide = frozenset((torch.float32, torch.float64, torch.int32, torch.int64))
        self._cpu = torch.device("cpu")
        self._slices: dict[tuple[int, int], Any] = {}
        self._spare: list[_Block] = []

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
        flat = tensor.detach() if tensor.requires_grad else tensor
        kind = type(tensor)
        if (
            flat.dtype in self._wide
            and (kind is self._tensor or kind is self._parameter)
            and flat.layout is self._strided
            and flat.is_contiguous()
            and not (flat.is_neg() or flat.is_nested or flat.is_meta)
        ):
            if flat.dim() != 1 or flat.numel() == 1:
                # Not view: a tensor of one element may have any stride, and still counts as contiguous.
                flat = flat.as_strided((flat.numel(),), (1,))
            words = flat.view(self._int32)
            return words, words.numel() * 4
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

    def _total_cpu(self, words: Any, level: int) -> int:
        count = words.numel()
        step = BLOCK * ROW
        block = self._borrow()
        if count <= ROW:
            part = block.part(0, count)
            part.copy_(words)
            total = int(part.dot(self._weights_cpu(level, count)).item()) & MASK
        elif count <= step:
            total = self._total_block(block, words, count, level)
        else:
            sums = self._torch.empty(-(-count // ROW), dtype=self._int64, device=self._cpu)
            for start in range(0, count, step):
                plan = block.plan(min(step, count - start))
                plan.words.copy_(words[start : start + step])
                done = start // ROW
                self._sum_rows(plan, level, sums[done : done + plan.started])
            total = self._total_cpu(sums.view(self._int32), min(level + 1, LEVELS - 1))
        self._spare.append(block)
        return total

    def _total_block(self, block: _Block, words: Any, count: int, level: int) -> int:
        """The total of more than ROW words that fit into a block; ``words`` None: they are in it already."""
        plan = block.plan(count)
        if words is not None:
            plan.words.copy_(words)
        self._sum_rows(plan, level, plan.sums)
        above = min(level + 1, LEVELS - 1)
        if plan.started <= SHORT:
            return _total_of_sums(plan.sums.tolist(), signed_weights(above))
        part = block.part(0, 2 * plan.started)
        part.copy_(plan.sums32)
        return int(part.dot(self._weights_cpu(above, 2 * plan.started)).item()) & MASK

    def _sum_rows(self, plan: _Plan, level: int, sums: Any) -> None:
        if plan.rest is not None:
            plan.rest.zero_()
        if plan.started <= NARROW:
            self._torch.mv(plan.rows, self._weights_cpu(level, ROW), out=sums)
        else:
            plan.rows.mul_(self._weights_cpu(level, ROW))
            self._torch.sum(plan.rows, 1, out=sums)

    def _total_pieces(self, pieces: list[Any], length: int) -> int:
        """The total of 1-d int32 tensors laid end to end, ``length`` words in all."""
        if length > BLOCK * ROW:
            return self._total_cpu(self._torch.cat(pieces), 0)
        block = self._borrow()
        if len(pieces) <= FEW:
            end = 0
            for piece in pieces:
                start, end = end, end + piece.numel()
                block.part(start, end).copy_(piece)
        else:
            block.part(0, length).copy_(self._torch.cat(pieces))
        if length <= ROW:
            total = int(block.part(0, length).dot(self._weights_cpu(0, length)).item()) & MASK
        else:
            total = self._total_block(block, None, length, 0)
        self._spare.append(block)
        return total

    def _borrow(self) -> _Block:
        """A block to work in; taking it out of a list is atomic, so no two threads hold the same one."""
        try:
            return self._spare.pop()
        except IndexError:
            # Outside inference mode even if the program is in it: an inference tensor could not be written to later.
            with self._torch.inference_mode(False):
                return _Block(self._torch, self._cpu)

    def _weights_cpu(self, level: int, count: int) -> Any:
        """The first ``count`` weights of a level."""
        known = self._slices.get((level, count))
        if known is None:
            if len(self._slices) > PLANS:
                self._slices.clear()
            known = self._slices[level, count] = self._row_weights(self._cpu, level)[:count]
        return known

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


def _total_of_sums(sums: list[int], weights: list[int]) -> int:
    """The total of signed 64-bit integers read as words, low before high: for a few of them faster than five tensor operations."""
    total = 0
    for number, both in enumerate(sums):
        low = both & 0xFFFFFFFF
        if low >> 31:
            low -= 1 << 32
        total += low * weights[2 * number] + (both >> 32) * weights[2 * number + 1]
    return total & MASK


class _Block:
    """Memory for the products of BLOCK rows, kept because fresh memory costs more than the hashing, with views into it."""

    def __init__(self, torch: Any, device: Any) -> None:
        self._torch = torch
        self._flat = torch.empty(BLOCK * ROW, dtype=torch.int64, device=device)
        self._plans: dict[int, _Plan] = {}
        self._parts: dict[tuple[int, int], Any] = {}

    def plan(self, count: int) -> _Plan:
        """The views for ``count`` words."""
        found = self._plans.get(count)
        if found is None:
            if len(self._plans) > PLANS:
                self._plans.clear()
            with self._torch.inference_mode(False):
                found = self._plans[count] = _Plan(self._torch, self._flat, count)
        return found

    def part(self, start: int, end: int) -> Any:
        """The elements from ``start`` to ``end``."""
        found = self._parts.get((start, end))
        if found is None:
            if len(self._parts) > PLANS:
                self._parts.clear()
            with self._torch.inference_mode(False):
                found = self._parts[start, end] = self._flat[start:end]
        return found


class _Plan:
    """The views of a block that a number of words needs.

    Attributes:
        words: where the words go.
        rest: what follows them in their last row, or None.
        rows: the started rows.
        started: how many rows that is.
        sums: memory for the sums of the rows.
        sums32: the same as int32 words.
    """

    __slots__ = ("rest", "rows", "started", "sums", "sums32", "words")

    def __init__(self, torch: Any, flat: Any, count: int) -> None:
        started = self.started = -(-count // ROW)
        self.words = flat[:count]
        self.rest = flat[count : started * ROW] if count % ROW else None
        self.rows = flat[: started * ROW].view(started, ROW)
        self.sums = torch.empty(started, dtype=torch.int64, device=flat.device)
        self.sums32 = self.sums.view(torch.int32)


def _scales(torch: Any, tensor: Any) -> Any:
    if tensor.qscheme() in (torch.per_channel_affine, torch.per_channel_symmetric):
        return torch.cat([tensor.q_per_channel_scales().double(), tensor.q_per_channel_zero_points().double()])
    return torch.tensor([tensor.q_scale(), float(tensor.q_zero_point())], dtype=torch.float64)
