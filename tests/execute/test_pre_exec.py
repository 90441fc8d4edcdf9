"""The hook between fork and exec."""

import os
import sys

import pytest

from reenact.errors import ReenactError
from reenact.execute.base import RunSpec
from reenact.execute.local import LocalExecutor


def spec(tmp_path, pre_exec):
    code = "import os; print(oct(os.umask(0)))"
    argv = (sys.executable, "-c", code)
    return RunSpec(argv, str(tmp_path), dict(os.environ), tmp_path, pre_exec=pre_exec, stdin="null", echo=False)


def test_runs_in_the_child_only(tmp_path):
    before = os.umask(0o022)
    try:
        assert LocalExecutor().start(spec(tmp_path, lambda: os.umask(0o037) and None)).wait().exit_code == 0
        assert (tmp_path / "log.txt").read_text() == "0o37\n"
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_failure_is_reported_and_nothing_runs(tmp_path):
    def fail():
        raise RuntimeError("no namespace for you")

    with pytest.raises(ReenactError, match="RuntimeError: no namespace for you"):
        LocalExecutor().start(spec(tmp_path, fail))
    assert list(tmp_path.iterdir()) == []


def test_command_is_on_record_before_it_starts(tmp_path):
    def look():
        assert (tmp_path / "process.json").exists()

    assert LocalExecutor().start(spec(tmp_path, look)).wait().exit_code == 0
