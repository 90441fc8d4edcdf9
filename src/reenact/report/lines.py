"""Building a report line by line: headings, fields, paragraphs and small tables with a measured width."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

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
    sizes = [[cell_len(cell.plain) for cell in row] for row in cells]
    widths = _widths(sizes)
    lines = []
    for row, taken in zip(cells, sizes):
        parts: list[Text | str] = []
        for i, (cell, width) in enumerate(zip(row, taken)):
            pad = " " * (widths[i] - width)
            parts += [GAP] if i else []
            parts += [pad, cell] if i in right else [cell, pad]
        line = Text.assemble(*parts)
        line.rstrip()
        lines.append(line)
    return lines


def natural_width(rows: Sequence[Sequence[Text]]) -> int:
    """Columns that the rows take when nothing is cut."""
    widths = _widths([[cell_len(cell.plain) for cell in row] for row in rows])
    return sum(widths) + len(GAP) * max(0, len(widths) - 1)


def _widths(sizes: Sequence[Sequence[int]]) -> list[int]:
    return [max(column) for column in zip_longest(*sizes, fillvalue=0)]
