"""Runs ``train.py`` with a clock around every part of the probe. For ``steps.py --profile`` only: the clocks themselves cost time.

Every number is a part's own time: what it calls that has a clock too is taken off, be it ours or torch's (the loader's next
batch, the real backward, the module's real call). So the numbers add up to what recording adds, but for what it does to the
caches, and for the clocks.
"""

import json
import sys
import time

import torch
import train

TAKEN = {}
"""By name: [own seconds so far, calls so far]. Names in brackets are not ours."""

STACK = []
"""Seconds that the clocked parts within each running one have taken."""


def clocked(name, function):
    """``function`` with a clock around it."""
    entry = TAKEN.setdefault(name, [0.0, 0])
    clock = time.perf_counter

    def wrapper(*args, **kwargs):
        STACK.append(0.0)
        began = clock()
        try:
            return function(*args, **kwargs)
        finally:
            took = clock() - began
            entry[0] += took - STACK.pop()
            entry[1] += 1
            if STACK:
                STACK[-1] += took

    return wrapper


def clock_wrapped(owner, name, label, held):
    """A clock around a wrapper of the probe, and another around what it wraps, which lies in its closure."""
    wrapper = getattr(owner, name)
    cell = dict(zip(wrapper.__code__.co_freevars, wrapper.__closure__))[held]
    cell.cell_contents = clocked(f"({label})", cell.cell_contents)
    setattr(owner, name, clocked(label, wrapper))


def clock_methods(kind, *names):
    """Clocks around methods of a class."""
    for name in names:
        setattr(kind, name, clocked(f"{kind.__name__}.{name}", getattr(kind, name)))


def install():
    """Puts clocks around the probe's wrappers and hooks, as they lie in torch, and around its main methods."""
    probe = sys.modules["_reenact.probe.boot"].probe
    clock_wrapped(torch.nn.Module, "__call__", "module call", "call")
    clock_wrapped(torch.autograd, "backward", "backward", "original")
    iterator = sys.modules["torch.utils.data.dataloader"]._BaseDataLoaderIter
    clock_wrapped(iterator, "__next__", "loader next", "following")
    optimizers = sys.modules["torch.optim.optimizer"]
    for label, registry in (
        ("optimizer before", optimizers._global_optimizer_pre_hooks),
        ("optimizer after", optimizers._global_optimizer_post_hooks),
    ):
        for key, hook in list(registry.items()):
            if hook.__module__.startswith("_reenact"):
                registry[key] = clocked(label, hook)
    clock_methods(
        type(probe.training), "loaded", "forward", "backward", "stepped", "before_step", "generators", "_use_params"
    )
    clock_methods(sys.modules["_reenact.fingerprint.tensors"].TensorHasher, "value", "joint")
    clock_methods(type(probe.trace), "emit", "flush")


if __name__ == "__main__":
    args = train.arguments().parse_args()
    torch.set_num_threads(args.threads)
    install()
    sums = {name: [] for name in TAKEN}
    before = dict.fromkeys(TAKEN, 0.0)
    first = min(100, args.steps // 2)

    def each(number, loss):
        for name, (seconds, _) in TAKEN.items():
            sums[name].append(seconds - before[name])
            before[name] = seconds

    report = train.train(args, args.batch, args.steps, each)
    report["hooks"] = {}
    for name, steps in sums.items():
        later = sorted(steps[first:])
        report["hooks"][name] = {
            "calls": TAKEN[name][1] / args.steps,
            "median": later[len(later) // 2] * 1e6,
            "mean": sum(later) / len(later) * 1e6,
            "first": sum(steps[:first]) / first * 1e6,
        }
    print("REPORT " + json.dumps(report))
