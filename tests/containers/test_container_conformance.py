"""A container passes what every executor has to pass, but for what only a process of this machine can."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from reenact.engine.cli import Engine
from reenact.engine.image import Image
from reenact.execute.base import RunSpec
from reenact.execute.container import ContainerExecutor
from reenact.execute.containers import Bind, Container
from reenact.execute.local import LocalExecutor
from reenact.testing.executors import ExecutorConformance


class TestContainer(ExecutorConformance):
    @pytest.fixture
    def executor(self, docker: Engine, base_image: Image, run_dir: Path) -> ContainerExecutor:
        container = Container(docker, base_image, base_image.name, network="none")
        binds = [Bind(str(run_dir.parent), str(run_dir.parent))]
        return ContainerExecutor(container, binds, f"test-{run_dir.parent.name}", LocalExecutor(), keep=True)

    def spec(self, run_dir: Path, code: str, *args: str, **changes: Any) -> RunSpec:
        made = super().spec(run_dir, code.replace("sys.executable", "'python'"), *args, **changes)
        if "argv" not in changes:
            made = dataclasses.replace(made, argv=("python", *made.argv[1:]))
        return dataclasses.replace(made, env={"PYTHONUNBUFFERED": "1", **changes.get("env", {})})

    # Two streams come through the engine in an order that is not certain; what it used, only the program can tell.
    test_log_has_the_bytes_in_order = None
    test_end_file_says_what_the_exit_says = None
    # Pids and programs are those of the container.
    test_stop_insists_and_takes_the_descendants = None
    test_descendant_that_holds_the_output_does_not_hold_us = None
    test_what_cannot_start_leaves_nothing = None
    test_script_without_an_interpreter_line_is_a_shell_script = None
    test_environment_and_folder_are_those_given = None

    def test_one_stream_has_the_bytes_in_order(self, executor: ContainerExecutor, run_dir: Path) -> None:
        code = "import os\nfor i in range(300): os.write(1, b'%d \\xff\\r\\n\\0' % i)"
        executor.start(self.spec(run_dir, code)).wait()
        assert (run_dir / "log.txt").read_bytes() == b"".join(b"%d \xff\r\n\0" % i for i in range(300))

    def test_variables_and_the_folder(self, executor: ContainerExecutor, run_dir: Path) -> None:
        env = {"A": "ä = 'b'\nc", "PATH": "/usr/local/bin:/usr/bin:/strange", "DOCKER_HOST": "not for the client"}
        code = "import os; print(os.getcwd()); print({n: os.environ[n] for n in ('A', 'PATH', 'DOCKER_HOST')})"
        assert executor.start(self.spec(run_dir, code, env=env, cwd=str(run_dir))).wait().exit_code == 0
        first, second = (run_dir / "log.txt").read_text("utf-8").splitlines()
        assert first == str(run_dir) and eval(second) == env

    def test_stop_insists_and_nothing_goes_on(self, executor: ContainerExecutor, run_dir: Path, docker: Engine) -> None:
        code = (
            "import signal, subprocess, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "subprocess.Popen(['sleep', '60'])\nprint('ready', flush=True)\ntime.sleep(60)"
        )
        job = executor.start(self.spec(run_dir, code))
        self.until(job, b"ready", run_dir)
        assert job.stop(grace=0.05).signal == signal.SIGKILL
        names = docker.call("ps", "--all", "--format", "{{.Names}}").stdout
        assert f"test-{run_dir.parent.name}" not in names

    def test_a_program_that_is_not_there(self, executor: ContainerExecutor, run_dir: Path) -> None:
        job = executor.start(self.spec(run_dir, "", argv=("no-such-program-anywhere",)))
        assert job.wait().exit_code == 127
        assert re.search("no-such-program-anywhere", (run_dir / "log.txt").read_text())

    def test_the_engines_own_end_is_told(self, executor: ContainerExecutor, run_dir: Path) -> None:
        spec = self.spec(run_dir, "x = bytearray(300 << 20); print(len(x))")
        executor._container = dataclasses.replace(executor._container, memory="64m")
        ended = executor.start(spec).wait()
        if ended.exit_code == 0:
            pytest.skip("this kernel does not limit the memory of containers")
        assert ended.exit_code == 137 and any("out of memory" in problem for problem in ended.problems)


def test_words_for_mounts_survive_commas_and_quotes() -> None:
    assert Bind('/a,b"c', "/d").words() == ["--mount", 'type=bind,"source=/a,b""c",target=/d']
    assert Bind("/a", "/d", readonly=True).words() == ["--mount", "type=bind,source=/a,target=/d,readonly"]


def test_limits_for_each_engine(docker: Engine, base_image: Image) -> None:
    wanted = Container(docker, base_image, "x", gpus="2", cpus="1.5", memory="1g", network="none")
    assert wanted.limits() == ["--gpus", "2", "--cpus", "1.5", "--memory", "1g", "--network", "none"]
    podman = dataclasses.replace(wanted, engine=Engine("podman", "/usr/bin/podman", dict(os.environ)))
    assert podman.limits()[:4] == ["--device", "nvidia.com/gpu=0", "--device", "nvidia.com/gpu=1"]
