"""Start a command as `reenact run` does: driver.py RUN_DIR COMMAND…; what the job noted goes to driver.json."""

import json
import os
import sys
from pathlib import Path

from reenact.errors import ReenactError
from reenact.execute.base import RunSpec
from reenact.execute.local import LocalExecutor

run_dir = Path(sys.argv[1])
try:
    job = LocalExecutor().start(RunSpec(tuple(sys.argv[2:]), os.getcwd(), dict(os.environ), run_dir))
except ReenactError as error:
    sys.stderr.write(error.render() + "\n")
    os._exit(error.exit_code)
result = job.wait(lambda: None, 0.05)
(run_dir / "driver.json").write_text(json.dumps({"problems": job.problems, "received": job.received, "pid": job.pid}))
os._exit(result.exit_code)
