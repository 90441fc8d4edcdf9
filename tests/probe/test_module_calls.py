"""The wrapper of a module's call: what it sees, and what of the program does not see it."""

from __future__ import annotations

import json

import pytest
from probed import Recorder

from reenact.probe.traceformat import BATCH, LOSS, MAGIC, OUT, RECORD

pytest.importorskip("torch")

LOOP = """
import torch
from torch import nn
torch.manual_seed(0)
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)
    def forward(self, x):
        return self.b(torch.relu(self.a(x)))
model = Block()
run = PREPARE
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(4):
    x = torch.randn(5, 8)
    optimizer.zero_grad()
    loss = run(x).square().sum()
    loss.backward()
    optimizer.step()
    print(loss.item().hex())
"""

WAYS = {
    "plain": "model",
    "compiled": "torch.compile(model, backend='eager')",
    "compiled whole": "torch.compile(model, backend='eager', fullgraph=True)",
    "compiled in place": "(model.compile(backend='eager'), model)[1]",
    "scripted": "torch.jit.script(model)",
    "symbolic": "torch.fx.symbolic_trace(model)",
    "checkpointed": "lambda x: torch.utils.checkpoint.checkpoint(model, x, use_reentrant=False)",
    "functional": "lambda x: torch.func.functional_call(model, dict(model.named_parameters()), (x,))",
}


def counts(run_dir) -> dict[int, int]:
    """Events of each kind, of the batches, outputs and losses."""
    data = (run_dir / "trace" / "rank0.trace").read_bytes()
    assert data.startswith(MAGIC)
    kinds = [row[0] for row in RECORD.iter_unpack(data[len(MAGIC) :])]
    return {kind: kinds.count(kind) for kind in (BATCH, OUT, LOSS)}


@pytest.mark.parametrize("way", WAYS)
def test_root_calls_are_seen_once_and_nothing_changes(recorder: Recorder, way: str) -> None:
    recorder.script(LOOP.replace("PREPARE", WAYS[way]))
    bare = recorder.bare("script.py")
    assert bare.code == 0, bare.err
    probed, run_dir = recorder.probed("script.py")
    assert (probed.code, probed.out) == (bare.code, bare.out)
    assert counts(run_dir) == {BATCH: 4, OUT: 4, LOSS: 4}


def test_a_failing_call_does_not_hide_those_after_it(recorder: Recorder) -> None:
    recorder.script(LOOP.replace("PREPARE", "model") + "raise SystemExit(0)\n")
    whole = counts(recorder.probed("script.py")[1])
    failing = "model\ntry:\n    model(torch.randn(5, 3))\nexcept RuntimeError as problem:\n    print(type(problem))\n"
    recorder.script(LOOP.replace("PREPARE", failing), "failing.py")
    assert counts(recorder.probed("failing.py")[1]) == whole


def test_traceback_of_a_failing_model_is_as_bare(recorder: Recorder) -> None:
    recorder.script(LOOP.replace("PREPARE", "model") + "torch.nn.Sequential(model)(torch.randn(5, 3))\n")
    bare = recorder.bare("script.py")
    assert bare.code == 1 and b"mat1 and mat2" in bare.err
    assert recorder.probed("script.py")[0] == bare


def test_proxies_of_a_tracer_are_not_asked_anything(recorder: Recorder) -> None:
    recorder.script(
        LOOP.replace("PREPARE", "model") + "print(*(node.op for node in torch.fx.symbolic_trace(model).graph.nodes))\n"
    )
    bare = recorder.bare("script.py")
    assert bare.out.endswith(b"placeholder call_module call_function call_module output\n")
    assert recorder.probed("script.py")[0] == bare


def test_the_last_steps_are_written_before_the_process_leaves_at_once(recorder: Recorder) -> None:
    recorder.script(LOOP.replace("PREPARE", "model").replace("range(4)", "range(300)") + "import os\nos._exit(7)\n")
    probed, run_dir = recorder.probed("script.py")
    assert probed.code == 7
    assert counts(run_dir) == {BATCH: 300, OUT: 300, LOSS: 300}


@pytest.mark.parametrize("at", [2, 30])
def test_steps_go_on_after_one_that_raised(recorder: Recorder, at: int) -> None:
    # The second optimizer steps within the first's step, as a wrapping one does.
    recorder.script(f"""
import torch
torch.manual_seed(0)
model = torch.nn.Linear(4, 4)
class Outer(torch.optim.SGD):
    def step(self, closure=None):
        if closure is not None:
            closure()
        return super().step()
optimizer = Outer(model.parameters(), lr=0.1)
def broken():
    raise ValueError
for step in range(40):
    optimizer.zero_grad()
    model(torch.randn(3, 4)).square().sum().backward()
    try:
        optimizer.step(broken if step == {at} else None)
    except ValueError:
        print("broken at", step)
""")
    probed, run_dir = recorder.probed("script.py")
    assert (probed.code, probed.out) == (0, f"broken at {at}\n".encode()), probed.err
    lines = (run_dir / "journal" / "rank0.jsonl").read_text().splitlines()
    (end,) = [event for event in map(json.loads, lines) if event["e"] == "end"]
    assert end["steps"] == 39
