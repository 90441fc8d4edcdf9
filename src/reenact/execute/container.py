"""Execute a command in a container: made first, so that it is on record, then followed through the engine's client."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from ..engine.failures import explain
from ..errors import ReenactError
from ..record import layout
from ..record.atomic import write_atomic
from ..record.container import conclude, end_of_state, keep_log, state_of
from . import procscan
from .base import Executor, Exit, Job, OnTick, RunSpec
from .containers import Bind, Container
from .local import unwritable
from .statefiles import END_FILE, remove


class ContainerExecutor:
    """Executes commands in containers; see ``base.Executor``.

    Args:
        container: what the container is made of.
        binds: everything that is mounted into it.
        run: id of the run, which names it.
        base: executes the engine's client, which relays what the command writes.
        keep: leave a container in place that has files of its own in the end.
    """

    name = "container"

    def __init__(self, container: Container, binds: Sequence[Bind], run: str, base: Executor, *, keep: bool) -> None:
        self._container = container
        self._binds = list(binds)
        self._run = run
        self._base = base
        self._keep = keep

    def start(self, spec: RunSpec) -> ContainerJob:
        """Make the container and start it. When this returns, it executes, or has ended already.

        Raises:
            ReenactError: it could not be made or started; nothing of it is left then.
        """
        engine = self._container.engine
        relayed = spec.echo and spec.tty == "auto"
        terminal = relayed and os.isatty(1) and os.isatty(2) and (not self._container.interactive or os.isatty(0))
        words, extra = self._container.create(spec.argv, spec.cwd, spec.env, self._binds, self._run, terminal)
        identifier = engine.call(*words, extra_env=extra).stdout.split()[-1]
        home = spec.env.get("HOME", "")
        told: dict[str, Any] = {
            "engine": engine.kind,
            "program": engine.program,
            "id": identifier,
            "places": [bind.target for bind in self._binds] + ([home] if home not in ("", "/") else []),
        }
        interactive = self._container.interactive and spec.stdin == "inherit"
        deliver = _Deliver(self._container, identifier)
        client = dataclasses.replace(
            spec,
            argv=(engine.program, "start", "--attach", *(["--interactive"] if interactive else []), identifier),
            cwd=str(spec.run_dir),
            env=dict(engine.env),
            pre_exec=spec.pre_exec,
            stdin="inherit" if interactive else "null",
            # With a terminal of its own the client reads keys, Ctrl-C among them, and has to be in the foreground.
            deliver=None if interactive and terminal else deliver,
        )
        try:
            write_atomic(spec.run_dir / layout.CONTAINER, json.dumps(told).encode())
            job = self._base.start(client)
        except BaseException as error:
            engine.call("rm", "--force", identifier, check=False)
            remove(spec.run_dir / layout.CONTAINER)
            if isinstance(error, OSError):
                raise unwritable(spec, error) from None
            raise
        started = ContainerJob(job, self._container, spec, told, deliver, keep=self._keep)
        started.begun()
        return started


class _Deliver:
    """Sends signals to the command in a container."""

    def __init__(self, container: Container, identifier: str) -> None:
        self._engine = container.engine
        self._identifier = identifier

    def __call__(self, number: int) -> None:
        if number == signal.SIGTSTP:
            self._engine.call("pause", self._identifier, check=False)
            os.kill(os.getpid(), signal.SIGSTOP)
            self._engine.call("unpause", self._identifier, check=False)
        elif number != signal.SIGCONT:
            self._engine.call("kill", "--signal", str(int(number)), self._identifier, check=False)


class ContainerJob:
    """A command in a container; see ``base.Job``. Made by ``ContainerExecutor.start``."""

    def __init__(
        self,
        client: Job,
        container: Container,
        spec: RunSpec,
        told: dict[str, Any],
        deliver: _Deliver,
        *,
        keep: bool,
    ) -> None:
        self._client = client
        self._engine = container.engine
        self._spec = spec
        self._told = told
        self._deliver = deliver
        self._keep = keep
        self._exit: Exit | None = None
        self.pid = client.pid
        self.problems: list[str] = []
        self.received = client.received
        self.within_line: frozenset[int] = frozenset()

    def begun(self) -> None:
        """Wait until the engine has started it, and note its main process.

        Raises:
            ReenactError: the engine could not start it; the container is gone then.
        """
        while True:
            state = state_of(self._engine, self._told["id"]) or {}
            if not str(state.get("StartedAt", "0001")).startswith("0001"):
                break
            ended = self._client.poll()
            if ended is not None:
                state = state_of(self._engine, self._told["id"]) or {}
                self._engine.call("rm", "--force", self._told["id"], check=False)
                log = self._spec.log.read_text("utf-8", "replace") if self._spec.log.exists() else ""
                raise explain(self._engine.kind, ("start",), str(state.get("Error") or log), self._engine.env)
            time.sleep(0.02)
        if sys.platform == "linux" and not self._engine.remote and state.get("Pid"):
            self._told |= {"pid": state["Pid"], "start_ticks": procscan.start_ticks(state["Pid"])}
        self._note()

    def poll(self) -> Exit | None:
        """The Exit once the command has ended."""
        if self._exit is None and self._client.poll() is not None:
            self._conclude(self._client.wait())
        return self._exit

    def wait(self, on_tick: OnTick | None = None, interval: float = 0.25) -> Exit:
        """Relay until the command has ended; see ``base.Job.wait``."""
        if self._exit is None:
            self._conclude(self._client.wait(on_tick, interval))
        assert self._exit is not None
        return self._exit

    def signal(self, number: int) -> None:
        """Send a signal to the command; nothing happens when it has ended."""
        if self._exit is None:
            self._deliver(number)

    def stop(self, grace: float = 5.0) -> Exit:
        """SIGTERM, then SIGKILL after ``grace`` seconds; the container ends with it."""
        if self._exit is None:
            self._engine.call("stop", "--time", str(max(0, round(grace))), self._told["id"], check=False)
        return self.wait()

    def _conclude(self, client: Exit) -> None:
        """The engine knows how the command ended; its client, which may have been killed, need not."""
        if self._exit is not None:
            return
        self.within_line = self._client.within_line
        self.problems += [problem for problem in self._client.problems if problem not in self.problems]
        try:
            state = state_of(self._engine, self._told["id"])
            if state is not None and state.get("Running"):
                self._engine.call("wait", self._told["id"], check=False)
                state = state_of(self._engine, self._told["id"])
                keep_log(self._engine, self._told["id"], self._spec.log)
        except ReenactError as error:
            self.problems.append(f"the engine cannot say how the command ended: {error.what}")
            state = None
        if state is None:
            self._exit = client
            return
        end = end_of_state(state)
        problems = (*client.problems, *end.pop("problems"))
        self._exit = Exit(**{**end, "ended": end["ended"] or client.ended, "problems": problems})
        write_atomic(self._spec.run_dir / END_FILE, json.dumps(self._exit.to_json()).encode())
        self._told = conclude(self._engine, self._told, keep=self._keep)
        self._note()

    def _note(self) -> None:
        write_atomic(self._spec.run_dir / layout.CONTAINER, json.dumps(self._told).encode())
