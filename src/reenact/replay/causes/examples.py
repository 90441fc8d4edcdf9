"""Small contexts for the examples beside each rule."""

from __future__ import annotations

from typing import Any

from ..changes import Change
from ..difference import Difference
from .context import Context


def example(kind: str | None = "out", step: int = 0, why: str = "value", **fields: Any) -> Context:
    """A context whose first difference is a `kind` event; None for equal traces. `fields` as in `Context`."""
    difference = None
    possibly, generators = fields.pop("possibly", ()), fields.pop("generators", ())
    if kind is not None:
        name = "torch" if kind == "rng" else "x"
        difference = Difference(
            "rank0", 0, step, kind, name, "float32", (2,), 1, 2, why, possibly=possibly, generators=generators
        )
    for name in ("changes", "events_a", "events_b", "outputs"):
        fields[name] = tuple(fields.get(name, ()))
    return Context(difference, **fields)


def change(
    kind: str, name: str, a: str | None = "1", b: str | None = "2", detail: str = "", bits: bool = True
) -> Change:
    """A change between the two runs of an example."""
    return Change(kind, name, a, b, detail, bits)


def torch_library(**fields: Any) -> dict[str, Any]:
    """A library event as torch's hook writes it."""
    return {"e": "library", "name": "torch", **fields}
