"""``steps.c`` writes what Python would write: every loop is run twice, with it and without, and the traces are compared byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from probed import Recorder, journal, of_kind

from reenact.probe import compiled
from reenact.probe.schedule import Schedule, always
from reenact.probe.traceformat import MAGIC, RECORD

pytest.importorskip("torch")

BEFORE = """
import sys, atexit
_compiled = __import__("_reenact.probe.compiled", fromlist=["x"])
if not COMPILED:
    _compiled.LIBRARY = ""
import torch
_training = sys.modules["_reenact.probe.boot"].probe.training
_training._schedule.stride, _training._schedule._from = 7, 16
_trace, _written = _training._trace, [0]
if _trace.drain is not None:
    _drain = _trace.drain
    def _counting():
        records = _drain()
        _written[0] += len(records) // 16
        return records
    _trace.drain = _counting
atexit.register(lambda: (_trace.flush(), print("records", _written[0], file=sys.stderr)))
"""
"""Keeps the library from a run, fixes the stride, which depends on the machine, and counts what the library writes."""

COMMON = """
import random
import numpy
import torch
from torch import nn
for library in (random, numpy.random):
    library.seed(0)
torch.manual_seed(0)
class Model(nn.Module):
    def __init__(self, out=4):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, out))
    def forward(self, x, scale=1.0):
        return self.body(x) * scale
model = Model()
data = torch.utils.data.TensorDataset(torch.randn(90, 8), torch.randint(4, (90,)))
loader = torch.utils.data.DataLoader(data, batch_size=8, shuffle=True)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
def step(x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
"""

LOOPS = {
    "loader, with a short last batch": """
for epoch in range(15):
    for x, y in loader:
        step(x, y)
""",
    "by hand, with evaluations, saves, seeds and schedulers": """
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 60, 0.5)
for n in range(200):
    step(torch.randn(8, 8), torch.randint(4, (8,)))
    scheduler.step()
    if n % 25 == 0:
        with torch.no_grad():
            for _ in range(20):
                model(torch.randn(8, 8))
    if n == 70:
        torch.save(model.state_dict(), "weights.pt")
    if n == 90:
        torch.manual_seed(3)
""",
    "two models in turn, and a view of the loader's batch": """
other = Model(1)
second = torch.optim.SGD(other.parameters(), lr=0.1, momentum=0.9)
for epoch in range(12):
    for x, y in loader:
        step(x.view(-1, 8), y)
        second.zero_grad()
        other(x.add_(1) if epoch % 2 else x).square().mean().backward()
        second.step()
""",
    "inputs by name, inference, optimizers that come and go": """
for n in range(160):
    if n % 50 == 0:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1 / (n + 1))
    x, y = torch.randn(8, 8), torch.randint(4, (8,))
    if n % 30 > 20:
        optimizer.zero_grad()
        criterion(model(x, scale=2.0), y).backward()
        optimizer.step()
    else:
        step(x, y)
    if n % 40 == 39:
        with torch.inference_mode():
            print(model(x).sum().item())
    if n % 11 == 0:
        torch.vmap(model)(torch.randn(2, 3, 8))
""",
    "steps in steps, steps that fail": """
class Twice(torch.optim.SGD):
    def step(self, closure=None):
        super().step()
        return super().step()
optimizer = Twice(model.parameters(), lr=0.01)
for n in range(120):
    step(torch.randn(8, 8), torch.randint(4, (8,)))
def failing():
    raise ValueError("once")
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for n in range(120):
    step(torch.randn(8, 8), torch.randint(4, (8,)))
    try:
        if n == 60:
            optimizer.step(failing)
        if n == 61:
            model(torch.randn(2, 3))
    except (ValueError, RuntimeError) as problem:
        print(type(problem).__name__)
""",
    "odd tensors": """
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode
class Sub(torch.Tensor):
    pass
class Any_(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)
    def forward(self, *given, how=None):
        out = self.layer(torch.ones(2, 6))
        return how(out) if how else out
draw, model = random.Random(1), Any_()
optimizer = torch.optim.Adam(model.parameters())
ODD = [
    lambda: torch.randn(2, 6), lambda: torch.randn(2, 6), lambda: torch.randn(2, 0, 3), lambda: torch.randn(()),
    lambda: torch.randn(4, 3, 5, 5).to(memory_format=torch.channels_last), lambda: torch.randn(6, 2).t(),
    lambda: torch.randn(3, 1, 6).expand(3, 4, 6), lambda: torch.empty(3, 4, device="meta"),
    lambda: torch.randn(3, 3).to_sparse(), lambda: torch.randn(4, 4).to_sparse_csr(), lambda: torch.randn(2).as_subclass(Sub),
    lambda: nn.Parameter(torch.randn(3)), lambda: torch.randn(3, requires_grad=True), lambda: torch.randn(3, dtype=torch.cfloat),
    lambda: torch.randn(3, dtype=torch.cfloat).conj().imag, lambda: torch._neg_view(torch.randn(4)), lambda: torch.randn(5).half(),
    lambda: torch.randn(5).bfloat16(), lambda: torch.randn(3).to(torch.float8_e4m3fn), lambda: torch.arange(7, dtype=torch.uint8)[3:],
    lambda: torch.randn(5) > 0, lambda: torch.arange(3, dtype=torch.int16), lambda: torch.randn(1, 1, 1, 1, 1, 1, 2),
    lambda: torch.quantize_per_tensor(torch.randn(4), 0.1, 0, torch.qint8), lambda: torch.randn(300, 300), lambda: torch.randn(70000),
    lambda: torch.nested.nested_tensor([torch.randn(2), torch.randn(3)]), lambda: torch._efficientzerotensor((3,)),
    lambda: torch.randn(8)[::2], lambda: torch.tensor([[1.0]]).expand(1, 1), lambda: torch.tensor(float("nan")),
    lambda: None, lambda: 3, lambda: "text", lambda: [torch.randn(2)], lambda: {"key": torch.randn(2)}, object,
]
HOW = [
    None, None, lambda y: (y, y * 2), lambda y: [y, None, 3], lambda y: {"a": y}, lambda y: (y.t(),), lambda y: (y, (y,)),
    lambda y: (y, y[:, :0]), lambda y: y.as_subclass(Sub), lambda y: tuple(y) * 9, lambda y: y.bfloat16(), lambda y: (y[0, 0], y),
]
LOSS = [
    lambda y: y.sum(), lambda y: y.sum().double(), lambda y: y.sum().bfloat16(), lambda y: y.sum().reshape(1, 1),
    lambda y: [y.sum(), y.mean()], lambda y: y.mean().as_subclass(Sub),
]
def some():
    return [draw.choice(ODD)() for _ in range(draw.choice([1, 1, 2, 3, 18]))]
class Batches(torch.utils.data.IterableDataset):
    def __iter__(self):
        for _ in range(400):
            yield 0
odd = torch.utils.data.DataLoader(Batches(), batch_size=1, collate_fn=lambda _: draw.choice([tuple, list, lambda one: one[0]])(some()))
for batch in odd:
    given = batch if isinstance(batch, tuple) else (batch,)
    if draw.random() < 0.2 and type(given[0]) is torch.Tensor and given[0].dtype == torch.float32 and given[0].is_leaf:
        try:
            given[0].detach().add_(1)
        except (RuntimeError, NotImplementedError):
            pass
    if draw.random() < 0.3:
        model(*given)
    if draw.random() < 0.1:
        model(*some(), how=draw.choice(HOW))
    if draw.random() < 0.1:
        with draw.choice([torch.no_grad(), torch.inference_mode(), FlopCounterMode(display=False), torch.device("cpu")]):
            model(torch.randn(2, 6))
    if draw.random() < 0.1:
        with FakeTensorMode(allow_non_fake_inputs=True):
            model(torch.randn(2, 6))
    for _ in range(draw.choice([1, 2])):
        optimizer.zero_grad()
        loss = draw.choice(LOSS)(model(torch.randn(2, 6)))
        torch.autograd.backward(loss)
        optimizer.step()
""",
}


def traced(recorder: Recorder, loop: str, with_library: bool) -> tuple[bytes, list, bytes, list, int]:
    """stdout, events, names, gaps, and how many records the library wrote."""
    recorder.script(BEFORE.replace("COMPILED", str(with_library)) + COMMON + loop, "probed.py")
    ran, run_dir = recorder.probed("probed.py")
    assert ran.code == 0, ran.err.decode()
    folder = Path(run_dir) / "trace"
    gaps = [(gap["id"], gap["detail"]) for gap in of_kind(journal(run_dir), "gap")]
    written = int(ran.err.rsplit(b"records ", 1)[1])
    events = list(RECORD.iter_unpack((folder / "rank0.trace").read_bytes()[len(MAGIC) :]))
    return ran.out, events, (folder / "rank0.names.jsonl").read_bytes(), gaps, written


def test_the_library_was_built() -> None:
    assert compiled.steps() is not None, "steps.c was not compiled: install a C compiler, then the package again"


@pytest.mark.parametrize("loop", LOOPS)
def test_the_trace_is_what_python_writes(recorder: Recorder, loop: str) -> None:
    recorder.script(COMMON + LOOPS[loop])
    bare = recorder.bare("script.py")
    assert bare.code == 0, bare.err.decode()
    *fast, written = traced(recorder, LOOPS[loop], True)
    *slow, none = traced(recorder, LOOPS[loop], False)
    assert next((pair for pair in zip(fast[1], slow[1]) if pair[0] != pair[1]), None) is None
    assert fast == slow
    assert bare.out == fast[0]
    assert none == 0
    # Of the odd ones, most are for Python.
    assert written > len(fast[1]) / (8 if loop == "odd tensors" else 4)


def test_the_marks_are_the_next_steps_that_are_sampled() -> None:
    for recorded in ([], [(16, 5), (90, 11)]):
        for window in (None, (40, 50)):
            ahead, along = Schedule(recorded, window), Schedule(recorded, window)
            if not recorded:
                ahead.stride = along.stride = 7
            for step in range(16, 300):
                if not always(step):
                    whole, any_ = ahead.following(step)
                    one = Schedule([], window)
                    assert always(whole) and not any(always(between) for between in range(step, whole))
                    assert step <= any_ <= whole
                    one.stride, one._from, one._recorded = ahead.stride, ahead._from, list(ahead._recorded)
                    assert not any(one.at(between) for between in range(step, any_))
                assert ahead.at(step) == along.at(step)
