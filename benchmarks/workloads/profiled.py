"""Runs ``train.py`` with a clock around every hook of the probe. For ``steps.py --profile`` only: the clocks themselves cost time.

What a hook costs is what its outermost function takes, without what it calls of torch's own (the loader's next batch,
the real backward).
"""

import json
import sys
import time

import torch
import train

SPENT = {}
"""Seconds and calls by the name of the hook."""


def clocked(name, function, inner=()):
    """``function`` with a clock around it; the time of the entries of ``inner`` within it is taken off."""

    def wrapper(*args, **kwargs):
        before = sum(SPENT[i][0] for i in inner)
        began = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            entry = SPENT[name]
            entry[0] += time.perf_counter() - began - (sum(SPENT[i][0] for i in inner) - before)
            entry[1] += 1

    SPENT[name] = [0.0, 0]
    return wrapper


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
    SPENT["(backward itself)"] = [0.0, 0]
    wrapper = torch.autograd.backward
    cells = dict(zip(wrapper.__code__.co_freevars, wrapper.__closure__))
    cells["original"].cell_contents = clocked("(backward itself)", cells["original"].cell_contents)
    torch.autograd.backward = clocked("backward", wrapper, inner=["(backward itself)"])
    iterator = sys.modules["torch.utils.data.dataloader"]._BaseDataLoaderIter
    wrapper = iterator.__next__
    cells = dict(zip(wrapper.__code__.co_freevars, wrapper.__closure__))
    cells["following"].cell_contents = clocked("(next itself)", cells["following"].cell_contents)
    iterator.__next__ = clocked("loader next", wrapper, inner=["(next itself)"])


if __name__ == "__main__":
    args = train.arguments().parse_args()
    torch.set_num_threads(args.threads)
    install()
    marks = {}

    def each(number, loss):
        if number == 99:
            marks.update({name: tuple(entry) for name, entry in SPENT.items()})

    report = train.train(args, args.batch, args.steps, each)
    hooks = {}
    for name, (seconds, calls) in SPENT.items():
        early = marks.get(name, (0.0, 0))
        hooks[name] = {
            "first": early[0] / 100 * 1e6,
            "later": (seconds - early[0]) / max(args.steps - 100, 1) * 1e6,
            "calls": (calls - early[1]) / max(args.steps - 100, 1),
        }
    report["hooks"] = hooks
    print("REPORT " + json.dumps(report))
