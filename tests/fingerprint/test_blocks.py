"""Tensors of many rows are hashed in kept blocks of memory: at every border of a block, in every mode, from any thread."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from reenact.fingerprint.arrays import fingerprint_array
from reenact.fingerprint.weights import ROW, finish

torch = pytest.importorskip("torch")
tensors = pytest.importorskip("reenact.fingerprint.tensors")

BLOCK = tensors.BLOCK * ROW
BORDERS = [ROW * tensors.NARROW, ROW * tensors.SHORT, BLOCK, 2 * BLOCK]


def words(count: int):
    return torch.randint(-(2**31), 2**31, (count,), dtype=torch.int64).to(torch.int32)


@pytest.mark.parametrize("count", [border + more for border in BORDERS for more in (-1, 0, 1)])
def test_borders(count: int) -> None:
    hasher = tensors.TensorHasher(torch)
    first, second = words(count), words(count)
    # Twice and in turn: what one leaves in the block must not show in the other.
    for tensor in (first, second, first):
        assert hasher.fingerprint(tensor) == fingerprint_array(tensor.numpy(), np)


def test_smaller_after_larger() -> None:
    hasher = tensors.TensorHasher(torch)
    for count in (BLOCK, 5 * ROW + 7, 3, 5 * ROW + 9, 2 * ROW - 1):
        tensor = words(count)
        assert hasher.fingerprint(tensor) == fingerprint_array(tensor.numpy(), np)


@pytest.mark.parametrize("counts", [(3, 5), (ROW, 1, 7), (100,) * 30, (tensors.SMALL,) * 5, (50000, 70000, 3)])
def test_joint_is_that_of_all_small_ones_laid_end_to_end(counts: tuple[int, ...]) -> None:
    hasher = tensors.TensorHasher(torch)
    pieces = [words(count) for count in counts]
    small = [piece for piece in pieces if piece.numel() <= tensors.SMALL]
    expected = [fingerprint_array(torch.cat(small).numpy(), np)]
    expected += [fingerprint_array(piece.numpy(), np) for piece in pieces if piece.numel() > tensors.SMALL]
    assert [finish(*part) for part in hasher.joint(pieces)] == expected


def test_made_in_inference_mode_and_used_outside() -> None:
    hasher = tensors.TensorHasher(torch)
    with torch.inference_mode():
        inside = [hasher.fingerprint(torch.arange(20000)), *hasher.joint([torch.arange(50), torch.arange(9000)])]
    outside = [hasher.fingerprint(torch.arange(20000)), *hasher.joint([torch.arange(50), torch.arange(9000)])]
    assert inside == outside


def test_gradients_flow_after_hashing() -> None:
    hasher = tensors.TensorHasher(torch)
    leaf = torch.ones(5000, requires_grad=True)
    out = leaf * 2
    before = leaf._version, out._version
    hasher.joint([leaf, out])
    hasher.fingerprint(out)
    assert (leaf._version, out._version) == before
    out.sum().backward()
    assert leaf.grad.tolist() == [2.0] * 5000


def test_threads_do_not_disturb_each_other() -> None:
    hasher = tensors.TensorHasher(torch)
    tensor = words(BLOCK + 5)
    expected = fingerprint_array(tensor.numpy(), np)
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.extend(hasher.fingerprint(tensor) for _ in range(20))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 80
