"""The traces are equal and only outputs differ: what happens after training, or how it is written."""

from __future__ import annotations

from ..outputs import OutputResult
from .context import Cause, Context
from .examples import example


def judge(context: Context) -> Cause | None:
    """The kind of file and what comparing it said are the evidence."""
    differ = [one for one in context.outputs if not one.equal and one.how != "ignored"]
    if context.difference is not None or not differ:
        return None
    dated = [one for one in differ if "dates and times" in one.detail]
    names = ", ".join(one.path for one in differ[:3]) + (f" and {len(differ) - 3} more" if len(differ) > 3 else "")
    if len(dated) == len(differ):
        return Cause(
            "output-only",
            0.9,
            f"the traces are equal, and {names} differs only in what looks like dates and times",
            "leave the time out of the file, or compare without it: --ignore PATTERN",
        )
    if not context.traced:
        return Cause(
            "output-only",
            0.3,
            f"no training step was traced, so only outputs tell, and {names} differs: {differ[0].detail}"[:300],
            "look at what the program draws, reads and writes (generators, times, order, ids)",
        )
    return Cause(
        "output-only",
        0.7,
        f"the traces are equal, and {names} differs: {differ[0].detail}"[:300],
        "look at what is done after the last step, and at how the file is written (times, order, ids)",
    )


EXAMPLES_POSITIVE = [
    example(None, outputs=[OutputResult("a.log", "a.log", False, "text", "(only in what looks like dates and times)")]),
    example(None, outputs=[OutputResult("m.pt", "m.pt", False, "tensors", "w: 1 of 2 elements differ")]),
]
EXAMPLES_NEGATIVE = [
    example("out", 0, outputs=[OutputResult("m.pt", "m.pt", False, "tensors")]),
    example(None, outputs=[OutputResult("m.pt", "m.pt", True, "tensors")]),
    example(None, outputs=[OutputResult("m.pt", "m.pt", False, "ignored")]),
]
