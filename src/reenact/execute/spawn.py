"""Fork and exec of a command, so that it is never running without being on record."""

from __future__ import annotations

import errno
import json
import os
import signal
import warnings
from collections.abc import Callable, Mapping
from typing import NoReturn

from ..errors import EXIT_USAGE, ReenactError
from .base import RunSpec
from .signals import Inherited

EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127


def find_program(spec: RunSpec) -> str:
    """The file to execute, by the rules of a shell.

    Raises:
        ReenactError: the folder to start in or the program is missing, or it cannot be executed.
    """
    if not spec.argv or not spec.argv[0]:
        raise ReenactError("no-command", "there is no command to run", fix="reenact run train.py", exit_code=EXIT_USAGE)
    if not os.path.isdir(spec.cwd):
        raise ReenactError("no-such-folder", f"the folder to run in does not exist: {spec.cwd}", exit_code=EXIT_USAGE)
    name = spec.argv[0]
    if "/" in name:
        candidates = [name]
    else:
        folders = spec.env.get("PATH", os.defpath).split(os.pathsep)
        candidates = [os.path.join(folder, name) if folder else f"./{name}" for folder in folders]
    unusable: str | None = None
    for candidate in candidates:
        path = os.path.join(spec.cwd, candidate)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return candidate
        if unusable is None and os.path.exists(path) and ("/" in name or os.path.isfile(path)):
            unusable = path
    if unusable is None:
        where = "" if "/" in name else " on PATH"
        raise ReenactError(
            "command-not-found",
            f"command not found{where}: {name}",
            valid="a program on PATH, or a path such as ./train.sh",
            exit_code=EXIT_NOT_FOUND,
        )
    if os.path.isdir(unusable):
        raise ReenactError("is-a-folder", f"is a folder, not a program: {name}", exit_code=EXIT_NOT_EXECUTABLE)
    raise ReenactError(
        "not-executable",
        f"permission denied: {name} is not executable",
        fix=f"chmod +x {name}, or name its interpreter before it",
        exit_code=EXIT_NOT_EXECUTABLE,
    )


def spawn(
    program: str,
    spec: RunSpec,
    stdio: Mapping[int, int | None],
    own_group: bool,
    inherited: Inherited,
    record: Callable[[int], None],
) -> int:
    """Fork, record, exec. The child waits before exec until ``record(pid)`` has returned; it gives up when that
    raises or when this process dies before.

    Args:
        program: what ``find_program`` returned.
        stdio: as ``open_streams`` returns it.
        own_group: give the child a process group of its own.

    Returns:
        The pid, once exec has succeeded.

    Raises:
        ReenactError: no process could be made, or exec or ``pre_exec`` failed; the child is gone and reaped.
    """
    gate_read, gate_write = _pipe()
    error_read, error_write = _pipe()
    # Until the child has put handlers back, a signal to it would be taken for one to us.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        with warnings.catch_warnings():
            # Of forking with threads: the child runs no code that takes locks.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = _fork(spec.argv[0])
        if pid == 0:
            _child(program, spec, stdio, own_group, inherited, (gate_read, gate_write), error_write)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(gate_read)
        os.close(error_write)
    recorded = False
    try:
        record(pid)
        recorded = True
        os.write(gate_write, b"g")
    except BrokenPipeError:
        pass  # the child failed before the gate; its report follows
    finally:
        os.close(gate_write)
        with os.fdopen(error_read, "rb") as stream:
            report = stream.read()
        if report or not recorded:
            os.waitpid(pid, 0)
    if report:
        raise _error(json.loads(report), program, spec)
    return pid


def _fork(name: str) -> int:
    try:
        return os.fork()
    except OSError as error:
        raise ReenactError(
            "start-failed", f"cannot start {name}: {error.strerror}", exit_code=EXIT_NOT_EXECUTABLE
        ) from None


def _child(
    program: str,
    spec: RunSpec,
    stdio: Mapping[int, int | None],
    own_group: bool,
    inherited: Inherited,
    gate: tuple[int, int],
    error_write: int,
) -> NoReturn:
    stage = "setup"
    try:
        inherited.restore_handlers()
        os.close(gate[1])
        if own_group:
            os.setpgid(0, 0)
        for target, source in stdio.items():
            if source is not None:
                os.dup2(source, target)
            elif _is_open(target):
                os.close(target)
        stage = "cwd"
        os.chdir(spec.cwd)
        stage = "gate"
        if os.read(gate[0], 1) != b"g":
            os._exit(EXIT_NOT_EXECUTABLE)
        stage = "pre_exec"
        if spec.pre_exec is not None:
            spec.pre_exec()
        stage = "exec"
        inherited.restore_mask()
        _exec(program, spec)
    except BaseException as error:
        number = error.errno if isinstance(error, OSError) else None
        text = f"{type(error).__name__}: {error}" if number is None else os.strerror(number)
        os.write(error_write, json.dumps({"stage": stage, "errno": number, "text": text}).encode())
    finally:
        os._exit(EXIT_NOT_EXECUTABLE)


def _exec(program: str, spec: RunSpec) -> None:
    try:
        os.execve(program, spec.argv, spec.env)
    except OSError as error:
        # A text file without a #! line is a shell script, to a shell.
        if error.errno != errno.ENOEXEC:
            raise
        with open(program, "rb") as stream:
            if b"\0" in stream.read(256):
                raise
        path = program if "/" in program else f"./{program}"
        os.execve("/bin/sh", ["/bin/sh", path, *spec.argv[1:]], spec.env)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _pipe() -> tuple[int, int]:
    """A close-on-exec pipe whose ends are not 0 to 2, even where the user closed those."""
    ends = os.pipe()
    spare: list[int] = []
    while min(ends) < 3:
        spare += ends
        ends = os.pipe()
    for fd in spare:
        os.close(fd)
    return ends


def _error(report: dict, program: str, spec: RunSpec) -> ReenactError:
    name, text = spec.argv[0], report["text"]
    if report["stage"] == "cwd":
        return ReenactError("no-such-folder", f"cannot run in {spec.cwd}: {text}", exit_code=EXIT_USAGE)
    if report["stage"] != "exec":
        return ReenactError("start-failed", f"cannot start {name}: {text}", exit_code=EXIT_NOT_EXECUTABLE)
    if report["errno"] == errno.ENOENT:
        return ReenactError(
            "bad-interpreter",
            f"cannot run {name}: the interpreter in its first line does not exist",
            fix=f"head -1 {program}",
            exit_code=EXIT_NOT_EXECUTABLE,
        )
    return ReenactError("cannot-execute", f"cannot run {name}: {text}", exit_code=EXIT_NOT_EXECUTABLE)
