"""What an environment is like from inside a container. Executed there, from where the probe is mounted: standard library only."""

from __future__ import annotations

import json
import os
import sys

MARK = "reenact answers: "


def main() -> None:
    """Print the machine, the interpreter and its distributions as JSON, behind a mark.

    The first argument is a JSON list of the folders to look into, or ``null`` for this interpreter's own ``sys.path``.
    """
    from reenact.environment.hardware import hardware
    from reenact.environment.packages import distributions

    path = json.loads(sys.argv[1]) if len(sys.argv) > 1 else None
    if path is None:
        ours = os.environ.get("PYTHONPATH", "")
        path = [folder for folder in sys.path if folder and folder != ours]
    print(MARK + json.dumps({"hardware": hardware(), "distributions": distributions(path), "path": path}))
