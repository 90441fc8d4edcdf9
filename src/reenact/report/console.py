"""Where reports go: colour on a terminal, plain text when piped."""

from __future__ import annotations

import codecs
import os
from collections.abc import Sequence
from typing import IO

from rich.console import Console
from rich.text import Text

WIDTH = 80
"""Columns of a report that is piped, unless COLUMNS says otherwise."""

_AT_ONCE = 200
_IN_ASCII = {"✓": "+", "✗": "x", "◌": "-", "●": "*", "≈": "~", "…": "...", "·": "|", "━": "-", "╸": "-", "╺": "-"}


def console(stream: IO[str]) -> Console:
    """A console that writes to ``stream``: colours on a terminal (NO_COLOR honoured), plain when piped.

    Text is printed as it is: no markup, no emoji codes, no guessing at what to highlight, nothing cut off.
    """
    width = None if is_terminal(stream) else _columns()
    tolerate(stream)
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False, soft_wrap=True)


def print_lines(out: Console, lines: Sequence[Text]) -> None:
    """Prints lines; many of them without colours far quicker than the console would."""
    if out.color_system is None:
        out.file.write("".join(f"{line.plain}\n" for line in lines))
        return
    for start in range(0, len(lines), _AT_ONCE):
        out.print(Text("\n").join(lines[start : start + _AT_ONCE]))


def is_terminal(stream: IO[str]) -> bool:
    """True when the stream is an open terminal."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def tolerate(stream: IO[str]) -> None:
    """Let a stream that cannot encode everything spell our marks in ASCII, and anything else as an escape."""
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "")
    if encoding != "utf8" and hasattr(stream, "reconfigure"):
        codecs.register_error("reenact", _spelled)
        stream.reconfigure(errors="reenact")


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(char) or char.encode("ascii", "backslashreplace").decode() for char in text), error.end


def _columns() -> int:
    try:
        return max(40, int(os.environ["COLUMNS"]))
    except (KeyError, ValueError):
        return WIDTH
