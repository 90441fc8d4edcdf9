"""Real tracking servers: MLflow's own, on SQLite and on PostgreSQL, which can be killed, stopped and started again."""

from __future__ import annotations

import math
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import environment, run_folder

from reenact.record import series

LARGEST = 1.7976931348623157e308


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(what: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)
    return found


class Server:
    """``mlflow server`` with one worker, on a database that outlives it."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.database = database
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        if self._process is not None:
            return self
        words = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", self.database]
        words += ["--artifacts-destination", str(self.folder / "artifacts"), "--host", "127.0.0.1"]
        words += ["--port", str(self.port), "--workers", "1"]
        env = environment({"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"})
        with open(self.folder / "server.log", "ab") as log:
            self._process = subprocess.Popen(
                words, cwd=self.folder, env=env, stdout=log, stderr=log, start_new_session=True
            )
        eventually(self._answers, 120)
        return self

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (self.folder / "server.log").read_text()
        try:
            return urllib.request.urlopen(f"{self.uri}/health", timeout=2).status == 200
        except OSError:
            return False

    def signal(self, number: int) -> None:
        """To all of its processes."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.uri, self.uri)


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL of the system's, on a socket of its own: the address of a fresh database."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = str(folders[-1]) if folders else os.path.dirname(shutil.which("initdb") or "")
    assert found, "these tests need PostgreSQL: apt-get install postgresql"
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as name:
        if root:
            user = pwd.getpwnam("postgres")
            os.chown(name, user.pw_uid, user.pw_gid)
        switch = {"user": "postgres", "group": user.pw_gid, "extra_groups": []} if root else {}

        def do(program: str, *words: str) -> None:
            done = subprocess.run(
                [os.path.join(found, program), *words], cwd=name, capture_output=True, text=True, **switch
            )
            assert done.returncode == 0, done.stdout + done.stderr

        port = free_port()
        do("initdb", "-D", f"{name}/data", "-U", "postgres", "-A", "trust", "--no-sync")
        options = f"-p {port} -k {name} -c listen_addresses=127.0.0.1 -c fsync=off"
        do("pg_ctl", "-D", f"{name}/data", "-l", f"{name}/log", "-o", options, "-w", "start")
        try:
            yield f"postgresql+psycopg2://postgres@127.0.0.1:{port}/postgres"
        finally:
            do("pg_ctl", "-D", f"{name}/data", "-m", "immediate", "stop")


def copies(client: Any, experiment: str) -> dict[str, Any]:
    """The runs of an experiment, by the run that each is a copy of; none has two."""
    found = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id]) if found is not None else []
    names = Counter(one.data.tags["reenact.run"] for one in runs)
    assert not names or max(names.values()) == 1, names
    return {one.data.tags["reenact.run"]: one for one in runs}


def assert_the_same_points(client: Any, copy: Any, project: Path, run: str) -> None:
    """What MLflow has of a run is every point of its record, once."""
    from reenact.mirror.names import Keys

    recorded = series.read(run_folder(project, run))
    keys = Keys()
    assert recorded and set(copy.data.metrics) == {keys.key(name) for name in recorded}
    for name, one in recorded.items():
        history = client.get_metric_history(copy.info.run_id, keys.key(name))
        there = Counter((point.step, _value(point.value)) for point in history)
        assert there == Counter((step, _value(value)) for step, value in zip(one.steps, one.values)), name


def _value(value: float) -> float | str:
    """MLflow's databases hold no infinity."""
    return "nan" if math.isnan(value) else max(-LARGEST, min(LARGEST, value))
