"""Constants that the command line overrides: sources are read from edited copies, under their own names.

The supervisor has written the copies. The interpreter opens the script itself, after this probe has started, and nothing
can hand it other bytes under the same name; so it is started with the copy, and before the first line runs everything
that tells the name is put right: ``sys.argv``, ``sys.path[0]``, ``__file__``, the loader and the names in the code. Modules,
and the script where a spawned process reads it again, come from the copy through the loader, past the cached bytecode.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from .audit import listen
from .entropy import dress
from .journal import complain
from .state import Probe

ENDINGS = (".py", ".pyw")


def install(probe: Probe) -> None:
    """Begins to give copies in the place of the originals; does nothing in a run without overrides."""
    settings = probe.settings.get("overrides")
    if not settings:
        return
    copies: dict[str, str] = settings["copies"]
    script = settings.get("script")
    words = getattr(sys, "argv", None)
    if script and words and words[0] == script["copy"]:
        _as_typed(script["copy"], script["word"])
        listen("exec", _Start(probe, script["copy"], script["word"]).executed)
    elif script:
        listen("cpython.run_file", _Again(probe, script["path"]).opened)
    _read_copies(copies)


def _as_typed(copy: str, word: str) -> None:
    sys.argv[0] = word
    original = getattr(sys, "orig_argv", None)
    if original is not None:
        sys.orig_argv = [word if one == copy else one for one in original]


class _Start:
    """Waits for the script's code, which the interpreter announces before it runs it."""

    def __init__(self, probe: Probe, copy: str, word: str) -> None:
        self._probe = probe
        self._copy = copy
        self._word = word
        self._done = False
        # The interpreter made it absolute at its start, in the folder that it started in.
        self._path = os.path.join(os.getcwd(), word)

    def executed(self, args: tuple[Any, ...]) -> None:
        """The audit event ``exec``."""
        if self._done:
            return
        try:
            code = args[0]
            if getattr(code, "co_filename", None) != self._copy or code.co_name != "<module>":
                return
            self._done = True
            self._rename(code)
        except Exception as problem:
            complain("overrides", problem)
            self._probe.journal.gap("override-names", f"the script runs under another name: {problem!r}")

    def _rename(self, code: Any) -> None:
        import _imp

        fix: Any = _imp
        fix._fix_co_filename(code, self._path)
        main = sys.modules["__main__"].__dict__
        main["__file__"] = self._path
        loader: Any = main.get("__loader__")
        if getattr(loader, "path", None) == self._copy:
            loader.path = self._path
        if sys.path and sys.path[0] == os.path.dirname(os.path.realpath(self._copy)):
            sys.path[0] = os.path.dirname(os.path.realpath(self._path))


class _Again:
    """Notes a process that runs the script as a script of its own: it sees the constants as they are in the file."""

    def __init__(self, probe: Probe, path: str) -> None:
        self._probe = probe
        self._path = path

    def opened(self, args: tuple[Any, ...]) -> None:
        """The audit event ``cpython.run_file``."""
        if args and os.path.abspath(str(args[0])) == self._path:
            self._probe.journal.gap("override-child", f"{self._path} ran in a child process without its overrides")


def _read_copies(copies: dict[str, str]) -> None:
    import _frozen_importlib_external as external
    import _io

    loader: Any = external.SourceFileLoader
    get_code = loader.get_code

    def copy_of(path: Any) -> str | None:
        if not isinstance(path, str):
            return None
        return copies.get(path) or copies.get(os.path.realpath(path)) if path.endswith(ENDINGS) else None

    def get_code_of(self: Any, fullname: Any) -> Any:
        copy = copy_of(self.path)
        if copy is None:
            return get_code(self, fullname)
        # The original is read too: that it was is how it comes into the record.
        self.get_data(self.path)
        with _io.open_code(copy) as file:
            data = file.read()
        # Not through the cache: it belongs to the original.
        return self.source_to_code(data, self.path)

    dress(get_code_of, get_code)
    loader.get_code = get_code_of
    import io

    io.open_code = _open_code(copy_of, io.open_code)


def _open_code(copy_of: Any, original: Any) -> Any:
    """``io.open_code`` for ``runpy``, through which a spawned process reads the script."""

    def open_code(path: str) -> Any:
        file = original(path)
        try:
            copy = copy_of(path)
            if copy is not None:
                file.close()
                file = original(copy)
        except Exception as problem:
            complain("overrides", problem)
        return file

    dress(open_code, original, "io")
    return open_code
