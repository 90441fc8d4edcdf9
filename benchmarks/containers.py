"""A recorded run in a container against ``docker run`` of the same, and a rebuild of an image against its first build.

The container has this interpreter (`reenact image build --base host`) and sees its packages through a mount, so that nothing has
to be pulled. Without an engine nothing is measured, and the table says so.

    python benchmarks/containers.py
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
import uuid
from pathlib import Path

from measuring import WORKLOADS, Row, environment, paired, project, reenact, run, table, timer

STEPS = 1000
SITE = sysconfig.get_path("purelib")
LOCKED = """\
[project]
name = "{name}"
version = "0.1"
requires-python = ">=3.10"
dependencies = ["numpy", "scikit-learn"]
"""


def rows(quick: bool = False) -> list[Row]:
    """The rows of this benchmark."""
    engine = shutil.which("docker")
    if engine is None or subprocess.run([engine, "info"], capture_output=True).returncode != 0:
        return [Row("containers", "not measured: no Docker engine answers", 0.0)]
    with project() as folder:
        name = f"bench-{uuid.uuid4().hex[:8]}"
        try:
            return [*_rebuild(folder, name), *_run(folder, name, engine, 3 if quick else 7)]
        finally:
            made = run([engine, "images", "--quiet", name], folder)[1].split()
            subprocess.run([engine, "rmi", "--force", *set(made)], capture_output=True)


def _rebuild(folder: Path, name: str) -> list[Row]:
    """The first build of an image, with nothing of it there and the wheels at hand, and the build after the code has changed."""
    (folder / "pyproject.toml").write_text(LOCKED.format(name=name))
    run(reenact("lock"), folder)
    env = environment(XDG_CACHE_HOME=os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")))
    cold = run(reenact("image", "build", "--base", "host", "--no-cache"), folder, env)[0]
    again = []
    for number in range(3):
        (folder / "train.py").write_text(f"x = {number}\n")
        again.append(run(reenact("image", "build"), folder, env)[0])
    ratio = statistics.median(again) / cold
    note = f"{statistics.median(again):.2f} s against {cold:.1f} s, numpy and scikit-learn"
    return [Row("image: rebuild after a code change", f"{ratio:.3f}x", ratio, 0.1, "x", note)]


def _run(folder: Path, name: str, engine: str, pairs: int) -> list[Row]:
    shutil.copy(WORKLOADS / "train.py", folder)
    words = ["python", "train.py", "--model", "cnn", "--data", "loader", "--batch", "24", "--steps", str(STEPS)]
    mounts = [("--mount", f"type=bind,source={folder},target={folder}")]
    mounts.append(("--mount", f"type=bind,source={SITE},target=/site/site-packages,readonly"))
    options = [word for pair in mounts for word in pair]
    options += ["--env", "PYTHONPATH=/site/site-packages", "--env", "OMP_NUM_THREADS=1", "--shm-size", "1g", "--init"]
    options += ["--user", f"{os.getuid()}:{os.getgid()}"]
    networks = run([engine, "network", "ls", "--format", "{{.Name}}"], folder)[1].split()
    network = ["--network", "bridge" if "bridge" in networks else "host"]
    bare = [
        engine,
        "run",
        "--rm",
        *network,
        *options,
        "--workdir",
        str(folder),
        "--entrypoint",
        "",
        f"{name}:latest",
        *words,
    ]
    ours = reenact("run", "--quiet", "--image", f"{name}:latest", *network, "--shm-size", "1g")
    ours += [
        "--mount",
        f"{SITE}:/site/site-packages:ro",
        "--env",
        "PYTHONPATH=/site/site-packages",
        "--env",
        "OMP_NUM_THREADS=1",
    ]
    result = paired(timer(bare, folder), timer([*ours, *words], folder), pairs)
    note = f"{statistics.median(result.b):.2f} s against {statistics.median(result.a):.2f} s; {result.added:.2f} s more"
    return [Row("container: recorded, against docker run", str(result), result.ratio, 1.1, "x", note)]


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    began = time.monotonic()
    print(table(rows()))
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
