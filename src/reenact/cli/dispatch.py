"""From words to a verb, and from whatever it raises to one clear message and an exit code."""

from __future__ import annotations

import os
import sys
from typing import TextIO

import click

from .. import knobs
from ..errors import EXIT_USAGE, ReenactError
from ..report.quantities import plain
from .group import root

EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def dispatch(words: list[str], stdout: TextIO | None, stderr: TextIO | None) -> int:
    """Run one command; what it prints goes to the streams given. Never raises for what a command does.

    Args:
        words: the command line, without the program's name.
        stdout, stderr: this process's own when None.
    """
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = stdout or sys.stdout, stderr or sys.stderr
    folder, shown = _folder(), os.environ.get("PWD")
    try:
        return _guarded(words)
    finally:
        sys.stdout, sys.stderr = streams
        _return_to(folder, shown)


def _guarded(words: list[str]) -> int:
    try:
        code = _invoke(words)
        sys.stdout.flush()
        return code
    except BaseException as error:
        return _failed(error)


def _invoke(words: list[str]) -> int:
    # Not click's own main(): it turns Ctrl-C and a closed pipe into exit codes that are not ours.
    with root.make_context("reenact", list(words)) as context:
        code = root.invoke(context)
    return code if isinstance(code, int) else 0


def _failed(error: BaseException) -> int:
    """Say what failed, and give the exit code for it."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit):
        return _exit_code(error)
    if isinstance(error, BrokenPipeError):
        _silence_stdout()
        return EXIT_BROKEN_PIPE
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    _show_traceback(error)
    error = _clean(error)
    if isinstance(error, ReenactError):
        _say(plain(error.render(), lines=True))
        return error.exit_code
    if isinstance(error, click.Abort):
        _say("error: stopped, nothing was changed")
        return EXIT_USAGE
    kind = f"{type(error).__name__}: {error}".strip().rstrip(":")
    _say(f"internal error: {' '.join(kind.split())}")
    _say("  fix:   this is a bug in reenact: report it with the command, and the traceback that REENACT_DEBUG=1 shows")
    return EXIT_INTERNAL


def _clean(error: BaseException) -> BaseException:
    """The error as one that a person can act on, where it is."""
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "reenact"
        return ReenactError("usage", _sentence(error.format_message()), fix=f"see `{path} --help`")
    if isinstance(error, OSError) and error.filename is not None:
        from ..record.atomic import raise_clean

        try:
            raise_clean(error, os.fsdecode(error.filename))
        except ReenactError as clean:
            return clean
        except OSError:
            pass
    return error


def _sentence(message: str) -> str:
    text = " ".join(message.split()).rstrip(".")
    return text[:1].lower() + text[1:]


def _exit_code(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    _say(str(error.code))
    return 1


def _say(text: str) -> None:
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except UnicodeEncodeError:
        sys.stderr.write(text.encode("ascii", "backslashreplace").decode() + "\n")
    except (OSError, ValueError):
        pass  # nobody is listening


def _show_traceback(error: BaseException) -> None:
    if knobs.flag(knobs.DEBUG):
        import traceback

        _say("".join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip("\n"))


def _silence_stdout() -> None:
    """Let nothing complain again about the closed pipe when the interpreter flushes at exit."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError, AttributeError):
        pass


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _return_to(folder: str | None, shown: str | None) -> None:
    """Undo ``-C`` for a caller in this process."""
    if folder is not None and _folder() != folder:
        os.chdir(folder)
        if shown is None:
            os.environ.pop("PWD", None)
        else:
            os.environ["PWD"] = shown
