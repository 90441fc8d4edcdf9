"""The code differs: it can explain any event."""

from __future__ import annotations

from .context import Cause, Context
from .examples import change, example

WEIGHTS = dict.fromkeys(("seed", "init", "rng", "batch", "out", "loss", "grad", "hyper", "param"), 0.7) | {"save": 0.4}


def judge(context: Context) -> Cause | None:
    """Certain about that the code differs, less about that it is what matters."""
    files = context.of("code", bits=True)
    if not files:
        return None
    weight = context.weigh(WEIGHTS) if context.difference is not None else 0.5
    if context.difference is None and all(output.equal for output in context.outputs):
        return None
    if context.structural:
        weight = max(weight, 0.85)
    lines = sum(_edits(file.detail) for file in files)
    names = ", ".join(file.name for file in files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
    size = f" ({lines} lines)" if lines else ""
    return Cause(
        "code-changed",
        weight,
        f"{names} differs{size}, and {context.what()}",
        "look at the patch; run the recorded code again to see whether it still gives the recorded result",
    )


def _edits(patch: str) -> int:
    return sum(line[:1] in "+-" and line[:3] not in ("+++", "---") for line in patch.splitlines())


EXAMPLES_POSITIVE = [
    example("loss", 3, changes=[change("code", "train.py", detail="--- a\n+++ b\n-x\n+y\n")]),
    example("batch", 0, "missing", changes=[change("code", "data.py")]),
]
EXAMPLES_NEGATIVE = [
    example("loss", 3, changes=[change("package", "torch")]),
    example("loss", 3, changes=[change("code", "a.py", "a.py", "b.py", bits=False)]),
    example(None, changes=[change("code", "train.py")]),
]
