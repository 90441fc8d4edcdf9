"""The local executor passes what every executor has to pass."""

import pytest

from reenact.execute.local import LocalExecutor
from reenact.testing.executors import ExecutorConformance


class TestLocal(ExecutorConformance):
    @pytest.fixture
    def executor(self):
        return LocalExecutor()
