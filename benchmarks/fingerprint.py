"""Throughput of fingerprints against a copy of the same memory, and what a tiny tensor costs.

python benchmarks/fingerprint.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from measuring import Pairs, Row, paired, quartiles, table

SIZES = ((64 << 10, "64 KB"), (1 << 20, "1 MB"), (64 << 20, "64 MB"), (400 << 20, "400 MB"))


def best(function: Callable[[], object], calls: int, rounds: int = 3) -> float:
    """Seconds a call: the best of a few rounds, so that others' work on the machine counts less."""
    least = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(calls):
            function()
        least = min(least, (time.perf_counter() - began) / calls)
    return least


def rows(quick: bool = False) -> list[Row]:
    """The rows of this benchmark."""
    import numpy as np
    import torch

    from reenact.fingerprint.arrays import fingerprint_array
    from reenact.fingerprint.tensors import TensorHasher

    torch.set_num_threads(1)
    hasher = TensorHasher(torch)
    found = []
    for size, label in SIZES:
        if quick and size > 64 << 20:
            continue
        calls = max(1, (8 << 20) // size)
        count = 3 if size > 64 << 20 else 7
        x = torch.randint(-(2**31), 2**31, (size // 4,), dtype=torch.int32).view(torch.float32)
        y = torch.empty_like(x)
        a, b = x.numpy(), y.numpy()
        for name, copy, hashing in (
            ("torch", lambda x=x, y=y: y.copy_(x), lambda x=x: hasher.fingerprint(x)),
            ("numpy", lambda a=a, b=b: np.copyto(b, a), lambda a=a: fingerprint_array(a, np)),
        ):
            rounds = 1 if size > 64 << 20 else 3
            pairs = paired(
                lambda f=copy, n=calls, r=rounds: best(f, n, r),
                lambda f=hashing, n=calls, r=rounds: best(f, n, r),
                count,
            )
            found.append(_row(f"fingerprint {name} {label}", pairs, size))
    for shape in ((), (64,), (64, 10)):
        x = torch.randn(shape)
        times = [best(lambda x=x: hasher.fingerprint(x), 300) * 1e6 for _ in range(7)]
        low, high = quartiles(times)
        middle = sorted(times)[3]
        label = "x".join(map(str, shape)) or "scalar"
        found.append(
            Row(f"fingerprint {label}", f"{middle:.1f} us [{low:.1f}, {high:.1f}]", middle, None, "us", "a call")
        )
    return found


def _row(name: str, pairs: Pairs, size: int) -> Row:
    a, b = sorted(pairs.a)[len(pairs.a) // 2], sorted(pairs.b)[len(pairs.b) // 2]
    note = f"{size / b / 1e9:.1f} GB/s against {size / a / 1e9:.1f} GB/s of a copy, one thread"
    return Row(name, f"{pairs} a memcpy", pairs.ratio, None, "x", note)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(table(rows()))


if __name__ == "__main__":
    main()
