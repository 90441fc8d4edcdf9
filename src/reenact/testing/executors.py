"""What every Executor has to pass.

Use it in a test module::

    class TestLocal(ExecutorConformance):
        @pytest.fixture
        def executor(self):
            return LocalExecutor()
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ..errors import ReenactError
from ..execute.base import Executor, Job, RunSpec

UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class ExecutorConformance:
    """Inherit from it and define a fixture ``executor``; the commands are the interpreter that runs the tests."""

    @pytest.fixture
    def run_dir(self, tmp_path: Path) -> Path:
        folder = tmp_path / "a run ünd 'more'"
        folder.mkdir()
        return folder

    def spec(self, run_dir: Path, code: str, *args: str, **changes: Any) -> RunSpec:
        """A spec that executes Python code, with nothing forwarded to the test's own stdout."""
        values: dict[str, Any] = {
            "argv": (sys.executable, "-c", code, *args),
            "cwd": str(run_dir.parent),
            "env": dict(os.environ),
            "run_dir": run_dir,
            "stdin": "null",
            "echo": False,
        }
        return RunSpec(**{**values, **changes})

    def until(self, job: Job, text: bytes, run_dir: Path) -> None:
        """Relay until the log has the text."""
        deadline = time.monotonic() + 30
        while text not in (run_dir / "log.txt").read_bytes():
            assert job.poll() is None, "ended too early"
            assert time.monotonic() < deadline, "text never came"
            time.sleep(0.005)

    def test_protocol(self, executor: Executor, run_dir: Path) -> None:
        assert isinstance(executor, Executor) and executor.name
        job = executor.start(self.spec(run_dir, "pass"))
        assert isinstance(job, Job)
        assert job.wait().exit_code == 0
        assert job.problems == []

    @pytest.mark.parametrize("code", [0, 1, 3, 255])
    def test_exit_codes(self, executor: Executor, run_dir: Path, code: int) -> None:
        result = executor.start(self.spec(run_dir, f"import sys; sys.exit({code})")).wait()
        assert (result.exit_code, result.signal) == (code, None)

    def test_end_file_says_what_the_exit_says(self, executor: Executor, run_dir: Path) -> None:
        result = executor.start(self.spec(run_dir, "print(1); raise SystemExit(7)")).wait()
        assert json.loads((run_dir / "end.json").read_bytes()) == result.to_json()
        assert UTC.fullmatch(result.ended)
        assert result.wall > 0 and result.user >= 0 and result.system >= 0
        assert result.peak_rss > 1_000_000

    def test_process_file_is_there_while_it_runs(self, executor: Executor, run_dir: Path) -> None:
        code = "import os, sys; print('me', os.getpid(), flush=True); sys.stdin.read()"
        job = executor.start(self.spec(run_dir, code))
        value = json.loads((run_dir / "process.json").read_bytes())
        assert set(value) == {"pid", "start_ticks"} and value["pid"] == job.pid
        job.wait()
        assert not list(run_dir.glob("*.tmp"))

    def test_log_has_the_bytes_in_order(self, executor: Executor, run_dir: Path) -> None:
        code = "import os\nfor i in range(300): os.write(1 + i % 2, b'%d \\xff\\r\\n\\0' % i)"
        executor.start(self.spec(run_dir, code)).wait()
        assert (run_dir / "log.txt").read_bytes() == b"".join(b"%d \xff\r\n\0" % i for i in range(300))

    def test_environment_and_folder_are_those_given(self, executor: Executor, run_dir: Path) -> None:
        code = "import os; print(os.getcwd()); print(sorted(os.environ)); print(os.environ['A'])"
        env = {"A": "ä = 'b'", "LC_ALL": "C.UTF-8"}
        job = executor.start(self.spec(run_dir, code, env=env, cwd=str(run_dir), argv=(sys.executable, "-Ic", code)))
        assert job.wait().exit_code == 0
        lines = (run_dir / "log.txt").read_text("utf-8").splitlines()
        assert lines[0] == str(run_dir)
        assert {"A", "LC_ALL"} <= set(eval(lines[1])) <= {"A", "LC_ALL", "LC_CTYPE", "__CF_USER_TEXT_ENCODING"}
        assert lines[2] == "ä = 'b'"

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGABRT])
    def test_died_of_a_signal(self, executor: Executor, run_dir: Path, number: int) -> None:
        result = executor.start(self.spec(run_dir, f"import os; os.kill(os.getpid(), {int(number)})")).wait()
        assert (result.exit_code, result.signal) == (128 + number, number)

    def test_signal_reaches_a_handler(self, executor: Executor, run_dir: Path) -> None:
        code = (
            "import signal, sys, time\n"
            "signal.signal(signal.SIGTERM, lambda *a: (print('cleaned up'), sys.exit(9)))\n"
            "print('ready', flush=True)\nwhile 1: time.sleep(0.02)"
        )
        job = executor.start(self.spec(run_dir, code))
        self.until(job, b"ready", run_dir)
        job.signal(signal.SIGTERM)
        result = job.wait()
        assert (result.exit_code, result.signal) == (9, None)
        assert (run_dir / "log.txt").read_bytes() == b"ready\ncleaned up\n"
        job.signal(signal.SIGTERM)  # it has ended: nothing happens

    def test_stop_is_polite_first(self, executor: Executor, run_dir: Path) -> None:
        job = executor.start(self.spec(run_dir, "import time; print('ready', flush=True); time.sleep(60)"))
        self.until(job, b"ready", run_dir)
        assert job.stop().signal == signal.SIGTERM

    def test_stop_insists_and_takes_the_descendants(self, executor: Executor, run_dir: Path) -> None:
        code = (
            "import signal, subprocess, sys, time\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "say = 'import time; print(\"ready\", flush=True); time.sleep(60)'\n"
            "p = subprocess.Popen([sys.executable, '-c', say])\n"
            "print('child', p.pid, flush=True)\ntime.sleep(60)"
        )
        job = executor.start(self.spec(run_dir, code))
        self.until(job, b"ready", run_dir)
        self.until(job, b"child", run_dir)
        assert job.stop(grace=0.05).signal == signal.SIGKILL
        log = (run_dir / "log.txt").read_text()
        child = int(re.search(r"child (\d+)", log)[1])  # type: ignore[index]
        deadline = time.monotonic() + 10
        while _runs(child):
            assert time.monotonic() < deadline, "the descendant still runs"
            time.sleep(0.01)

    def test_ticks_come_and_may_fail_or_stop_it(self, executor: Executor, run_dir: Path) -> None:
        ticks = []

        def on_tick() -> None:
            ticks.append(1)
            if len(ticks) == 3:
                job.stop()
            raise ValueError("no")

        job = executor.start(self.spec(run_dir, "import time; time.sleep(60)"))
        result = job.wait(on_tick, interval=0.01)
        assert result.signal == signal.SIGTERM and len(ticks) == 3
        assert len(job.problems) == 1 and "ValueError: no" in job.problems[0]

    def test_descendant_that_holds_the_output_does_not_hold_us(self, executor: Executor, run_dir: Path) -> None:
        code = (
            "import os, subprocess, sys\n"
            "q = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'])\n"
            "print('last words', q.pid, flush=True); os._exit(0)"
        )
        began = time.monotonic()
        assert executor.start(self.spec(run_dir, code)).wait().exit_code == 0
        log = (run_dir / "log.txt").read_text()
        assert log.startswith("last words")
        assert time.monotonic() - began < 20
        os.kill(int(log.split()[2]), signal.SIGKILL)

    @pytest.mark.parametrize(
        ("argv", "cwd", "slug", "exit_code"),
        [
            (("no-such-program-anywhere",), ".", "command-not-found", 127),
            (("./no/such/file",), ".", "command-not-found", 127),
            (("./plain.txt",), ".", "not-executable", 126),
            (("./folder",), ".", "is-a-folder", 126),
            (("./bad-shebang",), ".", "bad-interpreter", 126),
            (("./garbage",), ".", "cannot-execute", 126),
            ((sys.executable,), "nowhere", "no-such-folder", 2),
            ((), ".", "no-command", 2),
        ],
    )
    def test_what_cannot_start_leaves_nothing(
        self, executor: Executor, run_dir: Path, argv: tuple[str, ...], cwd: str, slug: str, exit_code: int
    ) -> None:
        (run_dir.parent / "folder").mkdir()
        (run_dir.parent / "plain.txt").write_text("text")
        for name, content in (("bad-shebang", b"#!/no/such/interpreter\n"), ("garbage", b"\0\1\2\3")):
            (run_dir.parent / name).write_bytes(content)
            (run_dir.parent / name).chmod(0o755)
        with pytest.raises(ReenactError) as caught:
            executor.start(self.spec(run_dir, "", argv=argv, cwd=str(run_dir.parent / cwd)))
        assert (caught.value.slug, caught.value.exit_code) == (slug, exit_code)
        assert list(run_dir.iterdir()) == []

    def test_script_without_an_interpreter_line_is_a_shell_script(self, executor: Executor, run_dir: Path) -> None:
        script = run_dir.parent / "say it"
        script.write_text('echo "$0 $1"; exit 5\n')
        script.chmod(0o755)
        job = executor.start(self.spec(run_dir, "", argv=("./say it", "a b")))
        assert job.wait().exit_code == 5
        assert (run_dir / "log.txt").read_text() == "./say it a b\n"

    def test_run_folder_that_is_missing(self, executor: Executor, run_dir: Path) -> None:
        with pytest.raises(ReenactError) as caught:
            executor.start(self.spec(run_dir / "gone", "pass"))
        assert caught.value.exit_code == 4


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return os.path.isdir("/proc/1") is False
