"""A generator was never seeded: its start state is the operating system's."""

from __future__ import annotations

from ..outputs import OutputResult
from .context import Cause, Context
from .examples import example

WEIGHTS = {"seed": 0.9, "rng": 0.9, "init": 0.9, "batch": 0.7, "out": 0.6, "loss": 0.5}


def judge(context: Context) -> Cause | None:
    """Not where the candidate is a replay that got the recorded entropy back, nor for a generator never drawn from."""
    weight = context.weigh(WEIGHTS)
    if context.difference is None and context.outputs_differ and not context.traced:
        return _untraced(context)
    if context.entropy_given or not weight or context.difference is None:
        return None
    sides = [(side.get("entropy") or {}) for side in (context.a, context.b)]
    unseeded = sorted({name for side in sides for name in side.get("unseeded") or []})
    drawn = {name.split(":")[0]: state for name, state in context.difference.generators}
    libraries = [name for name in unseeded if drawn.get(name) is not False]
    if context.difference.kind == "rng":
        libraries = [name for name in libraries if name == context.difference.name.split(":")[0]]
    draws = max(int(side.get("draws") or 0) for side in sides)
    if libraries:
        if "torch" not in libraries and not any(drawn.get(name) for name in libraries):
            # Every program that imports torch has these generators; that one was drawn from is not known.
            weight *= 0.4
        elif context.fresh_entropy and drawn.get("torch") is not False:
            # What trains with torch draws from torch: its weights, its batches.
            weight = max(weight, 0.7)
        sure = [name for name in libraries if drawn.get(name)] or libraries
        evidence = f"{', '.join(sure)} {'was' if len(sure) == 1 else 'were'} never seeded"
        fix = f"seed {', '.join(sure)} before the first draw"
    elif context.fresh_entropy and draws:
        evidence = f"{draws} draws from the operating system were not given back"
        fix = "pass a seed wherever a generator is made (default_rng, RandomState, Random)"
        weight *= 0.8
    else:
        return None
    return Cause("unseeded-generator", weight, f"{evidence}; {context.what()}", fix)


def _untraced(context: Context) -> Cause | None:
    """Without a trace, outputs alone tell: what was not seeded may be all the difference."""
    if context.entropy_given or not context.same_recipe():
        return None
    found = {name for side in (context.a, context.b) for name in (side.get("entropy") or {}).get("unseeded") or []}
    # Python's own generator is there in every program; numpy's only where something asked for it.
    named = sorted(found - {"random"}) or sorted(found)
    if not named:
        return None
    return Cause(
        "unseeded-generator",
        0.8 if context.fresh_entropy else 0.6,
        f"{', '.join(named)} {'was' if len(named) == 1 else 'were'} never seeded, and nothing else that went in differs",
        f"seed {', '.join(named)} before the first draw (random_state=… in scikit-learn)",
    )


_DIFFERENT = OutputResult("m.npy", "m.npy", False, "tensors")
EXAMPLES_POSITIVE = [
    example(None, a={"entropy": {"unseeded": ["numpy"]}}, outputs=[_DIFFERENT], fresh_entropy=True),
    example("init", -1, a={"entropy": {"unseeded": ["torch"]}}, fresh_entropy=True),
    example("batch", 0, a={"run": "A", "entropy": {"unseeded": ["numpy"]}}, b={"run": "B"}),
    example("loss", 0, a={"entropy": {"unseeded": ["torch"]}}, fresh_entropy=True),
    example("batch", 0, a={"entropy": {"draws": 2}}, fresh_entropy=True),
    example("batch", 0, a={"entropy": {"unseeded": ["random"]}}, generators=(("random", True),)),
]
EXAMPLES_NEGATIVE = [
    example(None, a={"run": "A", "entropy": {"unseeded": ["numpy"]}}, b={"replay_of": "A"}, outputs=[_DIFFERENT]),
    example(None, a={"entropy": {"unseeded": ["numpy"]}, "traces": [{"steps": 3}]}, outputs=[_DIFFERENT]),
    example("init", -1, a={"run": "A", "entropy": {"unseeded": ["torch"]}}, b={"replay_of": "A"}),
    example("grad", 0, a={"entropy": {"unseeded": ["torch"]}}, fresh_entropy=True),
    example("init", -1, a={"entropy": {"unseeded": []}}),
    example("batch", 20, a={"entropy": {"unseeded": ["random"]}}, generators=(("random", False),)),
]
