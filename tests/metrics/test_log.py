"""``reenact.log`` in real programs: what it keeps, that no kill loses any, and that a program cannot tell."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import environment, last_json, manifest, record, reenact, run_folder

from reenact.record.points import read_chunks, read_names


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


def points(project: Path, run: str) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted((run_folder(project, run) / "metrics").glob("*.points")):
        names = read_names(path)
        for chunk in read_chunks(path):
            for number, step, value in zip(chunk.names, chunk.steps, chunk.values):
                if number:  # 0: a signal came while it was being written
                    found.setdefault(names[number], []).append((step, value))
    return found


def logged(project: Path, script: str, *words: str) -> tuple[dict[str, list[tuple[int, float]]], dict]:
    (project / "train.py").write_text("import reenact\n" + script)
    run = record(*words, "train.py", cwd=project)
    return points(project, run), manifest(project, run)


def test_values_steps_and_names(project: Path) -> None:
    found, run = logged(
        project,
        "import torch, numpy\n"
        "for i in range(3):\n    reenact.log(loss=i / 2, step=i * 10)\n"
        "for i in range(3):\n    reenact.log(acc=i)\n"
        "reenact.log({'val/loss': torch.tensor(0.5), 'a \"quoted\" ü\\n': numpy.float32(0.25)}, step=numpy.int64(7), more=True)\n"
        "reenact.log(bad=float('nan')); reenact.log(bad=float('-inf'), step=-3)\n",
    )
    assert found["loss"] == [(0, 0.0), (10, 0.5), (20, 1.0)]
    assert found["acc"] == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert found["val/loss"] == [(7, 0.5)] and found['a "quoted" ü\n'] == [(7, 0.25)] and found["more"] == [(7, 1.0)]
    assert found["bad"][1] == (-3, -math.inf) and math.isnan(found["bad"][0][1])
    assert run["metrics"]["loss"] == {"last": 1.0, "min": 0.0, "max": 1.0, "count": 3, "first": 0.0}
    assert run["complete"]


def test_what_is_no_number_is_a_gap_and_no_error(project: Path) -> None:
    found, run = logged(project, "reenact.log(x='abc', y=1)\nreenact.log(x=[1, 2])\nprint('went on')\n")
    assert found == {"y": [(0, 1.0)]}
    assert sorted(gap["detail"] for gap in run["gaps"]) == ["x: list '[1, 2]'", "x: str 'abc'"]


def test_threads_forks_and_children(project: Path) -> None:
    found, _ = logged(
        project,
        "import multiprocessing, os, subprocess, sys, threading\n"
        "def work(n):\n    for i in range(5000):\n        reenact.log({f't{n}': i})\n"
        "if __name__ == '__main__':\n"
        "    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n"
        "    [t.start() for t in threads]; [t.join() for t in threads]\n"
        "    if os.fork() == 0:\n        reenact.log(forked=1); os._exit(0)\n"
        "    os.wait()\n"
        "    p = multiprocessing.get_context('spawn').Process(target=work, args=(9,)); p.start(); p.join()\n"
        "    subprocess.run([sys.executable, '-c', 'import reenact; reenact.log(child=1)'], check=True)\n",
    )
    for name in ("t0", "t1", "t2", "t3", "t9"):
        assert found[name] == [(i, float(i)) for i in range(5000)]
    assert found["forked"] == found["child"] == [(0, 1.0)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_kill_loses_nothing(project: Path, number: int) -> None:
    (project / "train.py").write_text(
        f"import os, reenact\nfor i in range(10000):\n    reenact.log(loss=i)\nos.kill(os.getpid(), {int(number)})\n"
    )
    done = reenact("run", "--json", "train.py", cwd=project)
    assert done.returncode == 128 + number
    run = last_json(done.stdout)["run"]
    assert points(project, run)["loss"] == [(i, float(i)) for i in range(10000)]
    assert manifest(project, run)["metrics"]["loss"]["count"] == 10000
    assert (run_folder(project, run) / "metrics" / "rank0.points").stat().st_size == 24 * 10000


def test_a_signal_handler_may_log(project: Path) -> None:
    found, _ = logged(
        project,
        "import signal\n"
        "signal.signal(signal.SIGALRM, lambda *a: reenact.log(alarm=1))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\n"
        "for i in range(300000):\n    reenact.log(loss=i)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0)\n",
    )
    assert found["loss"] == [(i, float(i)) for i in range(300000)]
    assert len(found["alarm"]) > 10


def test_too_many_names_are_told(project: Path) -> None:
    found, run = logged(project, "for i in range(70000):\n    reenact.log({f'n{i}': i})\n")
    assert len(found) == 65536
    assert any(gap["id"] == "metric-names" for gap in run["gaps"])


def test_outside_of_a_run_nothing_happens(project: Path) -> None:
    code = "import reenact, sys; reenact.log(loss=1, step=2); reenact.log({'x': 'y'}); print(sorted(m for m in sys.modules if 'reenact' in m))"
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "['reenact']\n", "")
    assert list(project.iterdir()) == []


def test_it_is_there_where_reenact_is_not_installed(project: Path) -> None:
    """A bare virtual environment: the probe brings what a program may call, and nothing else."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "env"], cwd=project, check=True)
    found, _ = logged(
        project,
        "reenact.log(loss=2)\ntry:\n    import reenact.cli\nexcept ImportError:\n    reenact.log(bare=1)\n",
        "--python",
        str(project / "env" / "bin" / "python"),
    )
    assert found == {"loss": [(0, 2.0)], "bare": [(0, 1.0)]}


def test_each_job_of_a_sweep_has_its_own(project: Path) -> None:
    (project / "train.py").write_text(
        "import hydra, reenact\nreenact.log(before=1)\n"
        "@hydra.main(version_base=None)\ndef main(cfg):\n    reenact.log(x=cfg.a)\n\n"
        "if __name__ == '__main__':\n    main()\n    reenact.log(after=1)\n"
    )
    run = record("train.py", "-m", "+a=1,2", cwd=project)
    found = {
        path.stem: list(read_names(path).values()) for path in (run_folder(project, run) / "metrics").glob("*.points")
    }
    assert found == {"rank0": ["before", "after"], "job0": ["x"], "job1": ["x"]}
    for number in (0, 1):
        assert manifest(project, f"{run}.{number}")["metrics"]["x"]["last"] == number + 1


def test_a_full_disk_stops_the_metrics_and_not_the_program(project: Path) -> None:
    """With a limit on the size of files, which fails like a full disk: never a signal for the program."""
    (project / "train.py").write_text(
        "import reenact, resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200000, resource.RLIM_INFINITY))\n"
        "for i in range(50000):\n    reenact.log(loss=i)\n"
        "print('went on')\n"
    )
    done = reenact("run", "--json", "train.py", cwd=project)
    assert done.returncode == 0 and "went on" in done.stdout
    run = manifest(project, last_json(done.stdout)["run"])
    assert run["metrics"]["loss"]["count"] == 8192
    assert any(gap["id"] == "metrics" for gap in run["gaps"])


def test_a_program_cannot_tell(project: Path) -> None:
    """Same output and threads as where nothing is recorded."""
    (project / "train.py").write_text(
        "import os, reenact, sys, threading\nreenact.log(loss=1)\n"
        "print(threading.active_count(), reenact.log(x=2), sorted(m for m in dir() if 'map' in m))\n"
    )
    bare = subprocess.run([sys.executable, "train.py"], cwd=project, env=environment(), capture_output=True, text=True)
    done = reenact("run", "--quiet", "train.py", cwd=project)
    assert (done.stdout, done.stderr) == (bare.stdout, bare.stderr)


def test_verify_logs_again(project: Path) -> None:
    _, run = logged(project, "import random\nreenact.log(x=random.random())\nopen('o', 'w').write('1')\n")
    done = reenact("verify", "last", "--json", cwd=project)
    candidate = last_json(done.stdout)["candidate"]
    assert done.returncode == 0
    assert manifest(project, candidate)["metrics"]["x"] == run["metrics"]["x"]
    assert json.dumps(points(project, candidate)) == json.dumps(points(project, run["run"]))
    assert os.path.exists(run_folder(project, candidate) / "metrics" / "rank0.points")


def test_an_output_that_nobody_could_see(project: Path) -> None:
    """Written by another program, outside of the project."""
    folder = project / "elsewhere"
    root = project / "root"
    folder.mkdir()
    root.mkdir()
    (root / "train.py").write_text(
        "import reenact, subprocess\n"
        f"subprocess.run(['sh', '-c', 'echo made > {folder}/model.bin'], check=True)\n"
        f"print(reenact.output('{folder}/model.bin'), reenact.output('never-made'))\n"
    )
    run = record("train.py", cwd=root)
    found = manifest(root, run)
    assert [(one["path"], one["size"]) for one in found["outputs"]] == [(f"{folder}/model.bin", 5)]
    assert found["complete"], found["gaps"]
    done = reenact("verify", "last", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr


def test_logged_points_are_series_whole_and_while_they_grow(project: Path) -> None:
    from reenact.record.series import Follower, read

    (project / "train.py").write_text(
        "import os, reenact, time\n"
        "for i in range(5000):\n    reenact.log(loss=i, step=i)\n    reenact.log({'b': -i})\n"
        "open('half', 'w').close()\n"
        "while not os.path.exists('go'):\n    time.sleep(0.01)\n"
        "for i in range(5000, 6000):\n    reenact.log(loss=i, step=i)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "reenact", "run", "--quiet", "train.py"], cwd=project, env=environment()
    ) as process:
        while not (project / "half").exists():
            assert process.poll() is None
        (folder,) = (project / ".reenact" / "runs").iterdir()
        follower = Follower(folder, ["loss"])
        follower.poll()
        first = follower.series()["loss"]
        assert list(first.values) == [float(i) for i in range(5000)]
        (project / "go").touch()
        assert process.wait(60) == 0
    assert follower.poll() == {"loss"}
    follower.finish()
    assert list(follower.series()["loss"].steps) == list(range(6000))
    whole = read(folder)
    assert list(whole["loss"].values) == [float(i) for i in range(6000)]
    assert list(whole["b"].values) == [float(-i) for i in range(5000)]
    assert whole["loss"].times is not None and list(whole["loss"].times) == sorted(whole["loss"].times)


def test_numbers_of_arrays_and_tensors_warn_of_nothing(project: Path) -> None:
    """NumPy and torch warn of ``float`` of some of these, which would be seen on the terminal of a recorded program alone."""
    found, run = logged(
        project,
        "import numpy as np, torch, warnings\nwarnings.simplefilter('error')\n"
        "reenact.log(a=torch.ones(1, requires_grad=True), b=np.ones(1), c=np.ones((1, 1)), d=np.float16(2), e=True, f=torch.ones(1, 1).sum())\n"
        "reenact.log(g=np.complex64(1), h=np.ones(2), i=torch.ones(2))\n",
    )
    assert {name: points[0][1] for name, points in found.items()} == {**dict.fromkeys("abcef", 1), "d": 2}
    assert sorted(gap["detail"][0] for gap in run["gaps"]) == ["g", "h", "i"]
