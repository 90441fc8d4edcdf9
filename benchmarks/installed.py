"""Packages of peers, installed on demand into a virtual environment of the benchmarks' own: ``build/bench-venv``.

It sees this interpreter's packages too (torch is not installed twice), and this interpreter never sees its packages.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

VENV = Path(__file__).resolve().parent.parent / "build" / "bench-venv"


def python_with(module: str, *requirements: str, limit: float = 60) -> tuple[str | None, str]:
    """An interpreter that can import a module.

    Args:
        module: its name.
        requirements: what to install when it cannot be imported.
        limit: seconds that installing may take.

    Returns:
        The interpreter, or None, and why not.
    """
    python = VENV / "bin" / "python"
    if not python.exists():
        done = _run([sys.executable, "-m", "venv", str(VENV)], limit)
        if done is not None:
            return None, f"no virtual environment could be made: {done}"
        own = subprocess.run(
            [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        Path(own, "benchmarks.pth").write_text(sysconfig.get_path("purelib") + "\n")
    if _run([str(python), "-c", f"import {module}"], 60) is not None:
        problem = _run([str(python), "-m", "pip", "install", "--quiet", *requirements], limit)
        if problem is not None:
            return None, f"{' '.join(requirements)} could not be installed: {problem}"
        _run([str(python), "-c", f"import {module}"], 60)
    return str(python), ""


def _run(argv: list[str], limit: float) -> str | None:
    """None when it worked, else the last line of what went wrong."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return f"not done after {limit:.0f} s"
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or ["no message"])[-1][:200]
