"""Building a report line by line: headings, fields, paragraphs and small tables with a measured width."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

HEADING = "bold"
LABEL = "dim"
GAP = "  "

Cell = Text | str


class Lines:
    """Collects the lines of a report.

    Args:
        width: columns to wrap sentences at; tables and ids are never cut or wrapped.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._lines: list[Text] = []

    def add(self, *parts: Cell | tuple[str, str], indent: int = 0) -> None:
        """One line of parts, each plain, a Text, or (text, style)."""
        line = Text(" " * indent)
        for part in parts:
            line.append_text(Text(*part) if isinstance(part, tuple) else Text(part) if isinstance(part, str) else part)
        line.rstrip()
        self._lines.append(line)

    def blank(self) -> None:
        """An empty line, unless there is one already or nothing before it."""
        if self._lines and self._lines[-1].plain:
            self._lines.append(Text())

    def heading(self, title: str, remark: str = "") -> None:
        """A title with a remark beside it, set off by an empty line."""
        self.blank()
        self.add((title, HEADING), ("  " + remark if remark else "", LABEL))

    def field(self, label: str, value: Cell, *, indent: int = 0, label_width: int = 11) -> None:
        """``label  value``; a long value goes on below itself."""
        lead = Text(" " * indent + label.ljust(label_width) + " ", style=LABEL)
        if isinstance(value, Text):
            self.add(lead, value)
            return
        self._wrapped(value, lead, "")

    def sentence(self, text: str, *, indent: int = 0, lead: Cell = "", style: str = "") -> None:
        """A paragraph, wrapped; ``lead`` stands before its first line."""
        first = Text(" " * indent)
        first.append_text(lead if isinstance(lead, Text) else Text(lead))
        self._wrapped(text, first, style)

    def _wrapped(self, text: str, lead: Text, style: str) -> None:
        room = max(20, self.width - cell_len(lead.plain))
        # A word longer than the line is an id, a path or a digest: better too long than broken.
        pieces = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
        self.add(lead, (pieces[0], style))
        for piece in pieces[1:]:
            self.add((piece, style), indent=cell_len(lead.plain))

    def table(self, rows: Sequence[Sequence[Cell]], *, indent: int = 0, right: Sequence[int] = ()) -> None:
        """Rows of cells in columns as wide as their widest cell.

        Args:
            right: columns that are aligned to the right.
        """
        for line in columns(rows, right):
            self.add(line, indent=indent)

    def text(self) -> Text:
        """The report, without a line end after its last line."""
        return Text("\n").join(self._lines)


def columns(rows: Sequence[Sequence[Cell]], right: Sequence[int] = ()) -> list[Text]:
    """Each row as one line, its cells padded to common widths."""
    cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    many = max((len(row) for row in cells), default=0)
    widths = [max((cell_len(row[i].plain) for row in cells if i < len(row)), default=0) for i in range(many)]
    lines = []
    for row in cells:
        line = Text()
        for i, cell in enumerate(row):
            pad = " " * (widths[i] - cell_len(cell.plain))
            if i:
                line.append(GAP)
            if i in right:
                line.append(pad)
            line.append_text(cell)
            if i not in right:
                line.append(pad)
        line.rstrip()
        lines.append(line)
    return lines


def text_width(text: Text) -> int:
    """Columns that the widest line of a text takes."""
    return max((cell_len(line) for line in text.plain.split("\n")), default=0)
