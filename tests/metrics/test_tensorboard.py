"""``reenact tensorboard``: TensorBoard's own reader gives back what was logged, and its server shows it, while runs go on too."""

from __future__ import annotations

import json
import math
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import COMMAND, environment, record, reenact

pytest.importorskip("tensorboard", reason="tensorboard is not installed")

SCRIPT = """\
import reenact
lr = 0.1
for i in range(200):
    reenact.log({"val/loss ü": 1 / (i + 1)}, step=i * 3)
reenact.log(bad=float("nan"), step=1)
reenact.log(bad=float("inf"), step=2)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return {tag: [(one.step, one.value) for one in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_its_reader_gives_back_what_was_logged(project: Path) -> None:
    run = record("--name", "first", "train.py", cwd=project)
    for _ in range(2):  # the second time nothing is written twice
        done = reenact("tensorboard", run, "--write", "tb", cwd=project, timeout=120)
        assert done.returncode == 0, done.stderr
    (folder,) = [path for path in (project / "tb").iterdir() if path.is_dir()]
    assert folder.name == f"{run} first"
    found = scalars(folder)
    assert [step for step, _ in found["val/loss ü"]] == [i * 3 for i in range(200)]
    assert all(math.isclose(value, 1 / (i + 1), rel_tol=1e-6) for i, (_, value) in enumerate(found["val/loss ü"]))
    assert math.isnan(found["bad"][0][1]) and found["bad"][1] == (2, math.inf)


def test_its_server_follows_a_run_that_goes_on(project: Path) -> None:
    (project / "train.py").write_text(
        "import os, reenact, time\nreenact.log(loss=1, step=0)\nopen('begun', 'w').close()\n"
        "while not os.path.exists('go'):\n    time.sleep(0.02)\nreenact.log(loss=2, step=1)\n"
    )
    run = reenact("run", "-d", "train.py", cwd=project).stdout.strip()
    while not (project / "begun").exists():
        time.sleep(0.05)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([*COMMAND, "tensorboard", "--port", str(port)], cwd=project, env=environment())
    try:
        assert _until(port, run, 1) == [1.0]
        (project / "go").touch()
        assert _until(port, run, 2) == [1.0, 2.0]
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_nothing_is_left_of_it(project: Path, number: signal.Signals) -> None:
    """Its server and the data server of that end with the process that started them."""
    (project / "train.py").write_text("import reenact\nreenact.log(loss=1)\n")
    run = record("train.py", cwd=project)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([*COMMAND, "tensorboard", "--port", str(port)], cwd=project, env=environment())
    try:
        assert _until(port, run, 1) == [1.0]
        begun = _below(process.pid)
        assert begun
        process.send_signal(number)
        assert process.wait(60) == 0
        end = time.monotonic() + 30
        while any(map(_alive, begun)) and time.monotonic() < end:
            time.sleep(0.05)
        assert not any(map(_alive, begun))
    finally:
        process.kill()
        process.wait()


def _below(pid: int) -> list[int]:
    """The descendants of a process."""
    told = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(child): int(parent) for child, parent in map(str.split, told.splitlines())}
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def _alive(pid: int) -> bool:
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(told) and not told.startswith("Z")


def _until(port: int, run: str, count: int) -> list[float]:
    """The loss of a run as the page's own requests have it, once it has so many points."""
    url = f"http://127.0.0.1:{port}/data/plugin/scalars/scalars?tag=loss&run={run}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    found: list[float] = []
    end = time.monotonic() + 90
    while time.monotonic() < end:
        try:
            found = [value for _, _, value in json.loads(opener.open(url, timeout=5).read())]
        except (OSError, ValueError):
            pass
        if len(found) >= count:
            break
        time.sleep(0.3)
    return found


def test_errors(project: Path) -> None:
    (project / ".reenact").mkdir()
    done = reenact("tensorboard", cwd=project)
    assert done.returncode == 2 and "no run to show" in done.stderr
    record("train.py", cwd=project)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = reenact("tensorboard", "--port", str(port), cwd=project)
    assert done.returncode == 2 and f"--port {port + 1}" in done.stderr


def test_images_histograms_texts_and_params_as_its_own_reader_has_them(project: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (project / "train.py").write_text(
        "import numpy as np, reenact\nlr = 0.25\n"
        "picture = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)\n"
        "for step in range(3):\n"
        "    reenact.log({'sample/ü': reenact.image(picture + np.uint8(step), caption='a cat')}, step=step * 10)\n"
        "reenact.log(weights=reenact.histogram([0.0, 1.0, 1.0, 4.0], bins=4), step=7)\n"
        "reenact.log(odd=reenact.histogram(([2, 3], [0.5, 1.5, 9.5])), note=reenact.text('*words*'), page=reenact.html('<b>'))\n"
        "reenact.log(errors=reenact.table([{'a|b': 'x|y', 'n': 1}]), tone=reenact.audio([0.0, 0.5], rate=8000), loss=0.5)\n"
    )
    run = record("train.py", cwd=project)
    for _ in range(2):  # the second time nothing is written twice
        assert reenact("tensorboard", run, "--write", "tb", cwd=project, timeout=120).returncode == 0
    found = EventAccumulator(str(project / "tb" / run), size_guidance=dict.fromkeys(("images", "histograms"), 0))
    found.Reload()
    files = sorted((project / ".reenact" / "runs" / run / "media" / "rank0").glob("sample*.png"), key=_step_of)
    assert [one.step for one in found.Images("sample/ü")] == [0, 10, 20]
    assert [one.encoded_image_string for one in found.Images("sample/ü")] == [path.read_bytes() for path in files]
    assert (found.Images("sample/ü")[0].width, found.Images("sample/ü")[0].height) == (5, 6)
    (weights,) = found.Histograms("weights")
    value = weights.histogram_value
    assert (weights.step, value.min, value.max, value.num) == (7, 0.0, 4.0, 4)
    assert (list(value.bucket_limit), list(value.bucket)) == ([1.0, 2.0, 3.0, 4.0], [1, 2, 0, 1])
    odd = found.Histograms("odd")[0].histogram_value
    assert (odd.min, list(odd.bucket_limit), list(odd.bucket)) == (0.5, [1.5, 9.5], [2, 3])
    texts = {tag: found.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in ("note", "errors")}
    assert texts == {"note": "*words*", "errors": "| a\\|b | n |\n| --- | --- |\n| x\\|y | 1 |"}
    assert found.SummaryMetadata("note").plugin_data.plugin_name == "text"
    assert found.Audio("tone")[0].sample_rate == 8000 and found.Audio("tone")[0].encoded_audio_string[:4] == b"RIFF"
    assert [(one.step, one.value) for one in found.Scalars("loss")] == [(0, 0.5)]
    assert "page" not in {tag for tags in found.Tags().values() if isinstance(tags, list) for tag in tags}
    assert "_hparams_/session_start_info" in found.PluginTagToContent("hparams")


def _step_of(path: Path) -> int:
    return int(path.stem.rsplit("-", 1)[1])
