"""Runs ``train.py`` with a clock around every hook of the probe. For ``steps.py --profile`` only: the clocks themselves cost time.

What a hook costs is what its outermost function takes, without what it calls of torch's own (the loader's next batch,
the real backward).
"""

import json
import sys
import time

import torch
import train

TAKEN = {}
"""By the name of the hook: [seconds so far, calls so far]."""


def clocked(name, function, inner=None):
    """``function`` with a clock around it; the time of the entry ``inner`` within it is taken off."""
    entry = TAKEN[name] = [0.0, 0]
    within = TAKEN[inner] if inner else [0.0]
    clock = time.perf_counter

    def wrapper(*args, **kwargs):
        before = within[0]
        began = clock()
        try:
            return function(*args, **kwargs)
        finally:
            took = clock() - began - (within[0] - before)
            entry[0] += took
            entry[1] += 1

    return wrapper


def cell(function, name):
    """The closure cell in which a wrapper of the probe holds what it wraps."""
    return dict(zip(function.__code__.co_freevars, function.__closure__))[name]


def install():
    """Puts clocks around the probe's hooks and methods, as they lie in torch's registries and in the probe's classes."""
    probe = sys.modules["_reenact.probe.boot"].probe
    kind = type(probe.training)
    for name in ("loaded", "forward", "backward", "stepped", "before_step", "generators"):
        setattr(kind, name, clocked(f"  Training.{name}", getattr(kind, name)))
    trace = type(probe.trace)
    trace.flush = clocked("    Trace.flush", trace.flush)
    trace.emit = clocked("    Trace.emit", trace.emit)
    kind._part = clocked("    fingerprint", kind._part)
    modules = sys.modules["torch.nn.modules.module"]
    optimizers = sys.modules["torch.optim.optimizer"]
    for label, registry in (
        ("module enter", modules._global_forward_pre_hooks),
        ("module leave", modules._global_forward_hooks),
        ("optimizer before", optimizers._global_optimizer_pre_hooks),
        ("optimizer after", optimizers._global_optimizer_post_hooks),
    ):
        for key, hook in list(registry.items()):
            if hook.__module__.startswith("_reenact"):
                registry[key] = clocked(label, hook)
    # The engine's and the loader's own work is clocked too, and taken off the wrappers around it.
    wrapper = torch.autograd.backward
    held = cell(wrapper, "original")
    held.cell_contents = clocked("(backward itself)", held.cell_contents)
    torch.autograd.backward = clocked("backward", wrapper, "(backward itself)")
    iterator = sys.modules["torch.utils.data.dataloader"]._BaseDataLoaderIter
    wrapper = iterator.__next__
    held = cell(wrapper, "following")
    held.cell_contents = clocked("(next itself)", held.cell_contents)
    iterator.__next__ = clocked("loader next", wrapper, "(next itself)")


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
