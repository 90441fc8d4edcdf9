"""``reenact ui --mlflow``: MLflow's own pages on what was copied; the server ends with the process that started it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

from servers import eventually, free_port

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import environment, reenact


def pages(project: Path, port: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "reenact", "ui", "--mlflow", "--no-open", "--port", str(port)]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, cwd=project, env=environment(), stdout=pipe, stderr=pipe, text=True)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_is_served_until_it_is_ended(project: Path) -> None:
    (project / "train.py").write_text("import reenact\nreenact.log(a=1)\n")
    assert reenact("run", "train.py", cwd=project).returncode == 0
    port = free_port()
    told = pages(project, port).communicate(timeout=60)[1]
    assert "no run has been copied" in told and "mirror mlflow --all" in told
    assert reenact("mirror", "mlflow", "--all", cwd=project, timeout=120).returncode == 0
    process = pages(project, port)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address == f"http://127.0.0.1:{port}"
        assert process.stderr is not None
        assert "starting" in process.stderr.readline() and "not read-only" in process.stderr.readline()
        with urllib.request.urlopen(f"{address}/health", timeout=10) as answer:
            assert answer.status == 200
        from mlflow import MlflowClient

        names = [one.name for one in MlflowClient(address, address).search_experiments()]
        assert project.name in names
        second = pages(project, port).communicate(timeout=60)[1]
        assert f"port {port}" in second and f"--port {port + 1}" in second
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    eventually(lambda: not answers(port))


def test_without_the_full_mlflow_that_is_said_first(project: Path) -> None:
    (project / "train.py").write_text("print(1)\n")
    assert reenact("run", "train.py", cwd=project).returncode == 0
    for missing in ("flask", "mlflow"):
        code = f"import sys; sys.modules[{missing!r}] = None; from reenact.cli.main import main; sys.exit(main())"
        words = [sys.executable, "-c", code, "ui", "--mlflow", "--no-open"]
        done = subprocess.run(words, cwd=project, env=environment(), capture_output=True, text=True, timeout=60)
        assert done.returncode == 4 and "full mlflow" in done.stderr and "pip install mlflow\n" in done.stderr
        assert "starting" not in done.stderr and "Traceback" not in done.stderr
