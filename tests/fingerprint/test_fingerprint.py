"""One fingerprint for one content, whatever holds it: bytes, numpy, torch, any layout, any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from reenact.fingerprint.arrays import fingerprint_array
from reenact.fingerprint.plain import fingerprint_bytes
from reenact.fingerprint.values import ValueHasher
from reenact.fingerprint.weights import MASK
from reenact.probe.trace import combine

torch = pytest.importorskip("torch")
tensors = pytest.importorskip("reenact.fingerprint.tensors")

DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.uint8,
    torch.int16,
    torch.bool,
    torch.int64,
]
DTYPES += [torch.complex64, torch.complex128, torch.float8_e4m3fn]
SHAPES = [(), (0,), (1,), (3,), (7, 5), (4096,), (4097,), (100, 133), (3, 4096)]


@pytest.fixture(scope="module", params=[True, False], ids=["compiled", "torch"])
def hasher(request: pytest.FixtureRequest):
    return tensors.TensorHasher(torch, request.param)


def raw(tensor) -> bytes:
    flat = tensor.contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bytes_numpy_and_torch_agree(hasher, dtype, shape) -> None:
    torch.manual_seed(0)
    tensor = (torch.randn(shape) * 3).to(dtype)
    data = raw(tensor)
    expected = fingerprint_bytes(data)
    assert hasher.fingerprint(tensor) == expected
    for compiled in (True, False):
        assert fingerprint_array(np.frombuffer(data, np.uint8), np, compiled) == expected


def test_known_values() -> None:
    """Frozen: records of this version must compare with records of later ones."""
    assert fingerprint_bytes(b"") == 0
    assert fingerprint_bytes(b"reenact") == 0xA10AAF7311367BE2
    assert fingerprint_bytes(bytes(range(256)) * 100) == 0x4936587A8B671F6


def test_layout_does_not_count_but_order_does(hasher) -> None:
    tensor = torch.arange(12.0).reshape(3, 4)
    assert hasher.fingerprint(tensor.t()) == hasher.fingerprint(tensor.t().contiguous())
    assert hasher.fingerprint(tensor[:, ::2]) == hasher.fingerprint(tensor[:, ::2].clone())
    assert hasher.fingerprint(tensor) != hasher.fingerprint(tensor.flip(0))
    assert hasher.fingerprint(torch.arange(9)[::4][:1]) == hasher.fingerprint(torch.tensor([0]))
    assert hasher.fingerprint(torch.empty(1, 5, dtype=torch.int64).fill_(7)[:, 2:3]) == hasher.fingerprint(
        torch.tensor(7)
    )


def test_single_bits_count(hasher) -> None:
    tensor = torch.zeros(5000)
    base = hasher.fingerprint(tensor)
    seen = {base}
    for index in (0, 4095, 4096, 4999):
        changed = tensor.clone()
        changed[index] = -0.0
        seen.add(hasher.fingerprint(changed))
    two = tensor.clone()
    two[0] = two[1] = -0.0
    seen.add(hasher.fingerprint(two))
    assert len(seen) == 6


def test_conjugates_sparse_and_quantized(hasher) -> None:
    value = torch.randn(4, dtype=torch.complex64)
    assert hasher.fingerprint(value.conj()) == hasher.fingerprint(value.conj().resolve_conj())
    eye = torch.eye(5)
    assert hasher.fingerprint(eye.to_sparse()) == hasher.fingerprint(eye.to_sparse().coalesce())
    assert hasher.fingerprint(eye.to_sparse()) != hasher.fingerprint((2 * eye).to_sparse())
    with pytest.raises(tensors.Unhashable):
        hasher.fingerprint(torch.empty(3, device="meta"))


def test_threads_do_not_count(hasher) -> None:
    tensor = torch.randn(1_000_003)
    before = torch.get_num_threads()
    try:
        found = set()
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.add(hasher.fingerprint(tensor))
    finally:
        torch.set_num_threads(before)
    assert len(found) == 1


def test_no_random_number_is_drawn(hasher) -> None:
    state = torch.get_rng_state()
    hasher.fingerprint(torch.ones(10_000))
    assert torch.equal(state, torch.get_rng_state())


def test_joint_is_order_and_content(hasher) -> None:
    a, b, large = torch.randn(10), torch.randn(3, 3), torch.randn(70_000)

    def joint(found) -> int:
        return combine([(number & MASK, nbytes) for number, nbytes in hasher.joint(found)])

    assert joint([a, b, large]) == joint([a.clone(), b.clone(), large.clone()])
    assert joint([a, b, large]) != joint([b, a, large])
    assert joint([a, b, large]) != joint([a, b + 1, large])
    assert joint([a, b, large]) != joint([a, b, large * 2])


def test_nested_values() -> None:
    hash_of = lambda value: ValueHasher().fingerprint(value)  # noqa: E731
    assert hash_of({"a": [1, 2.0, None]}) == hash_of({"a": [1, 2.0, None]})
    different = [1, 1.0, True, "1", b"1", [1], (1, 2), {"a": 1}, {1}, None, -0.0, 0.0, float("nan"), 2**70]
    assert len({hash_of(value) for value in different}) == len(different)
    assert hash_of({3, 1, 2}) == hash_of({1, 2, 3})
    loop: list = []
    loop.append(loop)
    assert isinstance(hash_of(loop), int)
    assert hash_of(np.arange(3)) != hash_of(np.arange(3.0))
