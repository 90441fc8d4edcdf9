"""Hydra: the config of every job and of every call of the Compose API, as it was composed, never resolved.

``Callbacks`` is where Hydra tells of its jobs, whatever launcher starts them: its methods are wrapped, so that no object
of ours goes where launchers pickle.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from typing import Any

from ..argv import without_secrets
from ..clean import clean
from ..configs import child_of, plain_tree
from ..entropy import dress
from ..journal import complain
from ..reads import Reads, Tree
from ..state import Probe
from . import hydra_loader

COMPOSED = 200
"""Configs of the Compose API that are kept; those after them are a gap."""


def hook(probe: Probe, module: Any) -> None:
    """Wraps the methods of ``Callbacks``, the function of ``hydra.compose``, or how ``hydra._internal.utils`` prints."""
    if module.__name__ == "hydra.compose":
        _hook_compose(_jobs(probe), module)
    elif module.__name__ == "hydra._internal.utils":
        _hook_printing(module)
    else:
        _hook_callbacks(_jobs(probe), module.Callbacks)


def _jobs(probe: Probe) -> Jobs:
    global jobs
    if jobs is None:
        jobs = Jobs(probe)
    return jobs


def _hook_callbacks(jobs: Jobs, callbacks: Any) -> None:
    on_start, on_end = callbacks.on_job_start, callbacks.on_job_end

    def on_job_start(self: Any, config: Any, *args: Any, **kwargs: Any) -> None:
        jobs.start(config, sys._getframe(1))
        on_start(self, config, *args, **kwargs)

    def on_job_end(self: Any, config: Any, job_return: Any, *args: Any, **kwargs: Any) -> None:
        jobs.end(job_return)
        on_end(self, config, job_return, *args, **kwargs)

    dress(on_job_start, on_start)
    dress(on_job_end, on_end)
    callbacks.on_job_start, callbacks.on_job_end = on_job_start, on_job_end


def _hook_compose(jobs: Jobs, module: Any) -> None:
    original = module.compose

    def compose(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        jobs.composed(result)
        return result

    dress(compose, original)
    module.compose = compose


def _hook_printing(module: Any) -> None:
    """Errors of a composition that are not Hydra's own (a broken file) it prints itself: without our frames."""
    original = module.traceback
    shown = type(sys)(original.__name__)
    shown.__dict__.update(original.__dict__)

    def print_exc(*args: Any, **kwargs: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None:
            clean(error)
            if hydra_loader.compositions is not None:
                hydra_loader.compositions.printed(error)
        original.print_exc(*args, **kwargs)

    dress(print_exc, original.print_exc)
    shown.__dict__["print_exc"] = print_exc
    module.traceback = shown


class Jobs:
    """Writes what each job got and what it read of that."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._reads = Reads(probe)
        self._open: list[tuple[int, Tree | None, Any]] = []
        self._composed = 0
        self._thread = 0
        probe.on_end.append(self._finish)
        probe.on_fork.append(self._after_fork)

    def _after_fork(self, probe: Probe) -> None:
        self._open = []

    def start(self, config: Any, frame: Any) -> None:
        """A job is about to start; ``frame`` is the caller's, below ``run_job``."""
        try:
            hydra = config.__dict__["_content"].get("hydra")
            if self._probe.skips(child_of(hydra, "job.num")):
                return
            scope = self._scope(hydra)
            number = self._probe.next_number("hydra")
            tree = self._reads.watch(number, _task_config(frame))
            self._open.append((number, tree, scope))
            if scope is not None:
                scope.before_end = lambda: self._left(number, tree)
            self._write(
                number,
                "job",
                config,
                config_name=child_of(hydra, "job.config_name"),
                overrides=without_secrets(child_of(hydra, "overrides.task") or []),
                launcher=child_of(hydra, "launcher._target_"),
                mode=child_of(hydra, "mode"),
                job=child_of(hydra, "job.name"),
                num=child_of(hydra, "job.num"),
                id=child_of(hydra, "job.id"),
                output_dir=without_secrets([child_of(hydra, "runtime.output_dir")])[0],
                subdir=child_of(hydra, "output_subdir"),
                logs=without_secrets(_log_files()),
            )
        except Exception as problem:
            complain("hydra job", problem)
            self._probe.journal.gap("hydra", f"the config of a job was not recorded: {problem!r}")

    def end(self, job_return: Any) -> None:
        """A job has ended, by returning or by raising."""
        try:
            hydra = job_return.__dict__["hydra_cfg"].__dict__["_content"].get("hydra")
            if not self._open or self._probe.skips(child_of(hydra, "job.num")):
                return
            number, tree, scope = self._open.pop()
            status = str(getattr(getattr(job_return, "status", None), "name", "UNKNOWN")).lower()
            error = job_return.__dict__.get("_return_value") if status == "failed" else None
            if isinstance(error, BaseException):
                # Hydra prints the traceback itself, without the interpreter's hook.
                clean(error)
            returned = job_return.__dict__.get("_return_value") if status == "completed" else None
            self._told(number, tree, status, error, returned)
            if scope is not None:
                scope.before_end = None
                scope.leave()
        except Exception as problem:
            complain("hydra job end", problem)

    def _scope(self, hydra: Any) -> Any:
        """A job of a multirun is a process of its own in the record, unless it runs beside others in one process."""
        if child_of(hydra, "mode") != "MULTIRUN" or not isinstance(number := child_of(hydra, "job.num"), int):
            return None
        if self._probe.scope is not None:
            if not self._open or self._thread != get_ident():
                self._probe.journal.gap(
                    "jobs-in-threads", "jobs that ran at once in one process are not told apart", True
                )
            return None
        from ..scope import Scope

        self._thread = get_ident()
        return Scope(self._probe, f"job{number}")

    def composed(self, config: Any) -> None:
        """The Compose API has returned a config."""
        try:
            self._composed += 1
            if self._composed > COMPOSED:
                detail = f"more than {COMPOSED} calls of hydra.compose: the others' configs were not kept"
                self._probe.journal.gap("hydra", detail)
                return
            number = self._probe.next_number("hydra")
            tree = self._reads.watch(number, config)
            self._open.insert(0, (number, tree, None))
            self._write(number, "compose", config)
        except Exception as problem:
            complain("hydra compose", problem)

    def _write(self, number: int, kind: str, config: Any, **fields: Any) -> None:
        known = hydra_loader.compositions
        composition = known.number_of(config) if known is not None else None
        tree = plain_tree(config, leave="hydra")
        fields = {key: value for key, value in fields.items() if value is not None}
        if self._probe.scope is not None and composition is not None:
            fields["composer"] = self._probe.scope.outer
        self._probe.journal.write("hydra", n=number, kind=kind, compose=composition, config=tree, **fields)

    def _told(self, number: int, tree: Tree | None, status: str, error: Any = None, returned: Any = None) -> None:
        fields: dict[str, Any] = {"status": status}
        if returned is not None and _is_plain(returned):
            fields["returned"] = returned
        if error is not None:
            fields["error"] = {"type": type(error).__name__, "message": without_secrets([str(error)[:2000]])[0]}
        unread = tree.unread() if tree is not None else None
        self._probe.journal.write("config-read", config=number, unread=unread, **fields)

    def _left(self, number: int, tree: Tree | None) -> None:
        self._told(number, tree, "ended")
        self._open = [one for one in self._open if one[0] != number]

    def _finish(self, probe: Probe) -> None:
        for number, tree, _ in reversed(self._open):
            self._told(number, tree, "ended")
        self._open = []


jobs: Jobs | None = None


def _is_plain(value: Any) -> bool:
    """True for what a sweeper makes use of: a number, a text, several of them."""
    if isinstance(value, (list, tuple)):
        return len(value) <= 100 and all(_is_plain(item) for item in value)
    return type(value) in (bool, int, float, str)


def _task_config(frame: Any) -> Any:
    """The config that the job's function is about to be called with: a copy, which only ``run_job`` (``_run_job`` in 1.4) has."""
    for _ in range(4):
        if frame is None:
            return None
        if frame.f_code.co_name in ("run_job", "_run_job"):
            return frame.f_locals.get("task_cfg")
        frame = frame.f_back
    return None


def _log_files() -> list[str]:
    """Files that Hydra's logging writes: each line starts with the time."""
    logging = sys.modules.get("logging")
    handlers = logging.getLogger().handlers if logging is not None else []
    return [os.path.abspath(one.baseFilename) for one in handlers if isinstance(one, logging.FileHandler)]  # type: ignore[union-attr]
