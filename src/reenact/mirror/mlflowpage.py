"""MLflow's own pages on the copies in a store, for as long as somebody looks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from importlib.util import find_spec

from ..errors import EXIT_MISSING, ReenactError
from ..store.project import Store
from .ports import refuse_taken
from .serving import end, terminated
from .settings import DATABASE, read_settings, shown, with_uri

_PATIENCE = 120
"""Seconds that the server may take to come up."""


def serve(
    store: Store,
    port: int = 5000,
    host: str = "127.0.0.1",
    on_start: Callable[[], None] | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> int:
    """Serve MLflow's pages until Ctrl-C or SIGTERM; the server is our child and ends with us.

    Args:
        store: whose copies; those of another database where the project's settings or MLFLOW_TRACKING_URI name one.
        on_start: called when nothing is in the way of it any more.
        on_ready: called with the address once it answers.

    Returns:
        0, or the server's exit code where it ended on its own.

    Raises:
        ReenactError: ``no-mlflow-server`` (exit code 4), ``no-copies``, ``port-in-use``, ``served-elsewhere``.
    """
    found = [find_spec(name) for name in ("mlflow", "flask", "uvicorn")]
    if any(one is None or one.origin is None for one in found):  # a folder of that name is no package
        raise ReenactError(
            "no-mlflow-server",
            "MLflow's pages need the full mlflow beside reenact; mlflow-skinny, which copying needs, has none",
            fix="pip install mlflow",
            exit_code=EXIT_MISSING,
        )
    uri = with_uri(read_settings(store.root), None, store).uri or ""
    if uri.startswith(("http://", "https://", "databricks")):
        raise ReenactError(
            "served-elsewhere", f"the copies are at {shown(uri)}, which has pages of its own", fix=f"open {shown(uri)}"
        )
    if uri == f"sqlite:///{store.folder / DATABASE}" and not (store.folder / DATABASE).exists():
        raise ReenactError("no-copies", "no run has been copied into MLflow yet", fix="`reenact mirror mlflow --all`")
    refuse_taken(host, port)
    if on_start is not None:
        on_start()
    words = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    env = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # Not on the command line: an address may hold a password.
        "MLFLOW_BACKEND_STORE_URI": uri,
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": (store.folder / "mlflow-artifacts").as_uri(),
    }
    log = store.folder / "cache" / "mlflow-server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with terminated(), open(log, "wb") as sink:
        process = subprocess.Popen(
            words,
            cwd=store.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,  # it has children, which end with it
        )
        try:
            if _comes_up(process, host, port) and on_ready is not None:
                on_ready(f"http://{host}:{port}")
            code = process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            end(process)
    last = log.read_text(errors="replace").strip().splitlines()[-1:] or [""]
    raise ReenactError(
        "mlflow-failed",
        f"MLflow's server has ended with exit code {code}: {last[0]}",
        fix=f"see {log}",
        exit_code=1,
    )


def _comes_up(process: subprocess.Popen[bytes], host: str, port: int) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{host}:{port}/health", timeout=2):
                return True
        except OSError:
            time.sleep(0.2)
    return False
