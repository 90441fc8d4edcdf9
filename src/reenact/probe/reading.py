"""What is asked of torch's objects while it trains: small questions, each with its answer for the odd ones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from operator import itemgetter
from time import perf_counter
from typing import Any

from ..fingerprint.tensors import TensorHasher
from ..fingerprint.values import ValueHasher
from .entropy import plain
from .traceformat import GRAD

COLD = 1.5
"""What a fingerprint takes between the steps of a training, when it takes 1 in a loop of its own."""

DEVICE_RATE = 4e11
"""Bytes a second that an accelerator fingerprints, at least."""


def generator_states(torch: Any, fingerprint: Callable[[Any], int]) -> Iterator[tuple[str, int]]:
    """(name, fingerprint of its state) of each random generator that the program has imported.

    Args:
        fingerprint: of a tensor.
    """
    random = sys.modules.get("random")
    if random is not None:
        yield "random", ValueHasher().fingerprint(repr(random.getstate()))
    numpy = sys.modules.get("numpy")
    if numpy is not None and "numpy.random" in sys.modules:
        yield "numpy", ValueHasher().fingerprint(numpy.random.get_state())
    yield "torch", fingerprint(torch.get_rng_state())
    if torch.cuda.is_initialized():
        for index in range(torch.cuda.device_count()):
            yield f"cuda:{index}", fingerprint(torch.cuda.get_rng_state(index))


def states_of(torch: Any) -> tuple[Any, Any, Any]:
    """Functions that say which tracer (None), how many modes (0) and which function transform (None) torch is in."""
    functorch = getattr(torch._C, "_functorch", None)
    modes = getattr(torch._C, "_len_torch_dispatch_stack", lambda: 0)
    return torch._C._get_tracing_state, modes, getattr(functorch, "peek_interpreter_stack", lambda: None)


def forget(table: dict[int, Any], key: int) -> Any:
    """A weakref callback that takes an object out of a table, so that it does not grow over a long run."""

    def gone(reference: Any) -> None:
        entry = table.get(key)
        if entry is not None and entry[0] is reference:
            del table[key]

    return gone


def uninitialized(tensor: Any) -> bool:
    """True for what a lazy module has before it has seen an input."""
    return type(tensor).__name__ in ("UninitializedParameter", "UninitializedBuffer")


def version_of(tensor: Any) -> int:
    """How often a tensor was written; -1 for one made in inference mode."""
    try:
        return int(tensor._version)
    except RuntimeError:
        return -1


def settings_of(group: Any) -> tuple[int, Any, Any]:
    """(number of entries, a function that reads the settings of such a param group, what it reads now)."""
    names = [name for name in group if name != "params"]
    values_of = itemgetter(*names) if names else len
    return len(group), values_of, values_of(group)


def readable(value: Any) -> Any:
    """A setting of an optimizer as JSON can hold it."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return plain(value)


def tensors_of(kind: int, groups: Any) -> list[Any]:
    """The parameters of an optimizer, or their gradients."""
    found = [param for group in groups for param in group["params"]]
    return [param.grad for param in found if param.grad is not None] if kind == GRAD else found


def cost_of(hasher: TensorHasher, tensors: list[Any]) -> float:
    """Seconds that one joint fingerprint of these tensors takes; on a device, as far as can be said without waiting."""
    best = float("inf")
    for _ in range(2):
        began = perf_counter()
        hasher.joint(tensors)
        best = min(best, perf_counter() - began)
    return COLD * best + sum(t.numel() * t.element_size() for t in tensors if t.device.type != "cpu") / DEVICE_RATE
