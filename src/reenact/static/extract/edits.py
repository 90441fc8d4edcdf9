"""Replacing pieces of a source by their place in its syntax tree, everything else staying as it is."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Edit:
    """Replace the characters from ``start`` to ``end`` of the source by ``text``."""

    start: int
    end: int
    text: str


class Places:
    """Where the nodes of a syntax tree lie in the text that it was parsed from, whose lines end with a newline.

    Args:
        text: the source.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(index + 1 for index, char in enumerate(text) if char == "\n")]
        self._ascii = text.isascii()

    def offset(self, line: int, column: int) -> int:
        """Offset into the text of a line (from 1) and a column in bytes of UTF-8, as ast gives them."""
        start = self._starts[line - 1]
        if self._ascii:
            return start + column
        return start + len(self._text[start : self.line_end(line)].encode()[:column].decode())

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Offsets of a node's first character and of what follows its last."""
        start = self.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]
        return start, self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def line_start(self, line: int) -> int:
        """Offset of the first character of a line, from 1; the length of the text for the line after the last one."""
        return self._starts[line - 1] if line <= len(self._starts) else len(self._text)

    def line_end(self, line: int) -> int:
        """Offset of what follows a line and its newline."""
        return self.line_start(line + 1)

    def line_of(self, offset: int) -> int:
        """The line, from 1, that an offset lies in."""
        return self._text.count("\n", 0, offset) + 1


def apply(text: str, edits: list[Edit], start: int = 0, end: int | None = None) -> str:
    """The text from ``start`` to ``end`` with the edits that lie in it done. Edits do not overlap."""
    end = len(text) if end is None else end
    out: list[str] = []
    at = start
    for edit in sorted(edits):
        if edit.start < start or edit.end > end:
            continue
        out += (text[at : edit.start], edit.text)
        at = edit.end
    out.append(text[at:end])
    return "".join(out)


def indented(text: str, by: str) -> str:
    """The lines of a text moved to the right, but for those that begin within a string.

    Raises:
        SyntaxError, tokenize.TokenError: the text is no Python.
    """
    within = _begun_in_strings(text)
    lines = text.splitlines(keepends=True)
    return "".join(
        line if number in within or not line.strip() else by + line for number, line in enumerate(lines, start=1)
    )


def _begun_in_strings(text: str) -> set[int]:
    """Lines, from 1, whose first character is within a string."""
    found: set[int] = set()
    opened: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "STRING":
            found.update(range(token.start[0] + 1, token.end[0] + 1))
        elif kind == "FSTRING_START":
            opened.append(token.start[0])
        elif kind == "FSTRING_END":
            found.update(range(opened.pop() + 1, token.end[0] + 1))
    return found
