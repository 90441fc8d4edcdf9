"""uv, which solves locks and installs them. What pip was told of indexes it is told too: uv reads nothing of pip's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

from ..errors import EXIT_MISSING, ReenactError

_FROM_PIP = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}


def find_uv(env: Mapping[str, str] | None = None) -> str:
    """uv's program: on PATH, else beside the Python that runs reenact.

    Raises:
        ReenactError: ``no-uv`` (exit code 4).
    """
    path = (os.environ if env is None else env).get("PATH", os.defpath)
    found = shutil.which("uv", path=path) or shutil.which("uv", path=os.path.dirname(sys.executable))
    if found is None:
        raise ReenactError(
            "no-uv",
            "uv is not installed, which solves locks and makes environments",
            fix="pip install uv",
            exit_code=EXIT_MISSING,
        )
    return found


def run_uv(
    arguments: Sequence[str], env: Mapping[str, str], cwd: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Call uv, with pip's indexes where it has none of its own; its output is captured, its exit code not looked at.

    Raises:
        ReenactError: ``no-uv``.
    """
    command = [find_uv(env), *arguments, "--no-progress", "--color", "never"]
    # What it says is read again: it must not be broken into lines as for a narrow terminal.
    return subprocess.run(
        command,
        env=uv_settings(env) | {"COLUMNS": "10000"},
        cwd=cwd,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def uv_settings(env: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv: the given one, and what pip's variables say of indexes, links and certificates."""
    found = dict(env)
    for option, variable in _FROM_PIP.items():
        value = env.get("PIP_" + option.replace("-", "_").upper())
        if value and variable not in env:
            # pip parts several links by spaces, uv by commas.
            found[variable] = ",".join(value.split()) if option == "find-links" else value
    found.pop("VIRTUAL_ENV", None)
    return found
