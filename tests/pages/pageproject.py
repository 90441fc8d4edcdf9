"""What the tests of pages run, and the page itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

TRAIN = """
import argparse, math, random
import reenact

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--name", default="plain")
args = parser.parse_args()
random.seed(3)
for step in range(400):
    loss = math.exp(-args.lr * step / 10) + random.random() / 50
    reenact.log(loss=float("nan") if step == 30 else loss, step=step)
    if step % 20 == 0:
        reenact.log(**{"val/acc": 1 - loss / 2}, step=step)
        print(f"step {step} loss {loss:.4f}", flush=True)
open("model.txt", "w").write(str(loss))
"""

LIVE = """
import os, time
import reenact
step = 0
while not os.path.exists("stop"):
    reenact.log(loss=1 / (1 + step), step=step)
    print("at step", step, flush=True)
    step += 1
    time.sleep(0.05)
"""

HOSTILE = "<img src=x onerror=window.pwned=1>'\"&"

ODD = f"""
import reenact
for step in range(3):
    reenact.log(**{{{HOSTILE!r}: step}}, step=step)
print({HOSTILE!r})
raise SystemExit(7)
"""


def reenact(
    *args: str, cwd: Path, code: int | None = 0, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``reenact ARGS`` in a process of its own."""
    told = {name: value for name, value in os.environ.items() if not name.startswith("REENACT_")} | (env or {})
    words = [sys.executable, "-m", "reenact", *args]
    done = subprocess.run(words, cwd=cwd, env=told, text=True, capture_output=True, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    assert code is None or done.returncode == code, done.stderr + done.stdout
    return done


class Ui:
    """A running ``reenact ui``."""

    def __init__(self, root: Path, *options: str) -> None:
        words = [sys.executable, "-m", "reenact", "ui", *options]
        self.process = subprocess.Popen(words, cwd=root, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            self.process.wait()
        match = re.fullmatch(r"(http://[^/]+)/\?token=(\S+)", self.url)
        self.base, self.token = (match[1], match[2]) if match else ("", "")

    def end(self) -> int:
        """End it as Ctrl-C does; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)
