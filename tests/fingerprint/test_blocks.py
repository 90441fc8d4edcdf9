"""The compiled sums and torch's own: the same numbers at every border of a row and a block, in every mode, from any thread."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from reenact.fingerprint import native
from reenact.fingerprint.arrays import fingerprint_array
from reenact.fingerprint.weights import ROW, finish

torch = pytest.importorskip("torch")
tensors = pytest.importorskip("reenact.fingerprint.tensors")

BLOCK = tensors.BLOCK * ROW
BORDERS = [1, ROW, 8 * ROW, ROW * ROW // 2, BLOCK, 2 * BLOCK]
"""Half a ROW of ROWs is where the sums of the rows begin a second row themselves."""


@pytest.fixture(params=[True, False], ids=["compiled", "torch"])
def hasher(request: pytest.FixtureRequest):
    return tensors.TensorHasher(torch, request.param)


def test_the_compiled_sums_were_built() -> None:
    assert native.load() is not None, "w64.c was not compiled: install a C compiler, then the package again"


@pytest.mark.parametrize("nbytes", [0, 1, 2, 3, 4, 5, 4 * ROW + 1, 8 * ROW - 1])
@pytest.mark.parametrize("start", [0, 1, 2])
def test_bytes_that_are_no_whole_words_and_lie_anywhere(hasher, nbytes: int, start: int) -> None:
    raw = torch.randint(0, 256, (nbytes + start,), dtype=torch.uint8)[start:]
    assert hasher.fingerprint(raw) == fingerprint_array(raw.numpy(), np, False)


def words(count: int):
    return torch.randint(-(2**31), 2**31, (count,), dtype=torch.int64).to(torch.int32)


@pytest.mark.parametrize("count", [border + more for border in BORDERS for more in (-1, 0, 1)])
def test_borders(hasher, count: int) -> None:
    first, second = words(count), words(count)
    # Twice and in turn: what one leaves in the block must not show in the other.
    for tensor in (first, second, first):
        assert hasher.fingerprint(tensor) == fingerprint_array(tensor.numpy(), np, False)


def test_smaller_after_larger(hasher) -> None:
    for count in (BLOCK, 5 * ROW + 7, 3, 5 * ROW + 9, 2 * ROW - 1):
        tensor = words(count)
        assert hasher.fingerprint(tensor) == fingerprint_array(tensor.numpy(), np, False)


@pytest.mark.parametrize("counts", [(3, 5), (ROW, 1, 7), (100,) * 30, (tensors.SMALL,) * 5, (50000, 70000, 3)])
def test_joint_is_that_of_all_small_ones_laid_end_to_end(hasher, counts: tuple[int, ...]) -> None:
    pieces = [words(count) for count in counts]
    small = [piece for piece in pieces if piece.numel() <= tensors.SMALL]
    expected = [fingerprint_array(torch.cat(small).numpy(), np)]
    expected += [fingerprint_array(piece.numpy(), np, False) for piece in pieces if piece.numel() > tensors.SMALL]
    assert [finish(*part) for part in hasher.joint(pieces)] == expected


def test_made_in_inference_mode_and_used_outside(hasher) -> None:
    with torch.inference_mode():
        inside = [hasher.fingerprint(torch.arange(20000)), *hasher.joint([torch.arange(50), torch.arange(9000)])]
    outside = [hasher.fingerprint(torch.arange(20000)), *hasher.joint([torch.arange(50), torch.arange(9000)])]
    assert inside == outside


def test_gradients_flow_after_hashing(hasher) -> None:
    leaf = torch.ones(5000, requires_grad=True)
    out = leaf * 2
    before = leaf._version, out._version
    hasher.joint([leaf, out])
    hasher.fingerprint(out)
    assert (leaf._version, out._version) == before
    out.sum().backward()
    assert leaf.grad.tolist() == [2.0] * 5000


def test_threads_do_not_disturb_each_other(hasher) -> None:
    tensor = words(BLOCK + 5)
    expected = fingerprint_array(tensor.numpy(), np, False)
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.extend(hasher.fingerprint(tensor) for _ in range(20))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 80
