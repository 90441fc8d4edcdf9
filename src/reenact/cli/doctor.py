"""``reenact doctor``: whether this machine can do what the commands need."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

import click


@click.command(name="doctor", short_help="Say what this machine lacks, and what mends it.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of {check, status, seen, fix}.")
def command(as_json: bool) -> int:
    """Look at Python, the store, disks, uv, git, namespaces, the clock, container engines and GPUs. Nothing is changed.

    Exit code 0, also with warnings; 4 when something is missing that every run needs.
    """
    from pathlib import Path

    from ..doctor.examine import examine
    from ..doctor.row import Context
    from ..errors import EXIT_MISSING
    from ..report.console import console
    from ..report.doctor import render_doctor

    rows = list(examine(Context(dict(os.environ), Path.cwd())))
    if as_json:
        sys.stdout.write(json.dumps([asdict(row) for row in rows]) + "\n")
    else:
        render_doctor(rows, console(sys.stdout))
    return EXIT_MISSING if any(row.status == "missing" for row in rows) else 0
