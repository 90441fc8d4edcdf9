"""On a GPU: the same fingerprints as on the CPU, no synchronisation in the step, and runs that verify."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int64", "uint8", "bool", "complex64"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (4096,), (4097,), (129, 65), (300, 4096)])
def test_fingerprint_is_that_of_the_cpu(dtype: str, shape: tuple[int, ...]) -> None:
    import torch

    from reenact.fingerprint.tensors import TensorHasher

    hasher = TensorHasher(torch)
    torch.manual_seed(1)
    tensor = (torch.randn(shape) * 9).to(getattr(torch, dtype))
    assert hasher.fingerprint(tensor.cuda()) == hasher.fingerprint(tensor)
    if len(shape) == 2:
        assert hasher.fingerprint(tensor.cuda().t()) == hasher.fingerprint(tensor.t())


def test_joint_fingerprint_is_that_of_the_cpu() -> None:
    import torch

    from reenact.fingerprint.tensors import TensorHasher
    from reenact.fingerprint.weights import MASK
    from reenact.probe.trace import combine

    hasher = TensorHasher(torch)
    tensors = [torch.randn(7), torch.randn(300, 300), torch.randn(70_000)]

    def joint(found: list) -> int:
        parts = hasher.joint(found)
        return combine([(n if type(n) is int else int(n.item()) & MASK, nbytes) for n, nbytes in parts])

    assert joint([tensor.cuda() for tensor in tensors]) == joint(tensors)


def test_total_does_not_synchronise() -> None:
    import torch

    from reenact.fingerprint.tensors import TensorHasher

    hasher = TensorHasher(torch)
    tensors = [torch.randn(64, 784, device="cuda"), torch.randn(5, device="cuda")]
    hasher.joint(tensors)  # the weights are copied at the first use
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        hasher.total(tensors[0])
        hasher.joint(tensors)
    finally:
        torch.cuda.set_sync_debug_mode("default")


SCRIPT = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = torch.randn(640, 64), torch.randn(640, 1)
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True, pin_memory=True)
model = nn.Sequential(nn.Linear(64, 256), nn.Dropout(0.1), nn.ReLU(), nn.Linear(256, 1)).cuda()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
SYNC = False
for epoch in range(3):
    for a, b in loader:
        a, b = a.cuda(non_blocking=True), b.cuda(non_blocking=True)
        if SYNC and epoch:
            torch.cuda.set_sync_debug_mode("error")
        loss = nn.functional.mse_loss(model(a), b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        torch.cuda.set_sync_debug_mode("default")
print(torch.randn(3, device="cuda").sum().item(), loss.item())
torch.save(model.state_dict(), "w.pt")
"""


def reenact(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reenact", *args], cwd=cwd, capture_output=True, text=True, timeout=300
    )


def test_gpu_run_verifies(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    ran = reenact("run", "--json", "--python", sys.executable, "train.py", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    manifest = json.loads(reenact("show", "last", "--json", cwd=tmp_path).stdout)
    assert manifest["traces"][0]["steps"] == 60
    assert manifest["environment"]["gpus"]
    done = reenact("verify", "last", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["steps_compared"] == 60


def test_unseeded_gpu_run_verifies(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT.replace("torch.manual_seed(0)", ""))
    assert reenact("run", "--python", sys.executable, "train.py", cwd=tmp_path).returncode == 0
    done = reenact("verify", "last", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_synchronisation_is_added_to_the_step(tmp_path: Path) -> None:
    """With torch's own check on: a step that waits for the device raises."""
    (tmp_path / "train.py").write_text(SCRIPT.replace("SYNC = False", "SYNC = True"))
    ran = reenact("run", "--json", "--python", sys.executable, "train.py", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    manifest = json.loads(reenact("show", "last", "--json", cwd=tmp_path).stdout)
    assert not [gap for gap in manifest["gaps"] if gap["id"].startswith("trace-")], manifest["gaps"]
