"""What the parts of the probe share in one process."""

from __future__ import annotations

import os
import sys
from _thread import RLock
from typing import Any

from .journal import Journal, complain


def importing() -> bool:
    """True while a module is being imported."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


class Probe:
    """This process's recorder: its settings, its journal, and its place in the tree of processes.

    Args:
        settings: the content of ``probe.json``.
        process: identity of this process.
    """

    def __init__(self, settings: dict[str, Any], process: str) -> None:
        self.settings = settings
        self.run_dir: str = settings["run_dir"]
        self.root: str = settings["root"]
        self.deterministic: bool = bool(settings.get("deterministic"))
        self.replay_dir: str | None = settings.get("replay_dir")
        self.process = process
        self.pid = os.getpid()
        self.main = process == settings.get("process", "rank0")
        self.journal = Journal(self.run_dir, process)
        self._trace: Any = None
        self._metrics: Any = None
        self._making = RLock()
        self.training: Any = None
        """The training loop (:class:`..probe.training.Training`), once torch is imported."""
        self.ended = False
        self.children = 0
        self._numbers: dict[str, int] = {}
        self.started = ""
        """When this process began, as its start event tells."""
        self.scope: Any = None
        """The job of a sweep that is going on here (:class:`..probe.scope.Scope`), or None."""
        self.given: Any = None
        """Entropy to give back (:class:`..probe.given.Given`), or None when recording."""
        self.give: Any = None
        """Function that gives the entropy of a process of the baseline, by its identity; None when recording."""
        self.hidden: dict[str, str] = {}
        """Variables kept in the C environment for children but not shown to the program."""
        self.on_fork: list[Any] = []
        """Called with this probe in a forked child."""
        self.on_end: list[Any] = []
        """Called with this probe before the end event; each returns fields for it, or None."""

    @property
    def trace(self) -> Any:
        """The writer of this process's trace (:class:`..probe.trace.Trace`), made when it is first asked for: most programs that
        start train nothing.
        """
        if self._trace is None:
            from .trace import Trace

            self._trace = Trace(self.run_dir, self.process, self.pid)
        return self._trace

    @property
    def metrics(self) -> Any:
        """What metrics are logged to (:class:`..probe.metrics.Metrics`), made when it is first asked for."""
        if self._metrics is None:
            from .metrics import Metrics

            with self._making:  # several threads may log their first at once
                if self._metrics is None:
                    self._metrics = Metrics(self)
        return self._metrics

    def output(self, path: Any) -> None:
        """Notes a file as written, wherever and by whomever. Never raises."""
        try:
            full = os.path.normpath(os.path.join(os.getcwd(), os.fsdecode(path)))
            self.journal.write("file", op="w", path=full, raw=os.fsdecode(path), st=None, via="reenact.output")
        except Exception as problem:
            complain("output", problem)

    @property
    def traced(self) -> bool:
        """True when something of this process is in a trace, or was to be."""
        return self._trace is not None and bool(self._trace.events or self._trace.failed)

    def write_trace(self) -> None:
        """Writes what is queued, waiting for devices; what could not be written is a gap."""
        if self.traced:
            self.trace.flush(wait=True)
            if self.trace.failed:
                self.journal.gap("trace", "some events of the trace could not be written", True)

    def path_changed(self) -> bool:
        """True when the program has set PYTHONPATH itself, so that children no longer inherit ours."""
        shown = self.settings.get("hide", {}).get("PYTHONPATH")
        return os.environ.get("PYTHONPATH") != shown

    def next_number(self, what: str) -> int:
        """0, 1, 2 … for each thing that is counted."""
        number = self._numbers.get(what, 0)
        self._numbers[what] = number + 1
        return number

    def skips(self, job: Any) -> bool:
        """True for a job of a sweep that is not to be executed: it was done before, or another one is asked for."""
        jobs = self.settings.get("jobs")
        if jobs is None or not isinstance(job, int):
            return False
        return job != jobs["only"] if jobs.get("only") is not None else str(job) in jobs["done"]

    def owner(self) -> Any:
        """Whose journal, given entropy and counts concern what is drawn now: this probe's, as a rule.

        A library that draws while it is imported does so for the process, whichever job of a sweep happens to be the first
        to import it.
        """
        return self if self.scope is None or not importing() else self.scope.around

    def next_child(self) -> str:
        """Identity of the next child process, in the order of creation."""
        self.children += 1
        return f"{self.process}.{self.children}"

    def after_fork(self) -> None:
        """Makes this the recorder of a freshly forked child."""
        self.process = f"{self.process}.{self.children}"
        self.children = 0
        self.main = False
        self.ended = False
        self.scope = None
        self.pid = os.getpid()
        self._numbers = {}
        self._making = RLock()
        self.journal.after_fork(self.process)
        if self._trace is not None:
            self._trace.after_fork(self.process)
        self.given = None if self.give is None else self.give(self.process)
        for hook in self.on_fork:
            hook(self)
