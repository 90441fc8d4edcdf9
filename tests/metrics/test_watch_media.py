"""A training that logs everything there is, with a live TensorBoard beside it, is to the bit the training that it is bare."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import COMMAND, environment, manifest

for module in ("torch", "tensorboard", "matplotlib", "pandas", "sklearn"):
    pytest.importorskip(module)

SCRIPT = """\
import os, random, sys, time
import numpy as np, pandas as pd, torch
import matplotlib; matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.metrics import accuracy_score
from torch.utils.tensorboard import SummaryWriter
import reenact

random.seed(1); np.random.seed(2); torch.manual_seed(3)
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(16, 2))
opt = torch.optim.Adam(model.parameters(), lr=0.01)
x = torch.randn(64, 8); y = (x[:, 0] > 0).long()
open("begun", "w").close()
while not os.path.exists("go"):
    time.sleep(0.02)
writer = SummaryWriter("tb")
other, axes = plt.subplots()
for step in range(60):
    loss = torch.nn.functional.cross_entropy(model(x), y)
    opt.zero_grad(); loss.backward(); opt.step()
    reenact.log(loss=loss, step=step)
    writer.add_scalar("tb/loss", loss.item(), step)
    if step % 10 == 0:
        fig, ax = plt.subplots(layout="constrained")
        ax.plot(np.random.rand(5), label="a long label"); ax.legend(); ax.set_title("t")
        reenact.log({"fig": fig, "img": reenact.image(x[:, :3].reshape(8, 8, 3).clamp(0, 1), caption="c"),
                     "hist": reenact.histogram(model[0].weight), "table": reenact.table(pd.DataFrame({"a": x[0].numpy()})),
                     "note": reenact.text("words"), "bad": reenact.image(np.zeros((2, 2, 2)))}, step=step)
        fig.savefig(f"fig{step}.png"); plt.close(fig)
        writer.add_image("im", np.random.rand(3, 4, 4), step); writer.add_histogram("h", model[0].weight, step)
        writer.add_text("t", "x", step); writer.add_figure("other", other, step, close=False)
        print(step, loss.item(), accuracy_score(y.numpy(), model(x).argmax(1).numpy()), plt.get_fignums(), flush=True)
    time.sleep(0.03)
writer.close()
torch.save(model.state_dict(), "weights.pt")
import hashlib, json, threading
def digest(data): return hashlib.sha256(data).hexdigest()
state = {
    "random": digest(repr(random.getstate()).encode()), "numpy": digest(np.random.get_state()[1].tobytes()),
    "next": [random.random(), float(np.random.rand()), float(torch.rand(1))], "torch": digest(bytes(torch.get_rng_state().tolist())),
    "rc": digest(repr(sorted(matplotlib.rcParams.items(), key=str)).encode()), "backend": matplotlib.get_backend(), "figures": plt.get_fignums(),
    "current": plt.gcf() is other, "errors": np.geterr(), "filters": len(__import__("warnings").filters),
    "threads": threading.active_count(), "tasks": len(os.listdir("/proc/self/task")), "modules": sorted(sys.modules),
    "files": sorted(os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")),
    "env": sorted(os.environ), "path": sys.path, "argv": sys.argv, "cwd": os.getcwd(), "precision": torch.get_num_threads(),
    "grad": torch.is_grad_enabled(), "dtype": str(torch.get_default_dtype()), "names": sorted(n for n in dir() if n != "__annotations__"),
}
json.dump(state, open("state.json", "w"))
"""


def _state(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "state.json").read_text())
    return found


def test_a_training_that_logs_everything_is_the_one_that_it_is_bare(tmp_path: Path) -> None:
    # One place for both, since it is written into what they leave: first bare, then recorded.
    place, bare = tmp_path / "project", tmp_path / "bare"
    place.mkdir()
    (place / "train.py").write_text(SCRIPT)
    (place / "go").touch()
    first = subprocess.run([sys.executable, "train.py"], cwd=place, env=environment(), capture_output=True)
    assert first.returncode == 0, first.stderr.decode()
    place.rename(bare)
    place.mkdir()
    (place / "train.py").write_text(SCRIPT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = subprocess.Popen(
        [*COMMAND, "run", "--quiet", "train.py"],
        cwd=place,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while not (place / "begun").exists():
        assert run.poll() is None
        time.sleep(0.05)
    board = subprocess.Popen(
        [*COMMAND, "tensorboard", "--port", str(port)], cwd=place, env=environment(), stderr=subprocess.DEVNULL
    )
    try:
        _until_up(port)
        (place / "go").touch()
        out, err = run.communicate(timeout=120)
    finally:
        board.terminate()
        board.wait(30)
    assert (out, err, run.returncode) == (first.stdout, first.stderr, 0)
    for name in ("weights.pt", *(f"fig{step}.png" for step in range(0, 60, 10))):
        assert (place / name).read_bytes() == (bare / name).read_bytes(), name

    was, now = _state(bare), _state(place)
    new = set(now.pop("modules")) - set(was.pop("modules"))
    assert {name for name in new if not name.startswith("_reenact")} <= sys.stdlib_module_names
    (folder,) = (place / ".reenact" / "runs").iterdir()
    ours = [path for path in now["files"] if path.startswith(str(folder))]
    assert ours, "the check of descriptors can fail"
    now["files"] = [_plain(path) for path in now["files"] if path not in ours]
    was["files"] = [_plain(path) for path in was["files"]]
    assert now == was

    known = manifest(place, folder.name)
    assert {name: one["count"] for name, one in known["media"].items()} == {
        **dict.fromkeys(("fig", "img", "hist", "table", "note", "im", "h", "t", "other"), 6)
    }
    assert known["metrics"]["loss"]["count"] == 60 and known["metrics"]["sklearn/accuracy_score"]["count"] == 6
    assert [gap["id"] for gap in known["gaps"]] == ["media-not-kept"]
    assert known["metrics"]["system/cpu"]["count"] >= 1
    assert list((place / ".reenact" / "cache" / "tensorboard").glob("*/events*")), "the live board has seen it"


def _plain(path: str) -> str:
    """What a descriptor is open on, without the numbers of pipes and the names of event files, which hold the time."""
    return path.split(":[")[0].split("/events.out")[0]


def _until_up(port: int) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + 90
    while time.monotonic() < end:
        try:
            opener.open(f"http://127.0.0.1:{port}/", timeout=5).read()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("TensorBoard did not start")


def test_the_check_can_fail(tmp_path: Path) -> None:
    """A state that differs is seen: what the test above compares is no constant."""
    (tmp_path / "train.py").write_text(SCRIPT.replace("np.random.seed(2)", "np.random.seed(4)"))
    (tmp_path / "go").touch()
    states = []
    for script in (SCRIPT, (tmp_path / "train.py").read_text()):
        (tmp_path / "train.py").write_text(script)
        subprocess.run([sys.executable, "train.py"], cwd=tmp_path, env=environment(), check=True, capture_output=True)
        states.append(_state(tmp_path))
        os.rename(tmp_path / "weights.pt", tmp_path / f"weights{len(states)}.pt")
    assert states[0]["numpy"] != states[1]["numpy"] and states[0]["torch"] == states[1]["torch"]
