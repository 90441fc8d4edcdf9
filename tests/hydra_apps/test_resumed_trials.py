"""Trials of a sweep that was cut short within a job: the log that this job had begun is no input of the others."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import COMMAND, environment, last_json, reenact

APP = """\
import hydra, logging, os, time

log = logging.getLogger(__name__)


@hydra.main(version_base=None)
def main(cfg):
    log.info("begin %s", cfg.a)
    if cfg.a == 2 and not os.path.exists(os.environ["GO"]):
        open(os.environ["GO"], "w").close()
        time.sleep(60)
    return cfg.a


main()
"""


def test_a_trial_beside_one_that_was_cut_short_verifies(tmp_path: Path) -> None:
    root, go = tmp_path / "project", tmp_path / "go"
    root.mkdir()
    (root / "app.py").write_text(APP)
    env = environment({"GO": str(go)})
    words = [*COMMAND, "run", "--quiet", "app.py", "-m", "+a=1,2,3"]
    with subprocess.Popen(words, cwd=root, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not go.exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    done = reenact("sweep", "resume", "last", cwd=root, env={"GO": str(go)}, timeout=120)
    assert done.returncode == 0, done.stderr
    for number in (1, 2):
        done = reenact("verify", f"last.{number}", "--json", cwd=root, env={"GO": str(go)}, timeout=120)
        assert (done.returncode, last_json(done.stdout)["verdict"]) == (0, "identical"), done.stderr
